"""What a policy may say, and how it is a JSON document and back. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from dispatch.core.errors import Conflict, FieldError
from dispatch.policy.model import Plan, Policy, Quotas, Scoring, SessionType

STEPS = ("experience_years", "rating", "completed_sessions", "complete_profile")
"""The criteria of the score that are worth the more the higher a threshold is reached."""


def to_document(policy: Policy) -> dict[str, Any]:
    """The policy in JSON's own types; ratings are texts, so that they stay exact."""
    document = asdict(policy)
    document["scoring"]["rating"] = [[str(step), points] for step, points in policy.scoring.rating]
    return document


def from_document(document: Mapping[str, Any]) -> Policy:
    """The policy of a stored document.

    A number that an older document lacks has its default; one that only a newer release knows is
    passed over.
    """
    scoring = _known(Scoring, document["scoring"])
    for steps in ("experience_years", "completed_sessions", "complete_profile"):
        if steps in scoring:
            scoring[steps] = tuple((step, points) for step, points in scoring[steps])
    if "rating" in scoring:
        scoring["rating"] = tuple((Decimal(step), points) for step, points in scoring["rating"])
    rest = _known(Policy, document)
    if "refund_percent" in rest:
        rest["refund_percent"] = tuple((ahead, share) for ahead, share in rest["refund_percent"])
    rest["scoring"] = Scoring(**scoring)
    rest["quotas"] = Quotas(**_known(Quotas, document.get("quotas", {})))
    rest["plans"] = tuple(
        Plan(**_known(Plan, plan) | {"type": SessionType(plan["type"])})
        for plan in document["plans"]
    )
    return Policy(**rest)


def _known(
    shape: type[Plan | Policy | Quotas | Scoring], document: Mapping[str, Any]
) -> dict[str, Any]:
    return {name: document[name] for name in shape.__dataclass_fields__ if name in document}


# What it may say. Types and ranges are checked where it comes from: here is what goes with what.

_FREE = "free"
LEAST_PRICE_CENTS = 50
"""Stripe opens no page for less, in most currencies: such a plan could not be paid for."""
_RATING_STEP = Decimal("0.01")


def stale(newest: int) -> Conflict:
    """Somebody else has changed the policy since it was read."""
    return Conflict(
        "stale_version",
        f"The policy has changed since you read it: its newest version is {newest}. Read it again.",
    )


def faults_of(policy: Policy) -> list[FieldError]:
    """Everything about a policy that contradicts itself, by JSON pointers into its document."""
    return [*_of_scoring(policy), *_of_plans(policy), *_of_refunds(policy), *_of_times(policy)]


def _of_scoring(policy: Policy) -> Iterator[FieldError]:
    scoring = policy.scoring
    for name in STEPS:
        yield from _unordered(f"/scoring/{name}", "at_least", getattr(scoring, name))
    for position, (at_least, _) in enumerate(scoring.rating):
        if at_least % _RATING_STEP:
            yield FieldError(f"/scoring/rating/{position}/at_least", "has more than two decimals")
    if scoring.badge_good > scoring.badge_high:
        yield FieldError("/scoring/badge_good", "is above badge_high")


def _unordered(
    pointer: str, name: str, steps: Sequence[tuple[int | Decimal, int]]
) -> Iterator[FieldError]:
    for position in range(1, len(steps)):
        if steps[position][0] >= steps[position - 1][0]:
            yield FieldError(
                f"{pointer}/{position}/{name}", "is not below the step before: the highest is first"
            )


def _of_plans(policy: Policy) -> Iterator[FieldError]:
    if not policy.plans:
        yield FieldError("/plans", "is empty: nothing could be booked")
    seen: set[str] = set()
    for position, plan in enumerate(policy.plans):
        pointer = f"/plans/{position}"
        if plan.id in seen:
            yield FieldError(f"{pointer}/id", "is the id of another plan, too")
        seen.add(plan.id)
        if plan.id == _FREE and plan.price_cents:
            yield FieldError(f"{pointer}/price_cents", "is not 0, though the plan is called free")
        if 0 < plan.price_cents < LEAST_PRICE_CENTS:
            least = f"is less than the {LEAST_PRICE_CENTS} cents that Stripe takes at least"
            yield FieldError(f"{pointer}/price_cents", least)
        if bool(plan.price_cents) is not bool(plan.credits):
            yield FieldError(f"{pointer}/credits", "is 0 if and only if price_cents is")


def _of_refunds(policy: Policy) -> Iterator[FieldError]:
    steps = policy.refund_percent
    yield from _unordered("/refund_percent", "more_than_s", steps)
    for position in range(1, len(steps)):
        if steps[position][1] > steps[position - 1][1]:
            yield FieldError(
                f"/refund_percent/{position}/percent", "is more than for cancelling earlier"
            )


def _of_times(policy: Policy) -> Iterator[FieldError]:
    for shorter, longer in (
        ("pending_s", "pending_total_s"),
        ("notice_s", "horizon_s"),
    ):
        if getattr(policy, shorter) > getattr(policy, longer):
            yield FieldError(f"/{shorter}", f"is longer than {longer}")
