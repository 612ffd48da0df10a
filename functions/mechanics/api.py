"""HTTP: public profiles of mechanics."""

from dispatch.core import http, time
from dispatch.core.http import AnyCaller, answers
from dispatch.mechanics import service
from dispatch.mechanics.views import MechanicView
from dispatch.policy import service as policies

app = http.create_app("Mechanics")


@app.get("/mechanics/{mechanic_id}", responses=answers(404))
async def mechanic(mechanic_id: str, who: AnyCaller) -> MechanicView:
    """A mechanic's public profile. Only approved mechanics are visible to others."""
    found = service.profile_for(mechanic_id, by=who.id)
    return MechanicView.seen(found, policies.current(time.now()).capacity)


handler = http.lambda_handler(app)
