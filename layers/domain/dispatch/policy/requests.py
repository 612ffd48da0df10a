"""What changing the policy takes, checked field by field. Imported by HTTP functions only."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from dispatch.core.views import Body, GivenInstant, Line, by_example
from dispatch.policy.model import Plan, Policy, Quotas, Scoring, SessionType
from dispatch.policy.views import EXAMPLE

MAX_STEPS = 5
MAX_PLANS = 20
_HOUR_S = 60 * 60
_DAY_S = 24 * _HOUR_S


def _whole(lowest: int, highest: int) -> Any:
    """A whole number of that range. No text and no fraction is taken for one."""
    return Field(ge=lowest, le=highest, strict=True)


_Points = Annotated[int, _whole(-1000, 1000)]
_Some = Annotated[int, _whole(1, 20)]
_Lasting = Annotated[int, _whole(1, 90 * _DAY_S)]
_Unpaid = Annotated[int, _whole(1, 23 * _HOUR_S)]
"""Stripe keeps a page open for a day at most, and ours outlasts the session by half an hour."""

_Margin = Annotated[int, _whole(0, 90 * _DAY_S)]
_Percent = Annotated[int, _whole(0, 100)]
_PARTS = {"scoring", "plans", "refund_percent", "quotas", "changed_at", "changed_by"}
_Steps = Field(max_length=MAX_STEPS, description="The highest threshold first")


class _StepBody(Body):
    at_least: int
    points: _Points

    def to_step(self) -> tuple[int, int]:
        return self.at_least, self.points


class ExperienceStepBody(_StepBody):
    """Points for so many years."""

    at_least: Annotated[int, _whole(1, 100)]


class SessionsStepBody(_StepBody):
    """Points for so many completed sessions."""

    at_least: Annotated[int, _whole(1, 1_000_000)]


class ProfileStepBody(_StepBody):
    """Points for a profile complete to so many percent."""

    at_least: Annotated[int, _whole(1, 100)]


class RatingStepBody(Body):
    """Points for a mean of so many stars, to two decimals."""

    at_least: float = Field(ge=0, le=5, strict=True)
    points: _Points

    def to_step(self) -> tuple[Decimal, int]:
        return Decimal(str(self.at_least)), self.points


class ScoringBody(Body):
    """Points of the match score."""

    on_shift: _Points
    off_shift: _Points
    same_country: _Points
    same_area: _Points
    same_city: _Points
    other_country: _Points
    experience_years: list[ExperienceStepBody] = _Steps
    rating: list[RatingStepBody] = _Steps
    certified: _Points
    completed_sessions: list[SessionsStepBody] = _Steps
    keyword: _Points
    complete_profile: list[ProfileStepBody] = _Steps
    brand_specialist: _Points
    badge_high: int = _whole(-10_000, 10_000)
    badge_good: int = _whole(-10_000, 10_000)

    def to_scoring(self) -> Scoring:
        points: dict[str, Any] = {
            name: tuple(step.to_step() for step in value) if isinstance(value, list) else value
            for name, value in self
        }
        return Scoring(**points)


class PlanBody(Body):
    """What can be booked; free of charge where both prices are 0."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    type: SessionType
    minutes: int = _whole(1, 480)
    price_cents: int = _whole(0, 1_000_000)
    credits: int = _whole(0, 1_000_000)


class RefundStepBody(Body):
    """The share of the price that a cancellation so far ahead of the start gives back."""

    more_than_s: _Margin
    percent: _Percent


_Times = Annotated[int, _whole(1, 1_000_000)]


class QuotasBody(Body):
    """How often one user may do what is dear: 429 for more."""

    bookings_a_day: _Times = Field(description="Sessions started or moved")
    uploads_an_hour: _Times
    waitlist_joins_an_hour: _Times
    devices_an_hour: _Times
    edits_an_hour: _Times = Field(description="Of profile, vehicles, working hours and time off")

    def to_quotas(self) -> Quotas:
        return Quotas(**self.model_dump())


class PolicyBody(Body):
    """The whole of it: there is no number that may be left out. ``_s`` are seconds."""

    model_config = by_example(EXAMPLE)

    version: int = Field(ge=1, strict=True, description="The one that was read")
    scoring: ScoringBody
    plans: list[PlanBody] = Field(min_length=1, max_length=MAX_PLANS)
    min_profile_completion: _Percent
    capacity: _Some = Field(description="Sessions that a mechanic may have at a time")
    offers_per_wave: _Some
    offer_s: _Lasting
    broadcast_push_limit: int = _whole(1, 500)
    awaiting_s: _Unpaid
    overtime_s: _Margin
    preferred_s: _Lasting
    pending_s: _Lasting
    pending_total_s: _Lasting
    join_s: _Lasting
    no_show_s: _Lasting
    misses_to_clock_out: int = _whole(1, 100)
    shift_s: _Lasting
    waitlist_s: _Lasting
    claim_s: _Lasting
    buffer_s: int = _whole(0, 2 * _HOUR_S)  # a booking's quarter hours fit into a transaction
    notice_s: _Margin
    horizon_s: _Lasting
    hold_s: _Unpaid
    reschedule_s: _Margin
    refund_percent: list[RefundStepBody] = Field(
        max_length=MAX_STEPS, description="The furthest ahead first; nothing behind the last"
    )
    start_grace_s: _Margin
    elsewhere_grace_s: _Margin
    quotas: QuotasBody
    changed_at: GivenInstant | None = Field(None, description="As read: does not count")
    changed_by: Line | None = Field(None, description="As read: does not count")

    def to_policy(self) -> Policy:
        numbers = {name: value for name, value in self if name not in _PARTS}
        return Policy(
            **numbers,
            scoring=self.scoring.to_scoring(),
            plans=tuple(Plan(**plan.model_dump()) for plan in self.plans),
            refund_percent=tuple((step.more_than_s, step.percent) for step in self.refund_percent),
            quotas=self.quotas.to_quotas(),
        )
