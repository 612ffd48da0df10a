"""Who may be matched, who is available, and what makes a valid profile (``domain.md``)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

from dispatch.core import places
from dispatch.core.errors import Conflict, FieldError, IllegalMove, Invalid
from dispatch.mechanics.model import (
    Completion,
    Duty,
    Mechanic,
    MechanicStatus,
    Missing,
    Presence,
    Profile,
    ProfileEdit,
    RosterEntry,
    SpecialistTier,
    StandingMove,
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
    return mechanic.profile.status is MechanicStatus.APPROVED


def is_applicant(mechanic: Mechanic) -> bool:
    """Whether nobody has approved them yet: they were asked, booked and rated by nobody."""
    return mechanic.profile.status is MechanicStatus.PENDING


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
        approved=profile.status is MechanicStatus.APPROVED,
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


# What a complete profile has

ENOUGH_KEYWORDS = 3


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a profile, what it counts, when it is there, and what to do while it is not.

    Some apply to ``specialists`` alone.
    """

    field: str
    weight: int
    is_there: Callable[[Profile, date], bool]
    next_step: str
    specialists: bool = False


def has_full_location(profile: Profile) -> bool:
    """Country, zone, and what else addresses of that country have."""
    needed = (
        profile.country,
        profile.time_zone,
        *(getattr(profile, part) for part in profile.address_needs),
    )
    return all(needed)


def has_valid_certification(profile: Profile, on: date) -> bool:
    until = profile.certification_expires_on
    return profile.certified and (until is None or until >= on)


PARTS = (
    Part("name", 10, lambda of, _: bool(of.name), "Say what you are called."),
    Part("email", 5, lambda of, _: bool(of.email), "Add your email address."),
    Part("phone", 10, lambda of, _: bool(of.phone), "Add your phone number."),
    Part(
        "photo",
        15,
        lambda of, _: bool(of.photo_url),
        "Upload a photo of yourself.",
    ),
    Part("about_me", 5, lambda of, _: bool(of.about_me), "Write a few words about yourself."),
    Part(
        "location",
        15,
        lambda of, _: has_full_location(of),
        "Complete your address: country, state or province, city, postal code, time zone.",
    ),
    Part(
        "years_of_experience",
        10,
        lambda of, _: of.years_of_experience is not None,
        "Say for how many years you have been a mechanic.",
    ),
    Part(
        "service_keywords",
        15,
        lambda of, _: len(of.service_keywords) >= ENOUGH_KEYWORDS,
        f"Choose at least {ENOUGH_KEYWORDS} services from GET /service-keywords.",
    ),
    Part(
        "weekly_availability",
        10,
        lambda of, _: of.has_weekly_hours,
        "Say at which hours of the week you work: PUT /mechanic/availability.",
    ),
    Part("languages", 5, lambda of, _: bool(of.languages), "Say which languages you speak."),
    Part(
        "certification",
        15,
        has_valid_certification,
        "Add a Professional Certification that has not expired.",
        specialists=True,
    ),
    Part(
        "brand_specializations",
        10,
        lambda of, _: bool(of.brand_specializations),
        "Choose at least one brand that you specialise in from GET /brands.",
        specialists=True,
    ),
)
"""What a profile is asked for. Weights add up to 100, to 125 for specialists."""


def completion(profile: Profile, on: date) -> Completion:
    """How complete a profile is on that day (UTC): a certification may be past its last one."""
    is_specialist = profile.specialist_tier is SpecialistTier.BRAND_SPECIALIST
    asked = [part for part in PARTS if is_specialist or not part.specialists]
    missing = [part for part in asked if not part.is_there(profile, on)]
    whole = sum(part.weight for part in asked)
    there = whole - sum(part.weight for part in missing)
    return Completion(
        percentage=100 * there // whole,
        missing=tuple(Missing(part.field, part.weight, part.next_step) for part in missing),
    )


def with_completion(profile: Profile, on: date) -> Profile:
    """The profile with the percentage that it has by now.

    What an operator's record says stands until the mechanic edits the profile themselves. A
    certification that expires later leaves the stored percentage too high for a while; but whoever
    has one that is past its last day is not eligible, whatever their percentage.
    """
    if not profile.is_edited:
        return profile
    return replace(profile, profile_completion=completion(profile, on).percentage)


def edited(
    mechanic: Mechanic | None, mechanic_id: str, edit: ProfileEdit, version: int, now: datetime
) -> Profile:
    """The profile once the mechanic has edited it; nobody approved them by that.

    Raises Conflict ``stale_version`` unless ``version`` is the one in force, 0 before the first.
    """
    if version != (mechanic.version if mechanic else 0):
        raise Conflict(
            "stale_version", "Your profile has changed since you read it. Read it again."
        )
    before = mechanic.profile if mechanic else _applicant(mechanic_id, edit.name, now)
    changes = {each.name: getattr(edit, each.name) for each in fields(edit)}
    return with_completion(replace(before, **changes, is_edited=True), now.date())


def is_same_edit(mechanic: Mechanic | None, edit: ProfileEdit, version: int) -> bool:
    """Whether this very edit of that version was the last one: whoever repeats it, repeats it."""
    if mechanic is None or mechanic.version != version + 1 or not mechanic.profile.is_edited:
        return False
    profile = mechanic.profile
    return all(getattr(profile, each.name) == getattr(edit, each.name) for each in fields(edit))


def _applicant(mechanic_id: str, name: str, now: datetime) -> Profile:
    return Profile(id=mechanic_id, name=name, status=MechanicStatus.PENDING, status_since=now)


# Approval

TRANSITIONS = {
    (MechanicStatus.PENDING, StandingMove.APPROVE): MechanicStatus.APPROVED,
    (MechanicStatus.APPROVED, StandingMove.SUSPEND): MechanicStatus.SUSPENDED,
    (MechanicStatus.SUSPENDED, StandingMove.REINSTATE): MechanicStatus.APPROVED,
}


def is_repeat(profile: Profile, move: StandingMove) -> bool:
    """Whether that has been done to this account, and nothing else since."""
    match move:
        case StandingMove.APPROVE:
            return profile.status is MechanicStatus.APPROVED
        case StandingMove.SUSPEND:
            return profile.status is MechanicStatus.SUSPENDED
        case StandingMove.REINSTATE:
            return profile.status is MechanicStatus.APPROVED and profile.is_reinstated


def moved(
    mechanic: Mechanic, move: StandingMove, now: datetime, reason: str | None = None
) -> Mechanic:
    """The mechanic after an admin's decision. The ``reason`` is that of a suspension.

    Raises IllegalMove.
    """
    profile = mechanic.profile
    target = TRANSITIONS.get((profile.status, move))
    if target is None:
        raise IllegalMove(move, profile.status)
    after = replace(
        profile,
        status=target,
        status_since=now,
        suspension_reason=reason,
        is_reinstated=move is StandingMove.REINSTATE,
    )
    return replace(mechanic, profile=after)


# Records of operators and the local stack


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


def recorded(profile: Profile, before: Mechanic | None, now: datetime) -> Profile:
    """The profile of an operator's record, with what is not theirs to say."""
    if before is None:
        return replace(profile, status_since=now)
    same = before.profile.status is profile.status
    return replace(
        profile,
        has_weekly_hours=before.profile.has_weekly_hours,
        photo_url=profile.photo_url or before.profile.photo_url,
        status_since=before.profile.status_since if same else now,
    )


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


def _status(value: Any) -> MechanicStatus:
    try:
        return MechanicStatus(value)
    except ValueError:
        raise _Wrong(f"must be one of {', '.join(MechanicStatus)}") from None


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
