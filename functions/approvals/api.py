"""HTTP: admins decide who is a mechanic."""

from typing import Annotated

from dispatch.core import http, time
from dispatch.core.http import Admin, Caller, Cursor, Limit, answers
from dispatch.core.idempotency import Once
from dispatch.core.views import NoBody
from dispatch.mechanics.model import Mechanic, MechanicStatus, StandingMove
from dispatch.profiles import service as profiles
from dispatch.profiles.requests import SuspensionBody
from dispatch.profiles.views import AdminProfileList, AdminProfileView

app = http.create_app("Approvals")


def _profile(mechanic: Mechanic, _who: Caller) -> AdminProfileView:
    return AdminProfileView.of(mechanic, time.now())


OnceProfile = Annotated[Once | None, http.once(200, _profile)]


@app.get("/admin/mechanics")
async def mechanics(
    _who: Admin,
    status: MechanicStatus = MechanicStatus.PENDING,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> AdminProfileList:
    """Mechanics of one status, who attained it longest ago first, with all that they have said."""
    return AdminProfileList.of(*profiles.listed(status, limit, cursor), time.now())


@app.post("/admin/mechanics/{mechanic_id}/approve", responses=answers(404, 409))
async def approve(
    mechanic_id: str, who: Admin, once: OnceProfile, _body: NoBody | None = None
) -> AdminProfileView:
    """A mechanic from now on, who may be matched as soon as the profile is complete enough."""
    move = StandingMove.APPROVE
    return _profile(profiles.decide(mechanic_id, move, who.id, time.now(), once=once), who)


@app.post("/admin/mechanics/{mechanic_id}/suspend", responses=answers(404, 409))
async def suspend(
    mechanic_id: str, body: SuspensionBody, who: Admin, once: OnceProfile
) -> AdminProfileView:
    """No sessions any more: offers pass on, what waits seeks another, what is live is finished."""
    move, reason = StandingMove.SUSPEND, body.reason
    made = profiles.decide(mechanic_id, move, who.id, time.now(), reason=reason, once=once)
    return _profile(made, who)


@app.post("/admin/mechanics/{mechanic_id}/reinstate", responses=answers(404, 409))
async def reinstate(
    mechanic_id: str, who: Admin, once: OnceProfile, _body: NoBody | None = None
) -> AdminProfileView:
    """The suspension is over."""
    move = StandingMove.REINSTATE
    return _profile(profiles.decide(mechanic_id, move, who.id, time.now(), once=once), who)


handler = http.lambda_handler(app)
