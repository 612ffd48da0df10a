"""HTTP: credits, paying for a session by Stripe, and what Stripe tells."""

from datetime import datetime
from typing import Annotated

from dispatch.core import http, time
from dispatch.core.http import Admin, Caller, Cursor, Customer, Limit, answers
from dispatch.core.idempotency import Once
from dispatch.core.views import NoBody
from dispatch.payments import service
from dispatch.payments.model import Checkout, Entry
from dispatch.payments.requests import GrantBody, GrantedTo
from dispatch.payments.views import CheckoutView, CreditEntryView, CreditsView, HeardView
from dispatch.sessions import paying

from fastapi import Header, Request

app = http.create_app("Payments")


@app.get("/customer/credits")
async def credits(who: Customer, limit: Limit = 20, cursor: Cursor = None) -> CreditsView:  # noqa: A001
    """The caller's credits, and how they came and went, newest first."""
    return CreditsView.of(service.ledger_of(who.id, limit, cursor))


def _granted(entry: Entry, _who: Caller) -> CreditEntryView:
    return CreditEntryView.of(entry)


@app.post("/admin/customers/{customer_id}/credits", status_code=201)
async def grant_credits(
    customer_id: GrantedTo,
    body: GrantBody,
    who: Admin,
    once: Annotated[Once | None, http.once(201, _granted)],
) -> CreditEntryView:
    """Give a customer credits, or take some away; never more than there are."""
    entry = service.grant(customer_id, body.amount, body.reason, who.id, time.now(), once)
    return CreditEntryView.of(entry)


def _page(opened: tuple[Checkout, datetime], _who: Caller) -> CheckoutView:
    return CheckoutView.of(*opened)


@app.post("/sessions/{session_id}/checkout", responses=answers(404, 409))
async def checkout(
    session_id: str,
    who: Customer,
    once: Annotated[Once | None, http.once(200, _page)],
    _body: NoBody | None = None,
) -> CheckoutView:
    """Where to pay for a session that awaits payment: one page, however often it is asked for."""
    return CheckoutView.of(*paying.open_checkout(session_id, who.id, time.now(), once))


@app.post("/payments/stripe/webhook", responses=answers(400))
async def webhook(
    request: Request, stripe_signature: Annotated[str | None, Header(max_length=2000)] = None
) -> HeardView:
    """For Stripe alone: what was paid and given back. Each event is dealt with once."""
    paying.hear_stripe(await request.body(), stripe_signature, time.now())
    return HeardView()


handler = http.lambda_handler(app)
