"""Devices as they are shown. Imported by HTTP functions only."""

from dispatch.core.views import View
from dispatch.notifications.model import Platform


class DeviceView(View):
    """A registered device; a disabled one gets no pushes until it is registered again."""

    device_id: str
    platform: Platform
    enabled: bool
