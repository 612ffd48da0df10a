"""Files from the form to where they are shown, whatever is uploaded, twice, late or never told."""

from datetime import timedelta
from typing import Any

import pytest

from dispatch.core import aws as clients
from dispatch.core import settings
from dispatch.core.errors import Conflict, Invalid, NotFound
from dispatch.customers import service as customers
from dispatch.mechanics import service as mechanics
from dispatch.sessions import service as sessions
from dispatch.uploads import rules, store
from dispatch.uploads import service as uploads
from dispatch.uploads.model import Attachment, Flaw, Kind, Post, Ref, Status
from tests.builders import CUSTOMER, an_http_event
from tests.entry_points import load
from tests.fast.world import FastWorld
from tests.stories import take
from tests.upload_builders import FILES, JPEG, MP4, PNG, TEXT
from tests.world import World, an_intake


def upload(world: FastWorld, content: bytes = JPEG, type_: str = "image/jpeg") -> Post:
    """An attachment of the customer, uploaded, and told of."""
    post = uploads.request_attachment(CUSTOMER, type_, world.now)
    world.bucket.upload(post.fields, content)
    world.pass_time(seconds=1)
    return post


def photo(world: FastWorld, content: bytes = JPEG) -> Post:
    post = uploads.request_photo("a", "image/jpeg", world.now)
    world.bucket.upload(post.fields, content)
    world.pass_time(seconds=1)
    return post


def status(post: Post) -> Status | None:
    found = store.find(post.upload.ref)
    return found.status if found else None


def key(post: Post) -> str:
    return rules.key_of(post.upload.ref)


def photo_url(mechanic_id: str = "a") -> str | None:
    mechanic = mechanics.get(mechanic_id)
    assert mechanic
    return mechanic.profile.photo_url


# Looked at


@pytest.mark.parametrize("type_", FILES)
def test_a_file_of_its_type_is_kept_where_nobody_can_write(
    fast_world: FastWorld, type_: str
) -> None:
    post = upload(fast_world, FILES[type_], type_)
    assert status(post) is Status.CONFIRMED
    assert fast_world.bucket.uploads == {key(post): FILES[type_]}
    (fact,) = fast_world.facts("UploadConfirmed")
    assert (fact["owner_id"], fact["kind"]) == (CUSTOMER, "attachment")


@pytest.mark.parametrize(
    ("content", "flaw"),
    [
        (TEXT, Flaw.NOT_OF_ITS_TYPE),
        (PNG, Flaw.NOT_OF_ITS_TYPE),
        (b"", Flaw.EMPTY),
        (JPEG + bytes(25 << 20), Flaw.TOO_LARGE),
    ],
    ids=["text", "another type", "nothing", "too much"],
)
def test_anything_else_is_deleted(fast_world: FastWorld, content: bytes, flaw: Flaw) -> None:
    post = upload(fast_world, content)
    assert status(post) is Status.REJECTED
    assert fast_world.bucket.uploads == {}
    (fact,) = fast_world.facts("UploadRejected")
    assert fact["flaw"] == flaw
    assert fast_world.dead_letters == []


@pytest.mark.parametrize("content", [JPEG, TEXT])
def test_told_twice_is_told_once(fast_world: FastWorld, content: bytes) -> None:
    post = upload(fast_world, content)
    before = store.find(post.upload.ref)
    fast_world.bucket.tell(post.fields["key"])
    fast_world.drain()
    assert store.find(post.upload.ref) == before
    assert len(fast_world.facts("UploadConfirmed", "UploadRejected")) == 1


def test_what_is_uploaded_again_changes_nothing(fast_world: FastWorld) -> None:
    post = upload(fast_world)
    fast_world.bucket.upload(post.fields, TEXT)
    fast_world.drain()
    assert fast_world.bucket.uploads == {key(post): JPEG}


