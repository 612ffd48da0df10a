"""HTTP: what only the operators of the service may do."""

from dispatch.core import http
from dispatch.core.http import Admin
from dispatch.policy import service as policies
from dispatch.policy.views import PolicyView

app = http.create_app("Admin")


@app.get("/admin/policy")
async def policy(_who: Admin) -> PolicyView:
    """The newest policy, and who made it when."""
    return PolicyView.of(policies.newest())


handler = http.lambda_handler(app)
