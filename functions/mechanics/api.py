"""HTTP: who is available, and public profiles of mechanics."""

from typing import Annotated

from dispatch.core import http, time
from dispatch.core.http import AnyCaller, answers
from dispatch.matching.requests import BrowseParameters
from dispatch.matching.service import browse_mechanics
from dispatch.matching.views import AvailableList
from dispatch.mechanics import service
from dispatch.mechanics.views import MechanicView
from dispatch.policy import service as policies

from fastapi import Query

app = http.create_app("Mechanics")


@app.get("/mechanics/available", responses=answers(503))
async def available(wanted: Annotated[BrowseParameters, Query()], who: AnyCaller) -> AvailableList:
    """Who matches, best first, and whether anybody of them is on shift."""
    found = browse_mechanics(
        wanted.to_query(), who.id, time.now(), limit=wanted.limit, cursor=wanted.cursor
    )
    return AvailableList.of(found)


@app.get("/mechanics/{mechanic_id}", responses=answers(404))
async def mechanic(mechanic_id: str, who: AnyCaller) -> MechanicView:
    """A mechanic's public profile. Only approved mechanics are visible to others."""
    now = time.now()
    found = service.profile_for(mechanic_id, by=who.id)
    return MechanicView.seen(found, policies.current(now).capacity, now)


handler = http.lambda_handler(app)
