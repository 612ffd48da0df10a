"""The uploads of each owner, and the bucket in which the files lie."""

from collections.abc import Iterator
from datetime import datetime

import msgspec
from botocore.exceptions import ClientError

from dispatch.core import aws, settings
from dispatch.core.errors import StaleVersion
from dispatch.core.table import IS_NEW, SAME_VERSION, Item, Key, Transaction, get, query
from dispatch.uploads import rules
from dispatch.uploads.model import Found, Kind, Post, Ref, Upload


def subject(owner_id: str) -> str:
    """The partition of a user's uploads and of events about them."""
    return f"UPLOADS#{owner_id}"


def _key(ref: Ref) -> Key:
    return Key(subject(ref.owner_id), f"{ref.kind.upper()}#{ref.id}")


def find(ref: Ref) -> Upload | None:
    item = get(_key(ref))
    return _upload(item) if item else None


def _upload(item: Item) -> Upload:
    return msgspec.json.decode(item["state"], type=Upload)


def put(tx: Transaction, upload: Upload) -> None:
    """Write the next version, provided that nobody else has."""
    item: Item = {
        **_key(upload.ref)._asdict(),
        "entity": "upload",
        "version": upload.version,
        "state": msgspec.json.encode(upload).decode(),
    }
    if until := rules.kept_until(upload):
        item["expires_ttl"] = int(until.timestamp())
    tx.put(
        item,
        when=IS_NEW if upload.version == 1 else SAME_VERSION,
        values={":version_read": upload.version - 1},
    )


def of_owner(owner_id: str, kind: Kind) -> list[Upload]:
    """Newest first."""
    page = query(subject(owner_id), prefix=f"{kind.upper()}#", ascending=False)
    return [_upload(item) for item in page.items]


def forget(tx: Transaction, ref: Ref) -> None:
    tx.delete(_key(ref))


# The bucket


def presigned_post(upload: Upload, expires_at: datetime) -> Post:
    """How this one file can be uploaded by whoever knows it; the policy says type and size."""
    content_type = upload.content_type
    most = rules.MOST_BYTES[upload.ref.kind]
    post = aws.s3().generate_presigned_post(
        Bucket=settings.uploads_bucket(),
        Key=rules.incoming_key_of(upload.ref),
        Fields={"Content-Type": content_type},
        Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, most]],
        ExpiresIn=int(rules.POST_VALID_FOR.total_seconds()),
    )
    return Post(upload, post["url"], dict(post["fields"]), expires_at)


def presigned_url(key: str, valid_for_s: int) -> str:
    """Where a file can be read by whoever knows the address."""
    return aws.s3().generate_presigned_url(
        ClientMethod="get_object",
        Params={"Bucket": settings.uploads_bucket(), "Key": key},
        ExpiresIn=valid_for_s,
    )


def look_at(key: str) -> Found | None:
    """The beginning of an object, or None if there is none."""
    try:
        answer = aws.s3().get_object(
            Bucket=settings.uploads_bucket(), Key=key, Range=f"bytes=0-{rules.HEAD_BYTES - 1}"
        )
    except ClientError as error:
        match error.response["Error"]["Code"]:
            case "NoSuchKey":
                return None
            case "InvalidRange":  # of nothing there is no beginning
                return Found(0, b"", "")
        raise
    size = int(answer["ContentRange"].rpartition("/")[2])
    return Found(size, answer["Body"].read(), answer["ETag"])


def move_in(ref: Ref, found: Found) -> None:
    """Copy what was looked at to where it is kept. Raises StaleVersion if it is not that any more.

    Its owner can upload to the old place for a while still, but not to the new one.
    """
    bucket = settings.uploads_bucket()
    try:
        aws.s3().copy_object(
            Bucket=bucket,
            Key=rules.key_of(ref),
            CopySource={"Bucket": bucket, "Key": rules.incoming_key_of(ref)},
            CopySourceIfMatch=found.etag,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in {"PreconditionFailed", "NoSuchKey"}:
            raise StaleVersion from error
        raise


def delete(key: str) -> None:
    """Deleting twice is deleting once."""
    aws.s3().delete_object(Bucket=settings.uploads_bucket(), Key=key)


def keys_under(prefix: str) -> Iterator[str]:
    """All objects of a prefix. They may be deleted on the way."""
    after = ""
    while True:
        page = aws.s3().list_objects_v2(
            Bucket=settings.uploads_bucket(), Prefix=prefix, StartAfter=after
        )
        keys = [each["Key"] for each in page.get("Contents", [])]
        yield from keys
        if not page["IsTruncated"]:
            return
        after = keys[-1]
