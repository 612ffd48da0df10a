"""Bodies of the assignment calls. Imported by HTTP functions only."""

from dispatch.core.views import Body
from dispatch.offers.model import DeclineReason


class DeclineBody(Body):
    """Why the mechanic does not want the session."""

    reason: DeclineReason
