"""HTTP: forms by which callers upload files, straight to the bucket."""

from typing import Annotated

from dispatch.core import http, time
from dispatch.core.http import AnyCaller, Caller, Customer, answers
from dispatch.core.idempotency import Once
from dispatch.uploads import service
from dispatch.uploads.model import Post
from dispatch.uploads.requests import UploadBody
from dispatch.uploads.views import UploadView

app = http.create_app("Uploads")


def _view(post: Post, _who: Caller) -> UploadView:
    return UploadView.of(post)


Keyed = Annotated[Once | None, http.once(201, _view)]


@app.post("/customer/uploads", status_code=201, responses=answers(409, 429))
async def upload(body: UploadBody, who: Customer, once: Keyed) -> UploadView:
    """Upload a file to send along with a booking: at most 25 MiB of `image/jpeg`, `image/png`,
    `image/webp`, `image/heic`, `application/pdf` or `video/mp4`."""
    post = service.request_attachment(who.id, body.content_type, time.now(), once)
    return UploadView.of(post)


@app.post("/mechanic/profile/photo", status_code=201, responses=answers(404, 429))
async def upload_photo(body: UploadBody, who: AnyCaller, once: Keyed) -> UploadView:
    """Upload the caller's photo: at most 5 MiB of `image/jpeg`, `image/png` or `image/webp`.

    It is shown once it was looked at, in place of the one before.
    """
    post = service.request_photo(who.id, body.content_type, time.now(), once)
    return UploadView.of(post)


handler = http.lambda_handler(app)
