"""The policy: every number an operator may change without a deploy.

The defaults are policy version 1 of ``domain.md``. A policy is immutable; a change makes a new
version. A session keeps the version that was in force when it became pending.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class SessionType(StrEnum):
    """How customer and mechanic talk to each other."""

    CHAT = "chat"
    VIDEO = "video"
    DIAGNOSTIC = "diagnostic"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a customer can book.

    ``minutes`` is the booked length; ``price_cents`` and ``credits`` are what it costs by either
    payment method, both zero for the free plan.
    """

    id: str
    type: SessionType
    minutes: int
    price_cents: int
    credits: int


@dataclass(frozen=True, slots=True)
class Scoring:
    """Points of the match score. Steps are ``(threshold, points)``, highest threshold first."""

    on_shift: int = 50
    off_shift: int = 20
    same_country: int = 25
    same_area: int = 40
    same_city: int = 35
    other_country: int = -20
    experience_years: tuple[tuple[int, int], ...] = ((10, 20), (5, 10))
    rating: tuple[tuple[Decimal, int], ...] = ((Decimal("4.5"), 15), (Decimal("4.0"), 10))
    certified: int = 10
    completed_sessions: tuple[tuple[int, int], ...] = ((50, 12), (20, 8))
    keyword: int = 15
    complete_profile: tuple[tuple[int, int], ...] = ((95, 8),)
    brand_specialist: int = 30
    badge_high: int = 150
    badge_good: int = 100


@dataclass(frozen=True, slots=True)
class Quotas:
    """How often one user may do what is dear, in a day or an hour of UTC.

    Far more than a person does, far less than a machine can: a fleet books for a dozen cars, an app
    registers its device at each start, an editor saves every minute.
    """

    bookings_a_day: int = 20
    uploads_an_hour: int = 30
    waitlist_joins_an_hour: int = 20
    devices_an_hour: int = 60
    edits_an_hour: int = 60


def _plans() -> tuple[Plan, ...]:
    return (
        Plan("free", SessionType.CHAT, 15, 0, 0),
        Plan("quick", SessionType.CHAT, 30, 999, 10),
        Plan("standard", SessionType.VIDEO, 45, 2999, 25),
        Plan("diagnostic", SessionType.DIAGNOSTIC, 60, 4999, 40),
    )


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of the rules. Names ending in ``_s`` are seconds.

    ``refund_percent`` is what the customer's cancellation of a scheduled session gives back: steps
    of ``(more than so many seconds ahead, percent)``, most first; else nothing. ``start_grace_s``
    is how long a mechanic is called at a session's start, ``elsewhere_grace_s`` how long a customer
    may be busy with another session then.
    """

    version: int = 1
    scoring: Scoring = field(default_factory=Scoring)
    plans: tuple[Plan, ...] = field(default_factory=_plans)
    min_profile_completion: int = 80
    capacity: int = 1
    offers_per_wave: int = 3
    offer_s: int = 5 * 60
    broadcast_push_limit: int = 50
    awaiting_s: int = 30 * 60
    overtime_s: int = 10 * 60
    preferred_s: int = 2 * 60
    pending_s: int = 30 * 60
    pending_total_s: int = 60 * 60
    join_s: int = 5 * 60
    no_show_s: int = 10 * 60
    misses_to_clock_out: int = 3
    shift_s: int = 12 * 60 * 60
    waitlist_s: int = 24 * 60 * 60
    claim_s: int = 5 * 60
    buffer_s: int = 10 * 60
    notice_s: int = 2 * 60 * 60
    horizon_s: int = 60 * 24 * 60 * 60
    hold_s: int = 15 * 60
    reschedule_s: int = 2 * 60 * 60
    refund_percent: tuple[tuple[int, int], ...] = ((24 * 60 * 60, 100), (2 * 60 * 60, 50))
    start_grace_s: int = 5 * 60
    elsewhere_grace_s: int = 10 * 60
    quotas: Quotas = field(default_factory=Quotas)

    @property
    def shortest_plan(self) -> Plan:
        """Who has no time for this has none for any."""
        return min(self.plans, key=lambda plan: plan.minutes)

    def plan(self, plan_id: str) -> Plan | None:
        """The plan of that id, or None."""
        return next((plan for plan in self.plans if plan.id == plan_id), None)


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A stored policy: who made it, and when. Of the first one, which nobody made, neither."""

    policy: Policy
    changed_at: datetime | None = None
    changed_by: str | None = None
