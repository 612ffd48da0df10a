"""Bodies of the assignment calls. Imported by HTTP functions only."""

from dispatch.core.views import Body, by_example
from dispatch.offers.model import DeclineReason


class DeclineBody(Body):
    """Why the mechanic does not want the session."""

    model_config = by_example({"reason": "not_my_skill"})

    reason: DeclineReason
