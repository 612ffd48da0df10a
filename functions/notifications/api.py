"""HTTP: what the caller was told, and their devices."""

from typing import Annotated

from dispatch.core import http, time
from dispatch.core.http import AnyCaller, Caller, Cursor, Limit, answers
from dispatch.core.idempotency import Once
from dispatch.core.views import NoBody
from dispatch.notifications import service
from dispatch.notifications.model import Entry
from dispatch.notifications.requests import DeviceBody
from dispatch.notifications.views import DeviceView, NoticeList, NoticeView

from fastapi import Path, Request, Response

app = http.create_app("Notifications")

DeviceId = Annotated[str, Path(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]


def _view(entry: Entry, _who: Caller) -> NoticeView:
    return NoticeView.model_validate(entry)


@app.get("/notifications", response_model=NoticeList, **http.with_etag())
async def notices(
    who: AnyCaller, request: Request, limit: Limit = 20, cursor: Cursor = None
) -> Response:
    """What the caller was told, newest first: an entry for each fact and channel."""
    page = service.ledger_of(who.id, limit, cursor)
    return http.conditional(request, NoticeList.of(*page))


@app.post("/notifications/{notification_id}/seen", responses=answers(404))
async def seen(
    notification_id: str,
    who: AnyCaller,
    once: Annotated[Once | None, http.once(200, _view)],
    _body: NoBody | None = None,
) -> NoticeView:
    """The caller has seen it, whatever became of push or mail. Seeing twice is seeing once."""
    return _view(service.see(notification_id, who.id, time.now(), once), who)


@app.put("/devices/{device_id}", responses=answers(409, 429))
async def register(device_id: DeviceId, body: DeviceBody, who: AnyCaller) -> DeviceView:
    """Send pushes for the caller to this device; whoever had the token before loses it.

    A caller has at most 20 devices: for one more, that registered longest ago gives way.
    """
    device = service.register_device(who.id, device_id, body.platform, body.token, time.now())
    return DeviceView.model_validate(device)


@app.delete("/devices/{device_id}", status_code=204)
async def forget(device_id: DeviceId, who: AnyCaller) -> Response:
    """No more pushes to this device."""
    service.forget_device(who.id, device_id, time.now())
    return Response(status_code=204)


handler = http.lambda_handler(app)
