"""HTTP: what only the operators of the service may do."""

from typing import Annotated

from dispatch.core import http, time
from dispatch.core.http import Admin, Caller, answers
from dispatch.core.idempotency import Once
from dispatch.policy import service as policies
from dispatch.policy.model import PolicyVersion
from dispatch.policy.requests import PolicyBody
from dispatch.policy.views import PolicyView

app = http.create_app("Admin")


def _policy(made: PolicyVersion, _who: Caller) -> PolicyView:
    return PolicyView.of(made)


@app.get("/admin/policy")
async def policy(_who: Admin) -> PolicyView:
    """The newest policy, and who made it when."""
    return PolicyView.of(policies.newest())


@app.put("/admin/policy", responses=answers(409))
async def change_policy(
    body: PolicyBody, who: Admin, once: Annotated[Once | None, http.once(200, _policy)]
) -> PolicyView:
    """A new version, in force everywhere within a minute. Refused whole, with what is wrong."""
    made = policies.change(body.to_policy(), body.version, who.id, time.now(), once)
    return PolicyView.of(made)


handler = http.lambda_handler(app)
