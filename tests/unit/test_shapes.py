"""Readers take items of one shape older and one newer (docs/operations.md)."""

import json
from typing import Any

import msgspec
import pytest

from dispatch.notifications.model import Entry as Notice
from dispatch.offers.model import Dispatch
from dispatch.payments.model import Entry as CreditEntry
from dispatch.payments.model import Payment
from dispatch.sessions.model import Session
from dispatch.shifts.model import Shift
from dispatch.waitlist.model import Entry as WaitlistEntry

STATES: list[Any] = [Session, Dispatch, Notice, CreditEntry, Payment, Shift, WaitlistEntry]


@pytest.mark.parametrize("state", STATES, ids=lambda each: f"{each.__module__}.{each.__name__}")
def test_a_member_of_tomorrow_is_passed_over(state: Any) -> None:
    """Of the text that is stored, not of the members: those a state lacks, its reader names."""
    told = json.dumps({"a_member_of_tomorrow": {"of": ["any", "shape"]}})
    with pytest.raises(msgspec.ValidationError, match="missing required field"):
        msgspec.json.decode(told, type=state)


def test_a_reader_that_minds_would_be_noticed() -> None:
    class Strict(msgspec.Struct, forbid_unknown_fields=True):
        id: str = ""

    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.json.decode('{"a_member_of_tomorrow": 1}', type=Strict)