def test_what_is_changed_while_it_is_looked_at_is_looked_at_again(fast_world: FastWorld) -> None:
    post = uploads.request_attachment(CUSTOMER, "image/jpeg", fast_world.now)
    fast_world.bucket.upload(post.fields, JPEG)
    fast_world.faults.arm()
    fast_world.drain()
    copies = fast_world.faults.calls.index("s3.copy_object")
    again = uploads.request_attachment(CUSTOMER, "image/jpeg", fast_world.now)
    fast_world.bucket.upload(again.fields, JPEG)

    def swap() -> None:
        fast_world.bucket.uploads[again.fields["key"]] = TEXT

    fast_world.interrupt(copies, swap)
    fast_world.drain()
    assert status(again) is Status.REJECTED
    assert fast_world.bucket.uploads == {key(post): JPEG}


@pytest.mark.parametrize(
    "name", ["incoming/photos/a/1", "incoming/x", "incoming/attachments/a/b/c"]
)
def test_what_no_form_of_ours_uploads_is_deleted(fast_world: FastWorld, name: str) -> None:
    fast_world.bucket.upload({"key": name}, JPEG)
    fast_world.drain()
    assert fast_world.bucket.uploads == {}
    assert fast_world.failures == []


def test_what_nobody_asked_for_is_deleted(fast_world: FastWorld) -> None:
    ref = Ref(Kind.ATTACHMENT, CUSTOMER, "01K00000000000000000000Z01")
    fast_world.bucket.uploads[rules.key_of(ref)] = JPEG  # left by somebody who died on the way
    fast_world.bucket.upload({"key": rules.incoming_key_of(ref)}, JPEG)
    fast_world.drain()
    assert fast_world.bucket.uploads == {}


def test_what_has_gone_meanwhile_is_no_failure(fast_world: FastWorld) -> None:
    post = uploads.request_attachment(CUSTOMER, "image/jpeg", fast_world.now)
    fast_world.bucket.tell(post.fields["key"])
    fast_world.drain()
    assert (status(post), fast_world.failures) == (Status.REQUESTED, [])


def test_the_buckets_greeting_is_passed_over(fast_world: FastWorld) -> None:
    uploads.handle({"Service": "Amazon S3", "Event": "s3:TestEvent"}, fast_world.now)


# Photos


def test_a_photo_is_shown_once_it_was_looked_at(fast_world: FastWorld) -> None:
    fast_world.mechanic("a")
    assert photo_url() is None
    post = photo(fast_world)
    assert photo_url() == f"https://photos/{key(post)}"
    assert len(fast_world.facts("MechanicChanged")) == 2


def test_a_bad_photo_changes_nothing(fast_world: FastWorld) -> None:
    fast_world.mechanic("a")
    good = photo(fast_world)
    photo(fast_world, TEXT)
    assert photo_url() == f"https://photos/{key(good)}"
    assert fast_world.bucket.uploads == {key(good): JPEG}


def test_a_new_photo_takes_the_place_of_the_old_one(fast_world: FastWorld) -> None:
    fast_world.mechanic("a")
    old = photo(fast_world)
    new = photo(fast_world, JPEG + b"new")
    assert photo_url() == f"https://photos/{key(new)}"
    assert fast_world.bucket.uploads == {key(new): JPEG + b"new"}
    assert status(old) is None


def test_the_newest_photo_is_shown_in_whatever_order_they_are_told_of(
    fast_world: FastWorld,
) -> None:
    fast_world.mechanic("a")
    old, new = (uploads.request_photo("a", "image/jpeg", fast_world.now) for _ in range(2))
    for post in (old, new):
        fast_world.bucket.uploads[post.fields["key"]] = JPEG
    for post in (new, old):
        uploads.take(post.fields["key"], fast_world.now)
    assert photo_url() == f"https://photos/{key(new)}"
    assert list(fast_world.bucket.uploads) == [key(new)]


