"""Mechanics and requests for tests: valid as they are, each test says only what it is about."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from dispatch.matching.model import MatchRequest, RequestType
from dispatch.matching.rules import match_request
from dispatch.mechanics.model import Duty, Mechanic, RosterEntry
from dispatch.mechanics.rules import profile_from, roster_entry

ONE_DAY = timedelta(days=1)

FREE = Duty(on_shift=True)
BUSY = Duty(on_shift=True, load=1)
OFF = Duty()
CLOSING = Duty(on_shift=True, load=1, closing=True)


def a_record(**fields: Any) -> dict[str, Any]:
    """A mechanic as operators and the local stack hand them in."""
    return {
        "id": "mechanic-1",
        "name": "Ada Chen",
        "country": "Canada",
        "state_province": "Ontario",
        "city": "Toronto",
        "postal_code": "M5V 2B2",
        "years_of_experience": 6,
        "rating": 4.8,
        "certified": True,
        "certification_expires_on": None,
        "completed_sessions": 30,
        "service_keywords": ["engine diagnostic"],
        "profile_completion": 90,
        "brand_specializations": ["BMW"],
        **fields,
    }


def a_mechanic(duty: Duty = FREE, **fields: Any) -> Mechanic:
    return Mechanic(profile_from(a_record(**fields)), duty)


def an_entry(duty: Duty = FREE, **fields: Any) -> RosterEntry:
    return roster_entry(a_mechanic(duty, **fields))


def a_request(**fields: Any) -> MatchRequest:
    """From a customer in downtown Toronto."""
    return match_request(
        **{
            "country": "Canada",
            "state_province": "Ontario",
            "city": "Toronto",
            "postal_code": "M5V 1A1",
            "keywords": ("engine diagnostic",),
            **fields,
        }
    )


def a_request_like(case: Mapping[str, Any]) -> MatchRequest:
    """The request of a case in ``vectors/scoring.json``."""
    return match_request(
        request_type=RequestType(case["request_type"]),
        requested_brand=case["requested_brand"],
        keywords=case["keywords"],
        country=case["customer_country"],
        state_province=case.get("customer_state_province"),
        city=case["customer_city"],
        postal_code=case["customer_postal_code"],
        prefer_local_mechanic=case["prefer_local_mechanic"],
    )
