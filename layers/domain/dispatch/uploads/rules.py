"""What may be uploaded, where it lies, and what is looked at before it counts. Pure."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote, unquote

from dispatch.core.errors import FieldError
from dispatch.core.ids import is_id
from dispatch.uploads.model import Attachment, Flaw, Found, Kind, Ref, Status, Upload

MOST_BYTES = {Kind.PHOTO: 5 * 1024 * 1024, Kind.ATTACHMENT: 25 * 1024 * 1024}

HEAD_BYTES = 64
"""Enough of a file to know what it is."""

POST_VALID_FOR = timedelta(minutes=15)
REQUEST_KEPT_FOR = timedelta(days=2)
"""Longer than what was uploaded and not confirmed lies in the bucket."""
ATTACHMENTS_KEPT_FOR = timedelta(days=180)
"""As the bucket's lifecycle has it. Bookings are at most 60 days ahead."""

MOST_ATTACHMENTS = 10
"""Of one booking."""

INCOMING = "incoming/"
"""Where files lie until they were looked at. Nobody is shown anything from there."""

_FOLDERS = {Kind.PHOTO: "photos", Kind.ATTACHMENT: "attachments"}
_KINDS = {folder: kind for kind, folder in _FOLDERS.items()}


def _starts_with(magic: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magic)


def _is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _has_brand(*brands: bytes) -> Callable[[bytes], bool]:
    """ISO base media: a box ``ftyp`` first, whose brands tell what is in it."""

    def is_branded(head: bytes) -> bool:
        named = [head[8:12], *(head[at : at + 4] for at in range(16, len(head), 4))]
        return head[4:8] == b"ftyp" and any(brand in brands for brand in named)

    return is_branded


_IMAGES: dict[str, Callable[[bytes], bool]] = {
    "image/jpeg": _starts_with(b"\xff\xd8\xff"),
    "image/png": _starts_with(b"\x89PNG\r\n\x1a\n"),
    "image/webp": _is_webp,
}
TYPES = {
    Kind.PHOTO: _IMAGES,
    Kind.ATTACHMENT: {
        **_IMAGES,
        "image/heic": _has_brand(b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1"),
        "video/mp4": _has_brand(b"isom", b"iso2", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1"),
        "application/pdf": _starts_with(b"%PDF-"),
    },
}
"""By kind the types there may be, each with what tells from the first bytes that it is one."""


# Where it lies


def prefix_of(kind: Kind, owner_id: str) -> str:
    """How the keys of one owner's files of a kind begin, once they are confirmed."""
    return f"{_FOLDERS[kind]}/{quote(owner_id, safe='').replace('.', '%2E')}/"


def incoming_prefix_of(kind: Kind, owner_id: str) -> str:
    return INCOMING + prefix_of(kind, owner_id)


def key_of(ref: Ref) -> str:
    """Where it lies once it is confirmed; what its owner calls it by."""
    return prefix_of(ref.kind, ref.owner_id) + ref.id


def incoming_key_of(ref: Ref) -> str:
    return INCOMING + key_of(ref)


def ref_of(key: str) -> Ref | None:
    """The upload of a key; None for one that we never gave out."""
    folder, _, rest = key.removeprefix(INCOMING).partition("/")
    owner, _, id_ = rest.partition("/")
    kind = _KINDS.get(folder)
    if kind is None or not is_id(id_):
        return None
    ref = Ref(kind, unquote(owner), id_)
    return ref if owner and key.removeprefix(INCOMING) == key_of(ref) else None


# What is looked at


def flaw_of(upload: Upload, found: Found) -> Flaw | None:
    """Why it cannot be what its owner said it would be, as far as size and first bytes tell."""
    if found.size_bytes == 0:
        return Flaw.EMPTY
    if found.size_bytes > MOST_BYTES[upload.ref.kind]:
        return Flaw.TOO_LARGE
    is_one = TYPES[upload.ref.kind][upload.content_type]
    return None if is_one(found.head) else Flaw.NOT_OF_ITS_TYPE


def looked_at(upload: Upload, found: Found) -> Upload:
    """Confirmed, or rejected."""
    flaw = flaw_of(upload, found)
    return replace(
        upload,
        status=Status.REJECTED if flaw else Status.CONFIRMED,
        flaw=flaw,
        size_bytes=found.size_bytes,
        version=upload.version + 1,
    )


def kept_until(upload: Upload) -> datetime | None:
    """When nobody needs to know of it any more; None for as long as it is shown."""
    if upload.status is not Status.CONFIRMED:
        return upload.requested_at + REQUEST_KEPT_FOR
    if upload.ref.kind is Kind.ATTACHMENT:
        return upload.requested_at + ATTACHMENTS_KEPT_FOR
    return None


def attachment_of(upload: Upload) -> Attachment:
    assert upload.size_bytes is not None, "known since it was looked at"
    return Attachment(key_of(upload.ref), upload.content_type, upload.size_bytes)


def why_no_attachment(upload: Upload | None, at: int) -> FieldError | None:
    """What is wrong with the ``at``-th attachment of a booking, once it was looked at."""
    pointer = f"/attachments/{at}"
    if upload is None:
        return FieldError(pointer, "is no key of an upload of yours")
    if upload.status is Status.REQUESTED:
        return FieldError(pointer, "was not uploaded yet")
    if upload.status is Status.REJECTED:
        return FieldError(pointer, f"was rejected: {upload.flaw}")
    return None


_LINK_STEP = timedelta(minutes=30)


def link_expires_at(now: datetime) -> datetime:
    """Half an hour to an hour ahead, and the same for all who ask within half an hour.

    So that what a session looks like does not change with every look at it.
    """
    past = (now - datetime.min.replace(tzinfo=now.tzinfo)) % _LINK_STEP
    return now - past + 2 * _LINK_STEP
