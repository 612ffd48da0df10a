"""What callers are shown of uploads. Imported by HTTP functions only."""

from pydantic import Field

from dispatch.core.examples import CUSTOMER_ID
from dispatch.core.views import Instant, View, by_example
from dispatch.uploads import rules
from dispatch.uploads.model import Post

_KEY = f"attachments/{CUSTOMER_ID}/01KJQDN4S2M8G0C5Q7XJ3VBEZT"


class UploadView(View):
    """How to upload: `POST` a form (`multipart/form-data`) to `url`, with all of `fields`, and the
    file last, as `file`. Without a token: the fields are signed, until `expires_at`.

    A moment later the file is looked at: what is not of its type, or too large, is deleted.
    """

    model_config = by_example(
        {
            "key": _KEY,
            "content_type": "image/jpeg",
            "max_bytes": 26214400,
            "url": "https://uploads.s3.ca-central-1.amazonaws.com/",
            "fields": {
                "Content-Type": "image/jpeg",
                "key": f"incoming/{_KEY}",
                "policy": "eyJleHBpcmF0aW9uIjog...",
                "x-amz-signature": "5f2b...",
            },
            "expires_at": "2026-03-02T14:17:11.480Z",
        }
    )

    key: str = Field(description="What to call it by: `attachments` of `POST /intake/start`")
    content_type: str
    max_bytes: int
    url: str
    fields: dict[str, str]
    expires_at: Instant

    @classmethod
    def of(cls, post: Post) -> "UploadView":
        upload = post.upload
        return cls(
            key=rules.key_of(upload.ref),
            content_type=upload.content_type,
            max_bytes=rules.MOST_BYTES[upload.ref.kind],
            url=post.url,
            fields=post.fields,
            expires_at=post.expires_at,
        )
