"""What ``/_local/pushes`` and ``/_local/mails`` make of what left through SNS and SES."""

import json
from typing import Any

import pytest

from local.control import mail_row, push_row

OWNER = json.dumps({"user_id": "m-1", "device_id": "phone"})
FCM = {"fcmV1Message": {"message": {"data": {"type": "offer"}, "notification": {"title": "Hi"}}}}
APNS = {"aps": {"alert": {"title": "Hi"}}, "type": "offer"}


def a_push(platform: str, payload: Any, user_data: str = OWNER) -> dict[str, Any]:
    message = json.dumps({"default": "Hi", platform: json.dumps(payload)})
    at = "2026-07-01T12:00:00+00:00"
    return {"id": "1", "at": at, "platform": platform, "user_data": user_data, "message": message}


@pytest.mark.parametrize(
    ("platform", "payload"), [("GCM", FCM), ("APNS", APNS), ("APNS_SANDBOX", APNS)]
)
def test_a_push_is_shown_with_its_owner_its_type_and_what_the_platform_got(
    platform: str, payload: Any
) -> None:
    row = push_row(a_push(platform, payload))
    assert (row["user_id"], row["device_id"], row["type"]) == ("m-1", "phone", "offer")
    assert row["payload"] == payload


def test_a_push_in_plain_text_to_nobody_known_is_shown_too() -> None:
    row = push_row({**a_push("GCM", {}, user_data=""), "message": "just text"})
    assert (row["user_id"], row["type"], row["payload"]) == (None, None, "just text")


def test_a_mail_is_shown_with_its_owner_and_type_from_its_tags() -> None:
    request = {
        "FromEmailAddress": "us@example.com",
        "Destination": {"ToAddresses": ["them@example.com"]},
        "Content": {"Simple": {}},
        "EmailTags": [{"Name": "user_id", "Value": "c-1"}, {"Name": "type", "Value": "receipt"}],
    }
    row = mail_row({"id": "1", "at": "2026-07-01T12:00:00+00:00", "request": request})
    assert (row["user_id"], row["type"]) == ("c-1", "receipt")
    assert row["payload"]["to"] == ["them@example.com"]
