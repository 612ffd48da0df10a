"""Uploads: straight to the bucket, and looked at before they count.

A caller gets a form that uploads one file of one type to ``incoming/``. The bucket tells of it, and
what is not what it was to be is deleted. The rest is copied to where it is kept: there its owner
cannot write, so what was looked at is what is shown. Where the bucket's word is lost, an attachment
is looked at when it is used; a photo has to be uploaded again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from dispatch.core import settings
from dispatch.core.errors import FieldError, Invalid, NotFound
from dispatch.core.events import Event, EventType
from dispatch.core.idempotency import Once
from dispatch.core.ids import new_id
from dispatch.core.logging import MetricUnit, logger, metrics
from dispatch.core.table import Transaction, decides_anew
from dispatch.customers import service as customers
from dispatch.mechanics import service as mechanics
from dispatch.quotas import service as quotas
from dispatch.quotas.model import Action
from dispatch.uploads import rules, store
from dispatch.uploads.model import Attachment, Kind, Link, Post, Ref, Status, Upload


def request_attachment(
    owner_id: str, content_type: str, now: datetime, once: Once | None = None
) -> Post:
    """How to upload a file to be sent along with a booking.

    Raises Conflict ``erased``, QuotaExceeded.
    """
    return _request(Ref(Kind.ATTACHMENT, owner_id, new_id(now)), content_type, now, once)


def request_photo(
    mechanic_id: str, content_type: str, now: datetime, once: Once | None = None
) -> Post:
    """How to upload the mechanic's photo. Raises NotFound without a profile, QuotaExceeded."""
    if mechanics.get(mechanic_id) is None:
        raise NotFound("You have no mechanic profile yet. Write it first: PUT /mechanic/profile.")
    return _request(Ref(Kind.PHOTO, mechanic_id, new_id(now)), content_type, now, once)


def _request(ref: Ref, content_type: str, now: datetime, once: Once | None) -> Post:
    if content_type not in rules.TYPES[ref.kind]:
        known = ", ".join(rules.TYPES[ref.kind])
        raise Invalid.field("/content_type", f"cannot be taken; use one of {known}")
    upload = Upload(ref=ref, content_type=content_type, requested_at=now)
    post = store.presigned_post(upload, now + rules.POST_VALID_FOR)
    with Transaction() as tx:
        if once:
            once.remember(tx, post, now)
        customers.check_not_erased(tx, ref.owner_id)
        quotas.count(tx, Action.UPLOAD, ref.owner_id, now)
        store.put(tx, upload)
    return post


# What the bucket tells


def handle(message: Mapping[str, Any], now: datetime) -> None:
    """A message of the bucket: what was put into it. A file told of twice is taken once."""
    for record in message.get("Records", []):
        take(unquote_plus(record["s3"]["object"]["key"]), now)


def take(key: str, now: datetime) -> None:
    """Confirm or delete what lies under a key of ``incoming/``; show it, if it is a photo."""
    ref = rules.ref_of(key)
    if ref is None or key != rules.incoming_key_of(ref):
        logger.warning("not uploaded by a form of ours")
        store.delete(key)
        return
    _settle(ref, now)
    if ref.kind is Kind.PHOTO:
        _show_photo(ref.owner_id, now)


@decides_anew
def _settle(ref: Ref, now: datetime) -> Upload | None:
    """The upload once its file was looked at, if it has come; None if nobody asked for it."""
    upload = store.find(ref)
    if upload is None or upload.status is Status.REJECTED:
        # It may have been copied by somebody who was too late.
        store.delete(rules.key_of(ref))
    if upload is None or upload.status is not Status.REQUESTED:
        store.delete(rules.incoming_key_of(ref))
        return upload
    found = store.look_at(rules.incoming_key_of(ref))
    if found is None:
        # It has not come, or somebody else has taken it since: they write before they delete.
        return store.find(ref)
    after = rules.looked_at(upload, found)
    if after.status is Status.CONFIRMED:
        store.move_in(ref, found)
    with Transaction() as tx:
        store.put(tx, after)
        tx.record(_fact(after, now))
    store.delete(rules.incoming_key_of(ref))
    is_good = after.status is Status.CONFIRMED
    metrics.add_metric("UploadsConfirmed" if is_good else "UploadsRejected", MetricUnit.Count, 1)
    return after


