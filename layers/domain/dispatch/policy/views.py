"""The plans as they are shown. Imported by HTTP functions only."""

from collections.abc import Iterable

from dispatch.core.views import View, by_example
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

    model_config = by_example(
        {
            "items": [
                {"id": "free", "type": "chat", "minutes": 15, "price_cents": 0, "credits": 0},
                {"id": "quick", "type": "chat", "minutes": 30, "price_cents": 999, "credits": 10},
                {
                    "id": "standard",
                    "type": "video",
                    "minutes": 45,
                    "price_cents": 2999,
                    "credits": 25,
                },
                {
                    "id": "diagnostic",
                    "type": "diagnostic",
                    "minutes": 60,
                    "price_cents": 4999,
                    "credits": 40,
                },
            ],
            "next_cursor": None,
        }
    )

    items: list[PlanView]
    next_cursor: None = None

    @classmethod
    def of(cls, plans: Iterable[Plan]) -> "PlanList":
        return cls(items=[PlanView.model_validate(plan) for plan in plans])
