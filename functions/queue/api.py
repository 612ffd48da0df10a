"""HTTP: a mechanic's queue, and the answers to what is in it."""

from typing import Annotated

from dispatch.core import http, time
from dispatch.core.http import Caller, Mechanic, answers
from dispatch.core.idempotency import Once
from dispatch.core.views import NoBody
from dispatch.offers.requests import DeclineBody
from dispatch.offers.service import queue_of
from dispatch.offers.views import QueueView
from dispatch.sessions import examples, service
from dispatch.sessions.model import Session
from dispatch.sessions.requests import ReasonBody
from dispatch.sessions.views import SessionView

from fastapi import Request, Response

app = http.create_app("Queue")


def _view(session: Session, who: Caller) -> SessionView:
    return SessionView.of(service.details(session, who.id, time.now()))


Keyed = Annotated[Once | None, http.once(200, _view)]


@app.get("/mechanic/queue", response_model=QueueView, **http.with_etag())
async def queue(who: Mechanic, request: Request) -> Response:
    """What is offered to the caller, in their hands, and open to anybody; best first."""
    now = time.now()
    return http.conditional(request, QueueView.of(queue_of(who.id, now), now))


@app.post(
    "/mechanic/assignments/{assignment_id}/accept",
    responses=answers(404, 409, example=examples.ACCEPTED),
)
async def accept(
    assignment_id: str, who: Mechanic, once: Keyed, _body: NoBody | None = None
) -> SessionView:
    """Take the session. Of any who try, one gets it."""
    return _view(service.accept_offer(assignment_id, who.id, time.now(), once), who)


@app.post(
    "/mechanic/assignments/{assignment_id}/decline",
    responses=answers(404, 409, example=examples.DECLINED),
)
async def decline(assignment_id: str, body: DeclineBody, who: Mechanic, once: Keyed) -> SessionView:
    """Pass. A declined broadcast is hidden from the caller and stays open for others."""
    session = service.decline_offer(assignment_id, who.id, body.reason, time.now(), once)
    return _view(session, who)


@app.post(
    "/mechanic/assignments/{assignment_id}/release",
    responses=answers(404, 409, example=examples.RELEASED),
)
async def release(assignment_id: str, body: ReasonBody, who: Mechanic, once: Keyed) -> SessionView:
    """Give an accepted session back before it is live."""
    session = service.release_session(assignment_id, who.id, body.reason, time.now(), once)
    return _view(session, who)


handler = http.lambda_handler(app)
