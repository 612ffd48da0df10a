"""HTTP: the open catalogues, and booking a session."""

from typing import Annotated

from dispatch.core import http, time
from dispatch.core.http import Caller, Customer, answers
from dispatch.core.idempotency import Once
from dispatch.matching.views import BrandList, KeywordList
from dispatch.policy.service import current
from dispatch.policy.views import PlanList
from dispatch.sessions.model import Session
from dispatch.sessions.requests import IntakeBody
from dispatch.sessions.service import book_session
from dispatch.sessions.views import IntakeView

app = http.create_app("Intake")


def _view(session: Session, _who: Caller) -> IntakeView:
    return IntakeView.of(session)


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


@app.post("/intake/start", status_code=201, responses=answers(409))
async def start(
    body: IntakeBody, who: Customer, once: Annotated[Once | None, http.once(201, _view)]
) -> IntakeView:
    """Book a session. It awaits the waiver; then the search for a mechanic begins."""
    return IntakeView.of(book_session(body.to_intake(), who.id, time.now(), once))


handler = http.lambda_handler(app)
