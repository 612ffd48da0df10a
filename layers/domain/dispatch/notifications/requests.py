"""The body of the device call. Imported by HTTP functions only."""

from typing import Annotated

from pydantic import StringConstraints

from dispatch.core.views import Body, by_example
from dispatch.notifications.model import Platform


class DeviceBody(Body):
    """Where pushes for this device go."""

    model_config = by_example({"platform": "fcm", "token": "the-token-that-the-app-got-from-fcm"})

    platform: Platform
    token: Annotated[
        str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[\x21-\x7e]+$")
    ]
