"""HTTP: the caller's devices."""

from typing import Annotated

from fastapi import Path, Response

from dispatch.core import http
from dispatch.core.http import AnyCaller
from dispatch.notifications import service
from dispatch.notifications.requests import DeviceBody
from dispatch.notifications.views import DeviceView

app = http.create_app("Notifications")

DeviceId = Annotated[str, Path(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]


@app.put("/devices/{device_id}")
async def register(device_id: DeviceId, body: DeviceBody, who: AnyCaller) -> DeviceView:
    """Send pushes for the caller to this device; whoever had the token before loses it."""
    device = service.register_device(who.id, device_id, body.platform, body.token)
    return DeviceView.model_validate(device)


@app.delete("/devices/{device_id}", status_code=204)
async def forget(device_id: DeviceId, who: AnyCaller) -> Response:
    """No more pushes to this device."""
    service.forget_device(who.id, device_id)
    return Response(status_code=204)


handler = http.lambda_handler(app)
