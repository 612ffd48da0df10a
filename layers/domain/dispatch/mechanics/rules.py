"""Who may be matched, who is available, and what makes a valid profile (``domain.md``)."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

from dispatch.core import places
from dispatch.core.errors import FieldError, Invalid
from dispatch.mechanics.model import (
    Duty,
    Mechanic,
    Presence,
    Profile,
    RosterEntry,
    Status,
    Unavailable,
)
from dispatch.policy.model import Policy


def is_certified(entry: RosterEntry, on: date) -> bool:
    """Whether the certification counts on that day (UTC), its last day included."""
    return entry.certified and not has_lapsed(entry, on)


def has_lapsed(entry: RosterEntry, on: date) -> bool:
    """Whether a certification was held and is past its last day."""
    return entry.certified and entry.certified_until is not None and entry.certified_until < on


def is_eligible(entry: RosterEntry, policy: Policy, on: date, brand_key: str | None = None) -> bool:
    """Whether a mechanic may be matched, listed or offered on that day, on shift or not.

    ``brand_key`` is the folded brand of a brand-specialist request, which only specialists get.
    """
    return (
        is_qualified(entry, policy)
        and not has_lapsed(entry, on)
        and (brand_key is None or brand_key in entry.brand_keys)
    )


def is_qualified(entry: RosterEntry, policy: Policy) -> bool:
    """The part of eligibility that depends neither on the day nor on the request."""
    return entry.approved and entry.profile_completion >= policy.min_profile_completion


def is_id(text: str) -> bool:
    """Whether a mechanic may have this id. Ask before using one from outside as a key."""
    return 0 < len(text) <= MAX_TEXT


def is_visible(mechanic: Mechanic) -> bool:
    """Whether others than the mechanic may see the public profile."""
    return mechanic.profile.status is Status.APPROVED


def duty_at(mechanic: Mechanic, now: datetime) -> Duty:
    """Presence and load at that instant.

    A shift that has lasted as long as one may is over, or closing with the session in hand: the
    deadline holds, whether it was rung or not.
    """
    ends_at = mechanic.shift_ends_at
    if not mechanic.duty.on_shift or ends_at is None or now < ends_at:
        return mechanic.duty
    if mechanic.duty.load:
        return replace(mechanic.duty, closing=True)
    return replace(mechanic.duty, on_shift=False)


def presence(duty: Duty, capacity: int) -> Presence:
    if not duty.on_shift:
        return Presence.OFFLINE
    return Presence.ONLINE if room(duty, capacity) else Presence.BUSY


def room(duty: Duty, capacity: int) -> int:
    """How many sessions more somebody may take now: none while their shift is closing."""
    return max(0, capacity - duty.load) if duty.on_shift and not duty.closing else 0


def is_clear(duty: Duty, keeps_until: datetime) -> bool:
    """Whether a session that keeps them so long is over when their own next booking starts."""
    return duty.next_booking_at is None or duty.next_booking_at >= keeps_until


def why_not_available(
    mechanic: Mechanic | None,
    policy: Policy,
    now: datetime,
    brand_key: str | None = None,
    keeps_until: datetime | None = None,
) -> Unavailable | None:
    """The first reason why this mechanic cannot take a session now; None if they can.

    ``keeps_until`` is when the session would leave them free, its buffer included; without it their
    own bookings do not matter.
    """
    if mechanic is None or not is_eligible(roster_entry(mechanic), policy, now.date(), brand_key):
        return Unavailable.NOT_ELIGIBLE
    match presence(duty_at(mechanic, now), policy.capacity):
        case Presence.OFFLINE:
            return Unavailable.OFF_SHIFT
        case Presence.BUSY:
            return Unavailable.AT_CAPACITY
    if keeps_until and not is_clear(mechanic.duty, keeps_until):
        return Unavailable.AT_CAPACITY
    return None


def roster_entry(mechanic: Mechanic) -> RosterEntry:
    """What ranking needs to know of a mechanic, names resolved."""
    profile = mechanic.profile
    return RosterEntry(
        id=profile.id,
        approved=profile.status is Status.APPROVED,
        duty=mechanic.duty,
        country=profile.country,
        subdivision=places.subdivision(profile.country, profile.state_province),
        city=profile.city,
        city_key=places.fold(profile.city) if profile.city else None,
        area=places.postal_area(profile.country, profile.postal_code),
        years_of_experience=profile.years_of_experience,
        rating=profile.rating,
        certified=profile.certified,
        certified_until=profile.certification_expires_on if profile.certified else None,
        completed_sessions=profile.completed_sessions,
        profile_completion=profile.profile_completion,
        keyword_keys=tuple(places.fold(name) for name in profile.service_keywords),
        brands=profile.brand_specializations,
        brand_keys=tuple(places.fold(name) for name in profile.brand_specializations),
        name_key=places.fold(profile.name),
    )


# Stars

RATING_DIGITS = 18
"""Behind the point of a mean, cut off there. Exact for whatever is done with it.