def _fact(upload: Upload, now: datetime) -> Event:
    ref = upload.ref
    facts = {"upload_id": ref.id, "owner_id": ref.owner_id, "kind": ref.kind}
    if upload.flaw:
        rejected = {**facts, "flaw": upload.flaw}
        return Event(EventType.UPLOAD_REJECTED, store.subject(ref.owner_id), now, rejected)
    return Event(EventType.UPLOAD_CONFIRMED, store.subject(ref.owner_id), now, facts)


def _show_photo(mechanic_id: str, now: datetime) -> None:
    """The newest photo is the one that is shown; older ones go.

    Looked at again after it was set: of two at the same time, the older may have been set last.
    """
    shown: Upload | None = None
    while (photos := _photos_of(mechanic_id)) and photos[0] != shown:
        shown = photos[0]
        try:
            mechanics.set_photo(mechanic_id, photo_url(shown.ref), now)
        except NotFound:
            logger.info("the mechanic is gone", extra={"mechanic_id": mechanic_id})
            return
    for old in photos[1:]:
        store.delete(rules.key_of(old.ref))
        with Transaction() as tx:
            store.forget(tx, old.ref)


def _photos_of(mechanic_id: str) -> list[Upload]:
    found = store.of_owner(mechanic_id, Kind.PHOTO)
    return [upload for upload in found if upload.status is Status.CONFIRMED]


def photo_url(ref: Ref) -> str:
    """Where everybody can see a photo, for as long as it is shown."""
    return f"{settings.photos_url()}/{rules.key_of(ref)}"


# Attachments of bookings


def attachments_of(owner_id: str, keys: Sequence[str], now: datetime) -> tuple[Attachment, ...]:
    """The owner's confirmed files of these keys.

    What has come and was not looked at yet is looked at now. Raises Invalid with a pointer to each
    key that is none of theirs, has not come, or was rejected.
    """
    found, errors = list[Attachment](), list[FieldError]()
    for at, key in enumerate(keys):
        upload = _own(owner_id, key, now)
        if error := rules.why_no_attachment(upload, at):
            errors.append(error)
        elif upload:
            found.append(rules.attachment_of(upload))
    if errors:
        raise Invalid(errors)
    return tuple(found)


def _own(owner_id: str, key: str, now: datetime) -> Upload | None:
    ref = rules.ref_of(key)
    if ref is None or key != rules.key_of(ref):
        return None
    if (ref.owner_id, ref.kind) != (owner_id, Kind.ATTACHMENT):
        return None
    upload = store.find(ref)
    return _settle(ref, now) if upload and upload.status is Status.REQUESTED else upload


def link_to(attachment: Attachment, now: datetime) -> Link:
    """Where it can be read, for half an hour at least, by whoever was told."""
    expires_at = rules.link_expires_at(now)
    valid_for_s = int((expires_at - now).total_seconds())
    return Link(attachment, store.presigned_url(attachment.key, valid_for_s), expires_at)


# Forgetting


def forget(owner_id: str) -> None:
    """Delete every file of an owner and all that is known of it. Twice is once.

    What is known goes first: who copies a file meanwhile finds nobody who asked for it.
    """
    for kind in Kind:
        for upload in store.of_owner(owner_id, kind):
            with Transaction() as tx:
                store.forget(tx, upload.ref)
    for kind in Kind:
        for prefix in (rules.prefix_of(kind, owner_id), rules.incoming_prefix_of(kind, owner_id)):
            for key in store.keys_under(prefix):
                store.delete(key)
