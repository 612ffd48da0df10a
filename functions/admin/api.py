"""HTTP: what only the operators of the service may do."""

from typing import Annotated

from dispatch.core import http, time
from dispatch.core.http import Admin, Caller, answers
from dispatch.core.idempotency import Once
from dispatch.policy import service as policies
from dispatch.policy.model import PolicyVersion
from dispatch.policy.requests import PolicyBody
from dispatch.policy.views import PolicyView
from dispatch.sessions import service as sessions
from dispatch.sessions.examples import REASSIGNED
from dispatch.sessions.model import Session
from dispatch.sessions.requests import AdminReasonBody, ReassignBody
from dispatch.sessions.views import AdminSessionView

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


def _session(session: Session, _who: Caller) -> AdminSessionView:
    return AdminSessionView.model_validate(session)


Keyed = Annotated[Once | None, http.once(200, _session)]


@app.post("/admin/sessions/{session_id}/cancel", responses=answers(404, 409))
async def cancel(
    session_id: str, body: AdminReasonBody, who: Admin, once: Keyed
) -> AdminSessionView:
    """Cancel what is not live yet. All that was paid is given back."""
    called_off = sessions.call_off_session(session_id, who.id, body.reason, time.now(), once)
    return _session(called_off, who)


@app.post("/admin/sessions/{session_id}/reassign", responses=answers(404, 409, example=REASSIGNED))
async def reassign(
    session_id: str, body: ReassignBody, who: Admin, once: Keyed
) -> AdminSessionView:
    """Take an accepted session from its mechanic before it is live: another one is sought."""
    again = sessions.reassign_session(
        session_id, who.id, body.reason, time.now(), once, mechanic_id=body.mechanic_id
    )
    return _session(again, who)


handler = http.lambda_handler(app)
