"""HTTP: a session, from its waiver to its end."""

from typing import Annotated

from dispatch.core import http, time
from dispatch.core.http import AnyCaller, Caller, Cursor, Customer, Limit, answers
from dispatch.core.idempotency import Once
from dispatch.core.views import NoBody
from dispatch.sessions import examples, service
from dispatch.sessions.model import Session
from dispatch.sessions.requests import CancelBody, RateBody, SessionsParameters, WaiverBody
from dispatch.sessions.views import SessionList, SessionView, Timeline

from fastapi import Query, Request, Response

app = http.create_app("Sessions")


def _view(session: Session, who: Caller) -> SessionView:
    return SessionView.of(service.details(session, who.id, time.now()))


Keyed = Annotated[Once | None, http.once(200, _view)]


@app.get("/sessions")
async def sessions(who: AnyCaller, wanted: Annotated[SessionsParameters, Query()]) -> SessionList:
    """The caller's sessions, newest first: a customer's own, a mechanic's accepted ones."""
    return SessionList.of(service.sessions_of(who.id, now=time.now(), **wanted.of(who)), who.id)


@app.get("/sessions/{session_id}", response_model=SessionView, **http.with_etag(404))
async def session(session_id: str, who: AnyCaller, request: Request) -> Response:
    """One session, for its customer and its assigned mechanic."""
    found = service.for_party(session_id, who.id, time.now())
    return http.conditional(request, _view(found, who))


@app.get("/sessions/{session_id}/events", responses=answers(404))
async def events(
    session_id: str, who: AnyCaller, limit: Limit = 50, cursor: Cursor = None
) -> Timeline:
    """What has happened to the session, oldest first."""
    found, page = service.timeline(session_id, who.id, time.now(), limit, cursor)
    return Timeline.of(found, page, who.id)


@app.post("/sessions/{session_id}/waiver", responses=answers(404, 409, example=examples.PENDING))
async def waiver(session_id: str, body: WaiverBody, who: Customer, once: Keyed) -> SessionView:
    """Sign. The search for a mechanic begins, unless it is to be paid for by Stripe first."""
    return _view(service.sign_waiver(session_id, who.id, body.full_name, time.now(), once), who)


@app.post("/sessions/{session_id}/join", responses=answers(404, 409, example=examples.LIVE))
async def join(
    session_id: str, who: AnyCaller, once: Keyed, _body: NoBody | None = None
) -> SessionView:
    """Come to the session. It is live when both sides have come."""
    return _view(service.join_session(session_id, who.id, time.now(), once), who)


@app.post("/sessions/{session_id}/end", responses=answers(404, 409, example=examples.COMPLETED))
async def end(
    session_id: str, who: AnyCaller, once: Keyed, _body: NoBody | None = None
) -> SessionView:
    """End a live session, from either side."""
    return _view(service.end_session(session_id, who.id, time.now(), once), who)


@app.post("/sessions/{session_id}/cancel", responses=answers(404, 409, example=examples.CANCELLED))
async def cancel(
    session_id: str, who: AnyCaller, once: Keyed, body: CancelBody | None = None
) -> SessionView:
    """Cancel before it is live (a mechanic: while it is scheduled); `refund` is given back."""
    reason = body.reason if body else None
    return _view(service.cancel_session(session_id, who.id, reason, time.now(), once), who)


@app.post("/sessions/{session_id}/rate", responses=answers(404, 409, example=examples.RATED))
async def rate(session_id: str, body: RateBody, who: Customer, once: Keyed) -> SessionView:
    """Rate a completed session, once, within 14 days of its end."""
    rated = service.rate_session(session_id, who.id, body.to_review(), time.now(), once)
    return _view(rated, who)


handler = http.lambda_handler(app)
