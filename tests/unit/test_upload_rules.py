"""What may be uploaded, and what tells that it is what it was to be."""

from datetime import UTC, datetime, timedelta

import pytest

from dispatch.uploads import rules
from dispatch.uploads.model import Flaw, Found, Kind, Ref, Status, Upload
from tests.clock import NOON
from tests.template_file import resources
from tests.upload_builders import FILES, HEIC, JPEG, MP4, TEXT

ID = "01K00000000000000000000Z01"


def an_upload(content_type: str = "image/jpeg", kind: Kind = Kind.ATTACHMENT) -> Upload:
    return Upload(ref=Ref(kind, "user", ID), content_type=content_type, requested_at=NOON)


def found(content: bytes, size: int | None = None) -> Found:
    return Found(len(content) if size is None else size, content[: rules.HEAD_BYTES], '"tag"')


@pytest.mark.parametrize("content_type", FILES)
@pytest.mark.parametrize("of_type", FILES)
def test_a_file_is_of_its_own_type_alone(content_type: str, of_type: str) -> None:
    flaw = rules.flaw_of(an_upload(content_type), found(FILES[of_type]))
    assert flaw == (None if content_type == of_type else Flaw.NOT_OF_ITS_TYPE)


@pytest.mark.parametrize("content_type", FILES)
@pytest.mark.parametrize("content", [TEXT, b"\0", b"RIFF\0\0\0\0WAVE", b"\0\0\0\0ftyp"])
def test_anything_else_is_of_no_type(content_type: str, content: bytes) -> None:
    flaw = rules.flaw_of(an_upload(content_type), found(content))
    assert flaw is Flaw.NOT_OF_ITS_TYPE


def test_a_compatible_brand_is_enough() -> None:
    other = HEIC.replace(b"ftypheic", b"ftypxxxx")
    assert rules.flaw_of(an_upload("image/heic"), found(other)) is None
    other = MP4.replace(b"ftypmp42", b"ftypxxxx")
    assert rules.flaw_of(an_upload("video/mp4"), found(other)) is None


@pytest.mark.parametrize(("kind", "most"), [(Kind.PHOTO, 5 << 20), (Kind.ATTACHMENT, 25 << 20)])
def test_a_file_has_some_bytes_and_not_too_many(kind: Kind, most: int) -> None:
    upload = an_upload(kind=kind)
    assert rules.flaw_of(upload, found(JPEG, most)) is None
    assert rules.flaw_of(upload, found(JPEG, most + 1)) is Flaw.TOO_LARGE
    assert rules.flaw_of(upload, found(b"")) is Flaw.EMPTY


def test_photos_are_pictures_that_every_browser_shows() -> None:
    assert set(rules.TYPES[Kind.PHOTO]) == {"image/jpeg", "image/png", "image/webp"}


@pytest.mark.parametrize("owner", ["user", "..", "a/b", "ä ö", "a%2Fb", "google_1234", "x" * 128])
@pytest.mark.parametrize("kind", Kind)
def test_a_key_tells_whose_it_is(owner: str, kind: Kind) -> None:
    ref = Ref(kind, owner, ID)
    assert rules.key_of(ref).count("/") == 2
    assert rules.ref_of(rules.key_of(ref)) == ref
    assert rules.ref_of(rules.incoming_key_of(ref)) == ref


@pytest.mark.parametrize(
    "key",
    [
        "",
        "photos",
        f"photos/user/{ID}/more",
        f"photos//{ID}",
        f"secrets/user/{ID}",
        "photos/user/1",
        f"incoming/incoming/photos/user/{ID}",
        f"photos/us.er/{ID}",  # not as we write it
    ],
)
def test_what_we_never_gave_out_is_no_key(key: str) -> None:
    assert rules.ref_of(key) is None


def test_who_looks_is_told_the_outcome_and_the_size() -> None:
    good = rules.looked_at(an_upload(), found(JPEG))
    assert (good.status, good.size_bytes, good.flaw) == (Status.CONFIRMED, len(JPEG), None)
    bad = rules.looked_at(an_upload(), found(TEXT))
    assert (bad.status, bad.flaw) == (Status.REJECTED, Flaw.NOT_OF_ITS_TYPE)
    assert good.version == bad.version == 2


def test_links_look_the_same_for_a_while_and_are_good_for_half_an_hour() -> None:
    start = datetime(2026, 7, 1, 12, tzinfo=UTC)
    seen = {rules.link_expires_at(start + timedelta(minutes=m)) for m in range(30)}
    assert seen == {start + timedelta(hours=1)}
    last = start + timedelta(minutes=29, seconds=59)
    assert rules.link_expires_at(last) - last > timedelta(minutes=30)


def test_the_buckets_lifecycle_says_the_same() -> None:
    bucket = resources()["UploadsBucket"]["Properties"]
    kept = {
        rule["Prefix"]: timedelta(days=rule["ExpirationInDays"])
        for rule in bucket["LifecycleConfiguration"]["Rules"]
    }
    assert kept == {
        rules.INCOMING: timedelta(days=1),
        "attachments/": rules.ATTACHMENTS_KEPT_FOR,
    }
    assert kept[rules.INCOMING] < rules.REQUEST_KEPT_FOR
    (told,) = bucket["NotificationConfiguration"]["QueueConfigurations"]
    assert told["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": rules.INCOMING}]
