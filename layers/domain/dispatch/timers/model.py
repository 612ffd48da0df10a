"""Rings: reminders that a deadline has come. A ring is a hint, never the truth. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """``kind`` names what to look at, ``session_id`` where, ``name`` is the same for the same."""

    kind: str
    session_id: str
    due_at: datetime
    name: str
