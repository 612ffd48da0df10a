"""Devices as they are shown. Imported by HTTP functions only."""

from dispatch.core.views import View, by_example
from dispatch.notifications.model import Platform


class DeviceView(View):
    """A registered device; a disabled one gets no pushes until it is registered again."""

    model_config = by_example({"device_id": "jos-phone", "platform": "fcm", "enabled": True})

    device_id: str
    platform: Platform
    enabled: bool
