"""A policy as a JSON document and back. Pure."""

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from dispatch.policy.model import Plan, Policy, Scoring, SessionType

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
    rest["plans"] = tuple(
        Plan(**_known(Plan, plan) | {"type": SessionType(plan["type"])})
        for plan in document["plans"]
    )
    return Policy(**rest)


def _known(shape: type[Plan | Policy | Scoring], document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in shape.__dataclass_fields__ if name in document}
