"""A made-up market, hard on purpose: many keywords, and half the customers where nobody is.

Reproducible: the same seed gives the same mechanics and the same requests.
"""

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from dispatch.matching.model import MatchRequest, RequestType
from dispatch.matching.rules import match_request
from dispatch.mechanics.model import Duty, Mechanic, MechanicStatus, Profile

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
KEYWORDS = tuple(f"keyword {number}" for number in range(46))
BRANDS = tuple(f"Brand {number}" for number in range(30))
PROVINCES = ("Ontario", "Quebec", "British Columbia", "Alberta", "Manitoba", "Nova Scotia")
STATES = ("New York", "California", "Texas", "Ohio", "Washington", "Florida")
_LETTERS = "ABCEGHJKLMNPRSTVXY"


@dataclass(frozen=True, slots=True)
class Town:
    country: str
    state_province: str
    name: str
    postal_codes: tuple[str, ...]


def _towns(dice: random.Random, count: int, prefix: str) -> list[Town]:
    towns = []
    for number in range(count):
        canadian = dice.random() < 0.6
        codes = tuple(
            f"{dice.choice(_LETTERS)}{dice.randrange(10)}{dice.choice(_LETTERS)} 1A1"
            if canadian
            else f"{dice.randrange(100_000):05d}"
            for _ in range(dice.choice((1, 2, 4, 12)))
        )
        country, region = ("CA", PROVINCES) if canadian else ("US", STATES)
        towns.append(Town(country, dice.choice(region), f"{prefix} {number}", codes))
    return towns


class Market:
    """Mechanics in 400 towns, the big ones crowded; customers half there and half elsewhere."""

    def __init__(self, seed: int = 1) -> None:
        self._dice = random.Random(seed)
        self._towns = _towns(self._dice, 400, "Town")
        self._weights = [1 / (rank + 1) for rank in range(len(self._towns))]
        self._empty = _towns(self._dice, 4_000, "Hamlet")

    def mechanics(self, count: int) -> Iterator[Mechanic]:
        """15 % on shift, of whom 30 % busy; 3 % not eligible."""
        for number in range(count):
            yield self._mechanic(number)

    def request(self) -> MatchRequest:
        """0 to 6 keywords; one in five asks for a brand specialist."""
        dice = self._dice
        town = dice.choice(self._empty) if dice.random() < 0.5 else self._town()
        brand = dice.random() < 0.2
        return match_request(
            request_type=RequestType.BRAND_SPECIALIST if brand else RequestType.GENERAL,
            requested_brand=dice.choice(BRANDS) if brand else None,
            keywords=dice.sample(KEYWORDS, dice.randrange(7)),
            country=town.country,
            state_province=town.state_province,
            city=town.name,
            postal_code=dice.choice(town.postal_codes),
            prefer_local_mechanic=dice.random() < 0.8,
        )

    def changed(self, mechanic: Mechanic) -> Mechanic:
        """The mechanic after a clock-in or a clock-out."""
        return replace(mechanic, duty=replace(mechanic.duty, on_shift=not mechanic.duty.on_shift))

    def _town(self) -> Town:
        return self._dice.choices(self._towns, self._weights)[0]

    def _mechanic(self, number: int) -> Mechanic:
        dice, town = self._dice, self._town()
        certified = dice.random() < 0.5
        profile = Profile(
            id=f"mechanic-{number:08d}",
            name=f"Mechanic {number}",
            status=MechanicStatus.APPROVED if dice.random() < 0.98 else MechanicStatus.SUSPENDED,
            country=town.country,
            state_province=town.state_province,
            city=town.name,
            postal_code=dice.choice(town.postal_codes),
            years_of_experience=dice.randrange(25),
            rating=Decimal(dice.randrange(300, 501)) / 100 if dice.random() < 0.8 else None,
            certified=certified,
            certification_expires_on=(
                (NOON + timedelta(days=dice.randrange(-20, 1500))).date() if certified else None
            ),
            completed_sessions=int(dice.expovariate(1 / 40)),
            service_keywords=tuple(dice.sample(KEYWORDS, dice.randrange(1, 13))),
            brand_specializations=tuple(dice.sample(BRANDS, dice.randrange(4))),
            profile_completion=dice.choice((80, 85, 90, 95, 100)),
        )
        return Mechanic(profile, self._duty())

    def _duty(self) -> Duty:
        dice = self._dice
        on_shift = dice.random() < 0.15
        return Duty(
            on_shift=on_shift,
            load=1 if on_shift and dice.random() < 0.3 else 0,
            waiting_since=NOON - timedelta(seconds=dice.randrange(1_000_000)),
        )


def record_of(profile: Profile) -> dict[str, Any]:
    """The profile as ``mechanics.service.upsert`` takes it."""
    expires_on = profile.certification_expires_on
    return asdict(profile) | {
        "rating": profile.rating and float(profile.rating),
        "certification_expires_on": expires_on and expires_on.isoformat(),
        "service_keywords": list(profile.service_keywords),
        "brand_specializations": list(profile.brand_specializations),
    }
