"""HTTP: the open catalogues, booking a session, and moving what is booked."""

from typing import Annotated

from dispatch.core import http, time
from dispatch.core.http import Caller, Customer, answers
from dispatch.core.idempotency import Once
from dispatch.matching.views import BrandList, KeywordList
from dispatch.policy.service import current
from dispatch.policy.views import PlanList
from dispatch.sessions import examples
from dispatch.sessions.model import Session
from dispatch.sessions.requests import IntakeBody, RescheduleBody
from dispatch.sessions.service import book_session, details, reschedule_session
from dispatch.sessions.views import IntakeView, SessionView

app = http.create_app("Intake")


def _view(session: Session, _who: Caller) -> IntakeView:
    return IntakeView.of(session)


def _moved(session: Session, who: Caller) -> SessionView:
    return SessionView.of(details(session, who.id, time.now()))


@app.get("/plans")
async def plans() -> PlanList:
    """What can be booked, and what it costs."""
    return PlanList.of(current(time.now()).plans)


@app.get("/service-keywords")
async def service_keywords() -> KeywordList:
    """The canonical service keywords, group by group."""
    return KeywordList.of_all()


@app.get("/brands")
async def brands() -> BrandList:
    """The car brands a specialist can be asked for."""
    return BrandList.of_all()


@app.post("/intake/start", status_code=201, responses=answers(402, 409, 429))
async def start(
    body: IntakeBody, who: Customer, once: Annotated[Once | None, http.once(201, _view)]
) -> IntakeView:
    """Book a session. It awaits the waiver, and payment by Stripe; then a mechanic is sought."""
    return IntakeView.of(book_session(body.to_intake(), who.id, time.now(), once))


@app.post(
    "/sessions/{session_id}/reschedule",
    responses=answers(404, 409, 429, example=examples.SCHEDULED),
)
async def reschedule(
    session_id: str,
    body: RescheduleBody,
    who: Customer,
    once: Annotated[Once | None, http.once(200, _moved)],
) -> SessionView:
    """Move a scheduled session to another slot of its mechanic, until two hours before it."""
    moved = reschedule_session(session_id, who.id, body.scheduled_start, time.now(), once)
    return _moved(moved, who)


handler = http.lambda_handler(app)