def test_of_two_photos_at_the_same_time_the_newest_is_shown(fast_world: FastWorld) -> None:
    """At whichever call of the older one's the newer one comes in between."""
    fast_world.mechanic("a")
    fast_world.drain()
    back = fast_world.save()
    at = 0
    while True:
        old, new = (uploads.request_photo("a", "image/jpeg", fast_world.now) for _ in range(2))
        for post in (old, new):
            fast_world.bucket.uploads[post.fields["key"]] = JPEG
        newer = new.fields["key"]
        fast_world.interrupt(at, lambda newer=newer: uploads.take(newer, fast_world.now))  # type: ignore[misc]
        uploads.take(old.fields["key"], fast_world.now)
        if fast_world.faults.armed:
            break
        assert photo_url() == f"https://photos/{key(new)}", at
        assert list(fast_world.bucket.uploads) == [key(new)], at
        back()
        at += 1
    assert at > 8


def test_without_a_profile_there_is_no_photo(fast_world: FastWorld) -> None:
    with pytest.raises(NotFound):
        uploads.request_photo("nobody", "image/jpeg", fast_world.now)


# Attachments


def test_a_booking_takes_along_what_was_uploaded(fast_world: FastWorld) -> None:
    post = upload(fast_world)
    intake = an_intake(attachments=(key(post),))
    session = sessions.book_session(intake, CUSTOMER, fast_world.now)
    (link,) = sessions.details(session, CUSTOMER, fast_world.now).attachments
    assert link.attachment == Attachment(key(post), "image/jpeg", len(JPEG))
    assert link.url.startswith(f"https://uploads/{key(post)}?")
    assert link.url_expires_at - fast_world.now >= timedelta(minutes=30)


def test_what_the_bucket_never_told_of_is_looked_at_when_it_is_used(
    fast_world: FastWorld,
) -> None:
    post = uploads.request_attachment(CUSTOMER, "video/mp4", fast_world.now)
    fast_world.bucket.uploads[post.fields["key"]] = MP4
    found = uploads.attachments_of(CUSTOMER, [key(post)], fast_world.now)
    assert found == (Attachment(key(post), "video/mp4", len(MP4)),)
    assert fast_world.bucket.uploads == {key(post): MP4}


def test_what_is_used_at_the_moment_it_is_looked_at_can_be_used(fast_world: FastWorld) -> None:
    """At whichever call of the booking's the bucket's message is handled in between."""
    back = fast_world.save()
    at = 0
    while True:
        post = uploads.request_attachment(CUSTOMER, "image/jpeg", fast_world.now)
        incoming = post.fields["key"]
        fast_world.bucket.uploads[incoming] = JPEG
        fast_world.interrupt(at, lambda incoming=incoming: uploads.take(incoming, fast_world.now))  # type: ignore[misc]
        (found,) = uploads.attachments_of(CUSTOMER, [key(post)], fast_world.now)
        assert found == Attachment(key(post), "image/jpeg", len(JPEG)), at
        if fast_world.faults.armed:
            break
        assert fast_world.bucket.uploads == {key(post): JPEG}, at
        back()
        at += 1
    assert at > 4


def wrong(world: FastWorld, *keys: str, owner: str = CUSTOMER) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        uploads.attachments_of(owner, keys, world.now)
    return {each["pointer"]: each["detail"] for each in refused.value.members["errors"]}


def test_each_wrong_attachment_is_pointed_at(fast_world: FastWorld) -> None:
    fast_world.mechanic("a")
    good, bad = upload(fast_world), upload(fast_world, TEXT)
    missing = uploads.request_attachment(CUSTOMER, "image/jpeg", fast_world.now)
    keys = (
        key(good),
        key(bad),
        key(missing),
        good.fields["key"],
        key(photo(fast_world)),
        "../secret",
        "x",
    )
    assert wrong(fast_world, *keys) == {
        "/attachments/1": "was rejected: not_of_its_type",
        "/attachments/2": "was not uploaded yet",
        "/attachments/3": "is no key of an upload of yours",
        "/attachments/4": "is no key of an upload of yours",
        "/attachments/5": "is no key of an upload of yours",
        "/attachments/6": "is no key of an upload of yours",
    }
    assert wrong(fast_world, key(good), owner="somebody-else") == {
        "/attachments/0": "is no key of an upload of yours"
    }


