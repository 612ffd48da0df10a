"""Mechanics: who they are, whether they are there, and what ranking needs to know of them."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum


class MechanicStatus(StrEnum):
    """Where an account stands. Only an approved one is active."""

    PENDING = "pending"
    APPROVED = "approved"
    SUSPENDED = "suspended"


class StandingMove(StrEnum):
    """What an admin does to an account."""

    APPROVE = "approve"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"


class SpecialistTier(StrEnum):
    """What somebody offers: any car, or also what takes a specialist of certain brands."""

    GENERAL = "general"
    BRAND_SPECIALIST = "brand_specialist"


class Presence(StrEnum):
    """What others see of a mechanic: free, on shift without room for another session, or off."""

    ONLINE = "online"
    BUSY = "busy"
    OFFLINE = "offline"


class Unavailable(StrEnum):
    """Why a mechanic cannot take a session now; the first that holds is told."""

    NOT_ELIGIBLE = "not_eligible"
    OFF_SHIFT = "off_shift"
    AT_CAPACITY = "at_capacity"


@dataclass(frozen=True, slots=True)
class Profile:
    """What a mechanic tells of themselves, checked. ``country`` is ISO 3166-1 alpha-2.

    ``rating`` is the exact mean of the stars given, None before the first.
    ``profile_completion`` is in percent. The certification counts through its last day, in UTC.

    ``is_edited`` once the mechanic has: until then the completion is what the operator's record
    says. ``address_needs`` are the parts of an address that their country's have.
    ``has_weekly_hours`` is what their calendar says.

    ``status_since`` is when the status was attained, ``suspension_reason`` an admin's words, and
    ``is_reinstated`` after a suspension that was taken back.
    """

    id: str
    name: str
    status: MechanicStatus = MechanicStatus.APPROVED
    email: str | None = None
    phone: str | None = None
    photo_url: str | None = None
    country: str | None = None
    state_province: str | None = None
    city: str | None = None
    postal_code: str | None = None
    time_zone: str | None = None
    years_of_experience: int | None = None
    rating: Decimal | None = None
    certified: bool = False
    certification_expires_on: date | None = None
    completed_sessions: int = 0
    service_keywords: tuple[str, ...] = ()
    brand_specializations: tuple[str, ...] = ()
    profile_completion: int = 0
    is_edited: bool = False
    about_me: str | None = None
    shop_affiliation: str | None = None
    hourly_rate_cents: int | None = None
    languages: tuple[str, ...] = ()
    street_address: str | None = None
    address_needs: tuple[str, ...] = ("city", "state_province", "postal_code")
    specialist_tier: SpecialistTier = SpecialistTier.GENERAL
    certification_number: str | None = None
    certification_issuer: str | None = None
    certification_region: str | None = None
    has_weekly_hours: bool = False
    status_since: datetime | None = None
    suspension_reason: str | None = None
    is_reinstated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileEdit:
    """The part of a profile that its mechanic edits, as a whole. Named as there.

    ``languages`` are ISO 639 codes, ``service_keywords`` canonical names, each once.
    """

    name: str
    email: str | None = None
    phone: str | None = None
    about_me: str | None = None
    shop_affiliation: str | None = None
    hourly_rate_cents: int | None = None
    languages: tuple[str, ...] = ()
    street_address: str | None = None
    country: str | None = None
    state_province: str | None = None
    city: str | None = None
    postal_code: str | None = None
    time_zone: str | None = None
    address_needs: tuple[str, ...] = ()
    years_of_experience: int | None = None
    specialist_tier: SpecialistTier = SpecialistTier.GENERAL
    brand_specializations: tuple[str, ...] = ()
    service_keywords: tuple[str, ...] = ()
    certified: bool = False
    certification_number: str | None = None
    certification_issuer: str | None = None
    certification_region: str | None = None
    certification_expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """A part of a profile that is not there yet, what it counts, and what to do about it."""

    field: str
    weight: int
    next_step: str


@dataclass(frozen=True, slots=True)
class Completion:
    """``percentage`` is of what applies to this mechanic, rounded down."""

    percentage: int
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class Duty:
    """Presence and load. ``on_shift`` (stored as ``currently_on_shift``) is the only truth.

    ``load`` counts sessions in ``waiting`` or ``live``. ``waiting_since`` is the later of the last
    session's end and clock-in, None before the first. A shift that is ``closing`` ends with the
    session in hand: until then the mechanic is busy, whatever their load. ``next_booking_at`` is
    when the earliest starts that is booked or held of their time and was not dealt with.
    """

    on_shift: bool = False
    load: int = 0
    waiting_since: datetime | None = None
    closing: bool = False
    next_booking_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Mechanic:
    """Profile and presence. ``shift_id`` is set while on shift; ``clocked_in_at`` is the latest.

    ``shift_ends_at`` is when the latest shift ends by itself, whether that is rung or not.
    ``closing`` is why a shift ends with the session in hand. ``misses`` counts the offers missed in
    a row. ``capacity_at`` marks new capacity that nobody has put to use yet: since when.
    ``rating_count`` is of how many stars the profile's rating is the mean.

    ``version`` counts the mechanic's own edits, ``revision`` every change of the profile: it is the
    lock. ``partition`` is where the roster's index has them.
    """

    profile: Profile
    duty: Duty = Duty()
    shift_id: str | None = None
    clocked_in_at: datetime | None = None
    shift_ends_at: datetime | None = None
    last_seen_at: datetime | None = None
    closing: str | None = None
    misses: int = 0
    capacity_at: datetime | None = None
    rating_count: int = 0
    version: int = 0
    revision: int = 0
    partition: str | None = None

    @property
    def id(self) -> str:
        return self.profile.id


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """One mechanic as ranking knows them, with names resolved once instead of at every request.

    ``subdivision`` is ISO 3166-2, ``area`` the postal area, both None where unknown. ``city`` and
    ``brands`` are in the mechanic's spelling; ``city_key``, ``brand_keys`` (in the order of
    ``brands``), ``keyword_keys`` and ``name_key`` are folded. ``certified`` holds until
    ``certified_until``, its last day, which counts at ranking. ``name_key`` is empty where the
    entry was written before there was one.
    """

    id: str
    approved: bool
    duty: Duty
    country: str | None
    subdivision: str | None
    city: str | None
    city_key: str | None
    area: str | None
    years_of_experience: int | None
    rating: Decimal | None
    certified: bool
    certified_until: date | None
    completed_sessions: int
    profile_completion: int
    keyword_keys: tuple[str, ...]
    brands: tuple[str, ...]
    brand_keys: tuple[str, ...]
    name_key: str = ""


@dataclass(frozen=True, slots=True)
class RosterRow:
    """What the change index tells of a mechanic; without ``entry`` they have left the partition.

    ``changed_at`` is a stamp as stored: texts that sort as instants do.
    """

    mechanic_id: str
    partition: str
    changed_at: str
    entry: RosterEntry | None
