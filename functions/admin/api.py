"""HTTP: what only the operators of the service may do."""

from typing import Annotated

from dispatch.core import http, time
from dispatch.core.http import Admin, Caller
from dispatch.core.idempotency import Once
from dispatch.payments import service as payments
from dispatch.payments.model import Entry
from dispatch.payments.requests import GrantBody, GrantedTo
from dispatch.payments.views import CreditEntryView
from dispatch.policy import service as policies
from dispatch.policy.views import PolicyView

app = http.create_app("Admin")


@app.get("/admin/policy")
async def policy(_who: Admin) -> PolicyView:
    """The newest policy, and who made it when."""
    return PolicyView.of(policies.newest())


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
    entry = payments.grant(customer_id, body.amount, body.reason, who.id, time.now(), once)
    return CreditEntryView.of(entry)


handler = http.lambda_handler(app)