A mean reaches a threshold of no more digits if and only if its cut does. Two means of ``m`` and
``n`` stars differ by at least ``1 / (m * n)`` or not at all: below a thousand million stars each
their cuts stand in the same order, and are equal if and only if they are.
"""

_EXACTLY = Context(prec=60)


@lru_cache(10_000)
def mean_of_stars(total: Decimal, count: int) -> Decimal | None:
    """The mean of so many stars, exact as ``RATING_DIGITS`` says; None before the first."""
    if not count:
        return None
    units = _EXACTLY.divide_int(_EXACTLY.scaleb(total, RATING_DIGITS), Decimal(count))
    return _EXACTLY.normalize(_EXACTLY.scaleb(units, -RATING_DIGITS))


def stars_of_record(profile: Profile) -> tuple[Decimal, int]:
    """Sum and count of the stars behind a rating that came with a record, which tells none.

    It weighs as if each of the sessions completed by then had been rated, and at least one.
    """
    if profile.rating is None:
        return Decimal(0), 0
    count = max(1, profile.completed_sessions)
    return _EXACTLY.multiply(profile.rating, Decimal(count)), count


class _Wrong(Exception):
    """What is wrong with one field."""


def profile_from(record: Mapping[str, Any]) -> Profile:
    """The profile that a record in JSON's types describes.

    Absent and null fields are unknown. Raises Invalid with a pointer for every field that is
    wrong, unknown to us or, ``id``, ``name`` and ``profile_completion``, missing.
    """
    errors = [
        FieldError(f"/{name}", "is not a field of a mechanic's profile")
        for name in record
        if name not in _FIELDS
    ]
    errors += [
        FieldError(f"/{name}", "is required") for name in _REQUIRED if record.get(name) is None
    ]
    fields: dict[str, Any] = {}
    for name, parse in _FIELDS.items():
        value = record.get(name)
        if value is None:
            continue
        try:
            fields[name] = parse(value)
        except _Wrong as wrong:
            errors.append(FieldError(f"/{name}", str(wrong)))
    if errors:
        raise Invalid(errors)
    return Profile(**fields)


MAX_TEXT = 200
"""Characters, of an id too."""

_MAX_NAMES = 100
_MAX_COUNT = 1_000_000


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Wrong("must be a text that is not empty")
    if not places.is_unicode(value):
        raise _Wrong("must be valid Unicode")
    if len(value) > MAX_TEXT:
        raise _Wrong(f"must have at most {MAX_TEXT} characters")
    return value.strip()


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _MAX_NAMES:
        raise _Wrong(f"must be a list of at most {_MAX_NAMES} texts")
    return tuple(_text(name) for name in value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("must be true or false")
    return value


def _whole(value: Any, highest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= highest:
        raise _Wrong(f"must be a whole number from 0 to {highest}")
    return value


def _count(value: Any) -> int:
    return _whole(value, _MAX_COUNT)


def _percent(value: Any) -> int:
    return _whole(value, 100)


def _stars(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _Wrong("must be a number from 0 to 5")
    mean = Decimal(str(value))
    if not mean.is_finite() or not 0 <= mean <= 5:
        raise _Wrong("must be a number from 0 to 5")
    return mean


def _day(value: Any) -> date:
    try:
        return date.fromisoformat(_text(value))
    except ValueError:
        raise _Wrong("must be a day such as 2026-07-01") from None


def _status(value: Any) -> Status:
    try:
        return Status(value)
    except ValueError:
        raise _Wrong(f"must be one of {', '.join(Status)}") from None


def _country(value: Any) -> str:
    code = places.country(_text(value))
    if code is None:
        raise _Wrong("must be an ISO 3166 code or an English country name")
    return code


def _time_zone(value: Any) -> str:
    zone = _text(value)
    if not re.fullmatch(r"[\w+-]+(/[\w+-]+)*", zone, re.ASCII):
        raise _Wrong("must be the name of a time zone such as America/Toronto")
    return zone


_REQUIRED = ("id", "name", "profile_completion")
_FIELDS = {
    "id": _text,
    "name": _text,
    "status": _status,
    "email": _text,
    "phone": _text,
    "photo_url": _text,
    "country": _country,
    "state_province": _text,
    "city": _text,
    "postal_code": _text,
    "time_zone": _time_zone,
    "years_of_experience": _count,
    "rating": _stars,
    "certified": _flag,
    "certification_expires_on": _day,
    "completed_sessions": _count,
    "service_keywords": _names,
    "brand_specializations": _names,
    "profile_completion": _percent,
}
