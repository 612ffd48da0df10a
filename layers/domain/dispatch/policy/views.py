"""The plans as they are shown. Imported by HTTP functions only."""

from collections.abc import Iterable

from dispatch.core.views import View
from dispatch.policy.model import Plan, SessionType


class PlanView(View):
    """What can be booked; free of charge where both prices are 0."""

    id: str
    type: SessionType
    minutes: int
    price_cents: int
    credits: int


class PlanList(View):
    """The plans of the policy in force."""

    items: list[PlanView]
    next_cursor: None = None

    @classmethod
    def of(cls, plans: Iterable[Plan]) -> "PlanList":
        return cls(items=[PlanView.model_validate(plan) for plan in plans])
