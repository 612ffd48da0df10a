"""What is counted, and since when."""

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What a user may do only so often. Each is a number of the policy, ``<action>_<per window>``.

    BOOKING is starting or moving a session; EDIT is writing a profile, a vehicle, working hours or
    time off.
    """

    BOOKING = "booking"
    UPLOAD = "upload"
    WAITLIST_JOIN = "waitlist_join"
    DEVICE = "device"
    EDIT = "edit"


@dataclass(frozen=True, slots=True)
class Times:
    """How often something was done in a window of time, which is told by its beginning."""

    window: str = ""
    count: int = 0
