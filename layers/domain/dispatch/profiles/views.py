"""Profiles as their mechanics and admins are shown them. Imported by HTTP functions only.

Both see contact and certification; what everybody may know is ``mechanics.views``.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Self

from pydantic import Field

from dispatch.core.examples import MECHANIC_ID
from dispatch.core.views import Instant, View, by_example
from dispatch.mechanics.model import Completion, Mechanic, MechanicStatus, SpecialistTier
from dispatch.profiles import service
from dispatch.profiles.requests import EXAMPLE

_MINE: dict[str, Any] = {
    "id": MECHANIC_ID,
    "version": 4,
    "status": "approved",
    "profile_completion": 88,
    **EXAMPLE,
    "photo_url": None,
    "rating": 4.8,
    "completed_sessions": 64,
}


class CertificationView(View):
    """A Professional Certification."""

    number: str | None
    issuer: str | None
    region: str | None
    expires_on: date | None


class ProfileView(View):
    """All that the caller has said of themselves, and what has come of it.

    `version` is what a change is to name.
    """

    model_config = by_example(_MINE)

    id: str
    version: int
    status: MechanicStatus = Field(description="`pending` until an admin approves")
    profile_completion: int = Field(
        description="Percent; from 80 on a mechanic may be matched. See "
        "`GET /mechanics/{id}/profile-completion`"
    )
    name: str
    email: str | None
    phone: str | None
    about_me: str | None
    shop_affiliation: str | None
    hourly_rate_cents: int | None
    languages: tuple[str, ...]
    street_address: str | None
    country: str | None
    state_province: str | None
    city: str | None
    postal_code: str | None
    time_zone: str | None
    years_of_experience: int | None
    specialist_tier: SpecialistTier
    brand_specializations: tuple[str, ...]
    service_keywords: tuple[str, ...]
    certification: CertificationView | None
    photo_url: str | None
    rating: float | None
    completed_sessions: int

    @classmethod
    def of(cls, mechanic: Mechanic, now: datetime) -> Self:
        return cls(**_told(mechanic, now))


_FIELDS = (
    "id",
    "status",
    "name",
    "email",
    "phone",
    "about_me",
    "shop_affiliation",
    "hourly_rate_cents",
    "languages",
    "street_address",
    "country",
    "state_province",
    "city",
    "postal_code",
    "time_zone",
    "years_of_experience",
    "specialist_tier",
    "brand_specializations",
    "service_keywords",
    "photo_url",
    "completed_sessions",
)


def _told(mechanic: Mechanic, now: datetime) -> dict[str, Any]:
    profile = mechanic.profile
    certification = CertificationView(
        number=profile.certification_number,
        issuer=profile.certification_issuer,
        region=profile.certification_region,
        expires_on=profile.certification_expires_on,
    )
    return {name: getattr(profile, name) for name in _FIELDS} | {
        "version": mechanic.version,
        "profile_completion": service.percentage(profile, now),
        "certification": certification if profile.certified else None,
        "rating": float(profile.rating) if profile.rating is not None else None,
    }


class AdminProfileView(ProfileView):
    """A mechanic as admins see them."""

    model_config = by_example(
        {
            **_MINE,
            "status": "suspended",
            "status_since": "2026-03-02T16:20:00.000Z",
            "suspension_reason": "Three customers report work that was never done",
        }
    )

    status_since: Instant | None = Field(description="When the status was attained, if known")
    suspension_reason: str | None

    @classmethod
    def of(cls, mechanic: Mechanic, now: datetime) -> Self:
        profile = mechanic.profile
        return cls(
            **_told(mechanic, now),
            status_since=profile.status_since,
            suspension_reason=profile.suspension_reason,
        )


_APPLICANT = {
    **_MINE,
    "version": 2,
    "status": "pending",
    "rating": None,
    "completed_sessions": 0,
    "status_since": "2026-03-01T09:00:00.000Z",
    "suspension_reason": None,
}


class AdminProfileList(View):
    """Mechanics of one status, who attained it longest ago first."""

    model_config = by_example({"items": [_APPLICANT], "next_cursor": None})

    items: list[AdminProfileView]
    next_cursor: str | None

    @classmethod
    def of(cls, mechanics: Iterable[Mechanic], cursor: str | None, now: datetime) -> Self:
        return cls(
            items=[AdminProfileView.of(mechanic, now) for mechanic in mechanics],
            next_cursor=cursor,
        )


class MissingView(View):
    """A part of the profile that is not there."""

    field: str
    weight: int = Field(description="What it counts, of 100; of 125 for specialists")


class CompletionView(View):
    """How complete a profile is: percent of what applies, rounded down."""

    model_config = by_example(
        {
            "mechanic_id": MECHANIC_ID,
            "percentage": 88,
            "missing": [{"field": "photo", "weight": 15}],
            "next_steps": ["Upload a photo of yourself."],
        }
    )

    mechanic_id: str
    percentage: int
    missing: list[MissingView]
    next_steps: list[str] = Field(description="What to do, in the order of `missing`")

    @classmethod
    def of(cls, mechanic_id: str, completion: Completion) -> Self:
        return cls(
            mechanic_id=mechanic_id,
            percentage=completion.percentage,
            missing=[MissingView.model_validate(each) for each in completion.missing],
            next_steps=[each.next_step for each in completion.missing],
        )
