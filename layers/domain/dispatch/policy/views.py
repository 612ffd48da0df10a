"""Plans and policy as they are shown. Imported by HTTP functions only."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import Field

from dispatch.core.examples import ADMIN_ID, POLICY_CHANGED_AT
from dispatch.core.views import Instant, View, by_example
from dispatch.policy import rules
from dispatch.policy.model import Plan, PolicyVersion, SessionType


class PlanView(View):
    """What can be booked; free of charge where both prices are 0."""

    id: str
    type: SessionType
    minutes: int
    price_cents: int
    credits: int


_PLANS = [
    {"id": "free", "type": "chat", "minutes": 15, "price_cents": 0, "credits": 0},
    {"id": "quick", "type": "chat", "minutes": 30, "price_cents": 999, "credits": 10},
    {"id": "standard", "type": "video", "minutes": 45, "price_cents": 2999, "credits": 25},
    {"id": "diagnostic", "type": "diagnostic", "minutes": 60, "price_cents": 4999, "credits": 40},
]


class PlanList(View):
    """The plans of the policy in force."""

    model_config = by_example({"items": _PLANS, "next_cursor": None})

    items: list[PlanView]
    next_cursor: None = None

    @classmethod
    def of(cls, plans: Iterable[Plan]) -> "PlanList":
        return cls(items=[PlanView.model_validate(plan) for plan in plans])


class StepView(View):
    """Points for reaching a threshold."""

    at_least: int | float = Field(examples=[4.5])
    points: int = Field(examples=[15])


class RefundStepView(View):
    """The share of the price that a cancellation so far ahead of the start gives back."""

    more_than_s: int = Field(examples=[86400])
    percent: int = Field(examples=[100])


class ScoringView(View):
    """Points of the match score. Of steps the first that is reached counts."""

    on_shift: int
    off_shift: int
    same_country: int
    same_area: int
    same_city: int
    other_country: int
    experience_years: list[StepView]
    rating: list[StepView]
    certified: int
    completed_sessions: list[StepView]
    keyword: int
    complete_profile: list[StepView]
    brand_specialist: int
    badge_high: int
    badge_good: int


EXAMPLE: dict[str, Any] = {
    "version": 2,
    "scoring": {
        "on_shift": 50,
        "off_shift": 20,
        "same_country": 25,
        "same_area": 40,
        "same_city": 35,
        "other_country": -20,
        "experience_years": [{"at_least": 10, "points": 20}, {"at_least": 5, "points": 10}],
        "rating": [{"at_least": 4.5, "points": 15}, {"at_least": 4.0, "points": 10}],
        "certified": 10,
        "completed_sessions": [{"at_least": 50, "points": 12}, {"at_least": 20, "points": 8}],
        "keyword": 15,
        "complete_profile": [{"at_least": 95, "points": 8}],
        "brand_specialist": 30,
        "badge_high": 150,
        "badge_good": 100,
    },
    "plans": _PLANS,
    "min_profile_completion": 80,
    "capacity": 1,
    "offers_per_wave": 3,
    "offer_s": 300,
    "broadcast_push_limit": 50,
    "awaiting_s": 1800,
    "overtime_s": 600,
    "preferred_s": 120,
    "pending_s": 1800,
    "pending_total_s": 3600,
    "join_s": 300,
    "no_show_s": 600,
    "misses_to_clock_out": 3,
    "shift_s": 43200,
    "waitlist_s": 86400,
    "claim_s": 300,
    "buffer_s": 600,
    "notice_s": 7200,
    "horizon_s": 5184000,
    "hold_s": 900,
    "reschedule_s": 7200,
    "refund_percent": [
        {"more_than_s": 86400, "percent": 100},
        {"more_than_s": 7200, "percent": 50},
    ],
    "start_grace_s": 300,
    "elsewhere_grace_s": 600,
    "quotas": {
        "bookings_a_day": 20,
        "uploads_an_hour": 30,
        "waitlist_joins_an_hour": 20,
        "devices_an_hour": 60,
        "edits_an_hour": 60,
    },
}
"""What a policy looks like in the API document."""


class QuotasView(View):
    """How often one user may do what is dear: 429 for more."""

    bookings_a_day: int = Field(description="Sessions started or moved")
    uploads_an_hour: int
    waitlist_joins_an_hour: int
    devices_an_hour: int
    edits_an_hour: int = Field(description="Of profile, vehicles, working hours and time off")


class PolicyView(View):
    """The policy: every number that can be changed without a deploy. ``_s`` are seconds."""

    model_config = by_example({**EXAMPLE, "changed_at": POLICY_CHANGED_AT, "changed_by": ADMIN_ID})

    version: int
    scoring: ScoringView
    plans: list[PlanView]
    min_profile_completion: int
    capacity: int
    offers_per_wave: int
    offer_s: int
    broadcast_push_limit: int
    awaiting_s: int
    overtime_s: int
    preferred_s: int
    pending_s: int
    pending_total_s: int
    join_s: int
    no_show_s: int
    misses_to_clock_out: int
    shift_s: int
    waitlist_s: int
    claim_s: int
    buffer_s: int
    notice_s: int
    horizon_s: int
    hold_s: int
    reschedule_s: int
    refund_percent: list[RefundStepView]
    start_grace_s: int
    elsewhere_grace_s: int
    quotas: QuotasView
    changed_at: Instant | None = Field(description="Null of the first one, which nobody made")
    changed_by: str | None

    @classmethod
    def of(cls, stored: PolicyVersion) -> "PolicyView":
        document = rules.to_document(stored.policy)
        scoring = document["scoring"]
        for name in rules.STEPS:
            scoring[name] = [_step(step) for step in scoring[name]]
        document["refund_percent"] = [
            {"more_than_s": ahead, "percent": percent}
            for ahead, percent in document["refund_percent"]
        ]
        return cls(**document, changed_at=stored.changed_at, changed_by=stored.changed_by)


def _step(step: Sequence[Any]) -> dict[str, Any]:
    at_least = float(step[0]) if isinstance(step[0], str) else step[0]
    return {"at_least": at_least, "points": step[1]}
