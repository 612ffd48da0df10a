"""What callers are shown of mechanics. Imported by HTTP functions only."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from dispatch.core import time
from dispatch.core.examples import CITY, CLOCKED_IN_AT, KEYWORDS, MECHANIC_ID
from dispatch.core.views import Instant, View, by_example
from dispatch.mechanics import rules
from dispatch.mechanics.model import Mechanic, Presence

ADA: dict[str, Any] = {
    "id": MECHANIC_ID,
    "name": "Ada Chen",
    "photo_url": None,
    "rating": 4.8,
    "years_of_experience": 12,
    "completed_sessions": 64,
    "certified": True,
    "brand_specializations": ["Honda", "Acura"],
    "service_keywords": [*KEYWORDS, "brake repair"],
    "city": CITY,
    "country": "CA",
}
"""The mechanic of the API document's examples."""


class PublicMechanic(View):
    """What everybody may know of a mechanic: no contact, no postal code."""

    model_config = by_example(ADA)

    id: str
    name: str = Field(examples=["Ada Chen"])
    photo_url: str | None
    rating: float | None = Field(examples=[4.8], description="Mean of the stars, 1 to 5")
    years_of_experience: int | None
    completed_sessions: int
    certified: bool = Field(description="Professionally certified, and the certification is valid")
    brand_specializations: tuple[str, ...] = Field(examples=[["BMW"]])
    service_keywords: tuple[str, ...] = Field(examples=[["engine diagnostic"]])
    city: str | None = Field(examples=["Toronto"])
    country: str | None = Field(examples=["CA"], description="ISO 3166-1 alpha-2")

    @classmethod
    def of(cls, mechanic: Mechanic) -> Self:
        profile = mechanic.profile
        return cls(
            id=profile.id,
            name=profile.name,
            photo_url=profile.photo_url,
            rating=float(profile.rating) if profile.rating is not None else None,
            years_of_experience=profile.years_of_experience,
            completed_sessions=profile.completed_sessions,
            certified=rules.is_certified(rules.roster_entry(mechanic), time.now().date()),
            brand_specializations=profile.brand_specializations,
            service_keywords=profile.service_keywords,
            city=profile.city,
            country=profile.country,
        )


class MechanicView(PublicMechanic):
    """A mechanic, and whether they are there."""

    model_config = by_example({**ADA, "presence_status": "online", "last_seen_at": CLOCKED_IN_AT})

    presence_status: Presence
    last_seen_at: Instant | None = Field(
        description="Last clock-in or -out, session begun or ended"
    )

    @classmethod
    def seen(cls, mechanic: Mechanic, capacity: int, now: datetime) -> Self:
        public = PublicMechanic.of(mechanic)
        return cls(
            **public.model_dump(),
            presence_status=rules.presence(rules.duty_at(mechanic, now), capacity),
            last_seen_at=mechanic.last_seen_at,
        )
