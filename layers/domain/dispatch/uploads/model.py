"""Files that people upload: photos of mechanics, attachments of bookings. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    PHOTO = "photo"
    ATTACHMENT = "attachment"


class Status(StrEnum):
    """Only what is confirmed is there for others."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


class Flaw(StrEnum):
    """Why an upload was rejected, and its object deleted."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_OF_ITS_TYPE = "not_of_its_type"


@dataclass(frozen=True, slots=True)
class Ref:
    """Which upload it is, as the keys of its objects tell."""

    kind: Kind
    owner_id: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file, from the request to upload it. ``version`` is the lock."""

    ref: Ref
    content_type: str
    requested_at: datetime
    status: Status = Status.REQUESTED
    size_bytes: int | None = None
    flaw: Flaw | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in the bucket: its size, its first bytes, and the tag of this very content."""

    size_bytes: int
    head: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A confirmed file that was sent along with a booking."""

    key: str
    content_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Link:
    """An attachment with the address at which it can be read until it expires."""

    attachment: Attachment
    url: str
    url_expires_at: datetime


@dataclass(frozen=True, slots=True)
class Post:
    """How to upload: a form to this address, with these fields before the file."""

    upload: Upload
    url: str
    fields: dict[str, str]
    expires_at: datetime