def test_only_who_has_accepted_sees_attachments(fast_world: FastWorld) -> None:
    fast_world.mechanic("a")
    post = upload(fast_world)
    session = fast_world.book(CUSTOMER, attachments=(key(post),))
    assert sessions.details(session, "a", fast_world.now).attachments == ()
    taken = take(fast_world, "a", session)
    assert len(sessions.details(taken, "a", fast_world.now).attachments) == 1


# Asking


@pytest.mark.parametrize(("kind", "type_"), [("photo", "image/heic"), ("attachment", "text/html")])
def test_other_types_are_refused_at_once(fast_world: FastWorld, kind: str, type_: str) -> None:
    fast_world.mechanic(CUSTOMER)
    ask: Any = getattr(uploads, f"request_{kind}")
    with pytest.raises(Invalid, match="/content_type: cannot be taken; use one of image/jpeg"):
        ask(CUSTOMER, type_, fast_world.now)


def test_forgotten_with_everything_there_is(fast_world: FastWorld) -> None:
    for _ in range(3):
        upload(fast_world)
    uploads.request_attachment(CUSTOMER, "image/jpeg", fast_world.now)
    late = uploads.request_attachment(CUSTOMER, "image/jpeg", fast_world.now)
    other = uploads.request_attachment("other", "image/jpeg", fast_world.now)
    fast_world.bucket.upload(other.fields, JPEG)
    fast_world.drain()
    fast_world.bucket.uploads[late.fields["key"]] = JPEG
    for _ in range(2):
        uploads.forget(CUSTOMER)
        assert list(fast_world.bucket.uploads) == [key(other)]
        assert store.of_owner(CUSTOMER, Kind.ATTACHMENT) == []
    fast_world.bucket.upload(late.fields, JPEG)
    fast_world.drain()
    assert list(fast_world.bucket.uploads) == [key(other)]


def test_nothing_is_uploaded_for_who_was_erased(fast_world: FastWorld) -> None:
    from dispatch.core.table import Transaction

    with Transaction() as tx:
        customers.erase(tx, CUSTOMER, fast_world.now)
    with pytest.raises(Conflict, match="erased"):
        uploads.request_attachment(CUSTOMER, "image/jpeg", fast_world.now)


# The calls, on moto


def test_a_form_says_type_and_size_in_its_policy(world: World) -> None:
    import base64
    import json
    from types import SimpleNamespace

    event = an_http_event("POST", "/customer/uploads", {"content_type": "image/jpeg"})
    answer = load("uploads/api").handler(event, SimpleNamespace(aws_request_id="1"))
    assert answer["statusCode"] == 201
    body = json.loads(answer["body"])
    assert body["max_bytes"] == 26214400
    assert body["key"].startswith(f"attachments/{CUSTOMER}/")
    policy = json.loads(base64.b64decode(body["fields"]["policy"]))
    conditions = policy["conditions"]
    assert ["content-length-range", 1, 26214400] in conditions
    assert {"Content-Type": "image/jpeg"} in conditions
    assert {"key": f"incoming/{body['key']}"} in conditions
    assert {"bucket": settings.uploads_bucket()} in conditions
    # Not the global address, from which S3 redirects.
    assert ".s3.ca-central-1.amazonaws.com" in body["url"]


def test_s3_itself_answers_as_the_tests_own(world: World) -> None:
    post = uploads.request_attachment(CUSTOMER, "image/jpeg", world.now)
    incoming, bucket = post.fields["key"], settings.uploads_bucket()
    assert store.look_at(incoming) is None
    clients.s3().put_object(Bucket=bucket, Key=incoming, Body=b"")
    empty = store.look_at(incoming)
    assert empty
    assert empty.size_bytes == 0
    clients.s3().put_object(Bucket=bucket, Key=incoming, Body=JPEG)
    (found,) = uploads.attachments_of(CUSTOMER, [key(post)], world.now)
    assert found.size_bytes == len(JPEG)
    assert list(store.keys_under("")) == [key(post)]
    uploads.forget(CUSTOMER)
    assert list(store.keys_under("")) == []
