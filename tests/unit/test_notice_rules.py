"""Who is told what, and how a push is written (domain.md, Notices)."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.notifications import rules
from dispatch.notifications.model import Notice, Platform
from dispatch.offers.model import SessionBrief
from tests.builders import (
    BROADCAST,
    CONCERN,
    CUSTOMER,
    FIVE_MINUTES,
    MECHANIC,
    OFFER,
    ONE_MS,
    ONE_SECOND,
    RIVAL,
    SESSION,
    a_brief,
    a_fact,
)
from tests.clock import NOON

OFFERS_MADE = a_fact(
    "OffersMade", mechanic_ids=[MECHANIC, RIVAL], assignment_ids=["to-me", "to-rival"]
)
ANNOUNCED = a_fact("BroadcastAnnounced", mechanic_ids=[MECHANIC, RIVAL], assignment_id=BROADCAST)
ACCEPTED = a_fact("OfferAccepted", customer_id=CUSTOMER, mechanic_id=MECHANIC)
RELEASED = a_fact("OfferReleased", customer_id=CUSTOMER, mechanic_id=MECHANIC)


def offers_made(brief: SessionBrief) -> list[Notice]:
    open_now = OFFERS_MADE["assignment_ids"]
    return rules.offers_made(OFFERS_MADE, brief, NOON + FIVE_MINUTES, open_now)


def test_an_offer_that_stands_no_more_is_told_to_nobody() -> None:
    notices = rules.offers_made(OFFERS_MADE, a_brief(), NOON + FIVE_MINUTES, {"to-me"})
    assert told(notices) == [MECHANIC]


def a_notice(**fields: Any) -> Notice:
    return Notice(
        **{
            "id": "notice-1",
            "user_id": MECHANIC,
            "type": "offer_made",
            "title": "New session for you",
            "body": "check engine light - Toronto",
            "data": {"session_id": SESSION, "assignment_id": OFFER},
            "expires_at": NOON + FIVE_MINUTES,
            **fields,
        }
    )


def cancelled(by: str, mechanic_id: str | None) -> dict[str, Any]:
    return a_fact(
        "SessionCancelled", customer_id=CUSTOMER, mechanic_id=mechanic_id, cancelled_by=by
    )


def completed(by: str) -> dict[str, Any]:
    return a_fact("SessionCompleted", customer_id=CUSTOMER, mechanic_id=MECHANIC, ended_by=by)


def told(notices: Sequence[Notice]) -> list[str]:
    return [notice.user_id for notice in notices]


# Who is told


def test_each_mechanic_who_was_asked_is_told_of_their_own_offer() -> None:
    notices = offers_made(a_brief())
    assert told(notices) == [MECHANIC, RIVAL]
    assert [notice.data for notice in notices] == [
        {"session_id": SESSION, "assignment_id": "to-me"},
        {"session_id": SESSION, "assignment_id": "to-rival"},
    ]
    assert {notice.expires_at for notice in notices} == {NOON + FIVE_MINUTES}


def test_a_broadcast_is_told_to_its_audience_and_has_no_deadline() -> None:
    notices = rules.broadcast_announced(ANNOUNCED, a_brief())
    assert told(notices) == [MECHANIC, RIVAL]
    assert notices[0].data == {"session_id": SESSION, "assignment_id": BROADCAST}
    assert notices[0].expires_at is None


def test_the_customer_is_told_that_a_mechanic_came_and_that_one_went() -> None:
    assert told(rules.offer_accepted(ACCEPTED)) == [CUSTOMER]
    assert told(rules.offer_released(RELEASED)) == [CUSTOMER]


@pytest.mark.parametrize(
    ("by", "mechanic_id", "whom"),
    [
        ("customer", None, []),
        ("customer", MECHANIC, [MECHANIC]),
        ("timer", None, [CUSTOMER]),
    ],
)
def test_a_cancelled_session_is_told_to_who_did_not_cancel_it(
    by: str, mechanic_id: str | None, whom: list[str]
) -> None:
    assert told(rules.session_cancelled(cancelled(by, mechanic_id))) == whom


@pytest.mark.parametrize(
    ("by", "whom"),
    [("customer", [MECHANIC]), ("mechanic", [CUSTOMER]), ("timer", [CUSTOMER, MECHANIC])],
)
def test_a_completed_session_is_told_to_who_did_not_end_it(by: str, whom: list[str]) -> None:
    assert told(rules.session_completed(completed(by))) == whom


# What they are told


def test_an_offer_says_what_it_is_about_and_where() -> None:
    def body(**brief: Any) -> str:
        return offers_made(a_brief(**brief))[0].body

    assert body(keywords=("engine diagnostic",)) == "engine diagnostic - Toronto"
    assert body(keywords=("engine diagnostic",), city=None) == "engine diagnostic"
    assert body(keywords=(), city=None) == "free chat session"


def test_an_urgent_offer_says_so() -> None:
    calm, urgent = (offers_made(a_brief(urgent=urgent))[0].title for urgent in (False, True))
    assert "rgent" not in calm
    assert "rgent" in urgent


ALL = [
    *offers_made(a_brief()),
    *rules.broadcast_announced(ANNOUNCED, a_brief()),
    *rules.offer_accepted(ACCEPTED),
    *rules.offer_released(RELEASED),
    *rules.session_cancelled(cancelled("timer", MECHANIC)),
    *rules.session_completed(completed("timer")),
]


@pytest.mark.parametrize("platform", Platform)
def test_a_push_tells_neither_who_it_is_nor_what_they_wrote(platform: Platform) -> None:
    for notice in ALL:
        payload = rules.payload(notice, platform, 300)
        for private in (CONCERN, CUSTOMER, MECHANIC, RIVAL, "Honda", "Jo Driver"):
            assert private not in payload


# Ids: the same fact for the same person is the same notice


def test_a_repeated_fact_makes_the_same_notices() -> None:
    again = offers_made(a_brief())
    assert again == offers_made(a_brief())


def test_another_person_or_another_fact_makes_another_notice() -> None:
    pairs = [("fact-1", MECHANIC), ("fact-1", RIVAL), ("fact-2", MECHANIC)]
    assert len({rules.notice_id(*pair) for pair in pairs}) == 3


@given(fact_id=st.text(), user_id=st.text(max_size=500))
def test_an_id_fits_the_collapse_id_of_apns(fact_id: str, user_id: str) -> None:
    id_ = rules.notice_id(fact_id, user_id)
    assert 0 < len(id_.encode()) <= 64
    assert id_ == rules.notice_id(fact_id, user_id)


# How long it is worth delivering


@pytest.mark.parametrize(
    ("remaining", "ttl_s"),
    [
        (FIVE_MINUTES, 300),
        (FIVE_MINUTES - ONE_MS, 299),
        (ONE_SECOND, 1),
        (ONE_SECOND - ONE_MS, 0),
        (timedelta(0), 0),
        (-ONE_SECOND, 0),
    ],
)
def test_a_push_lives_as_long_as_its_offer(remaining: timedelta, ttl_s: int) -> None:
    assert rules.ttl_s(a_notice(expires_at=NOON + remaining), NOON) == ttl_s


def test_without_a_deadline_it_lives_for_a_day() -> None:
    assert rules.ttl_s(a_notice(expires_at=None), NOON) == 24 * 60 * 60


# The messages of the platforms


@pytest.mark.parametrize(
    ("platform", "name"),
    [(Platform.FCM, "GCM"), (Platform.APNS, "APNS"), (Platform.APNS_SANDBOX, "APNS_SANDBOX")],
)
@pytest.mark.parametrize("notice", ALL, ids=lambda notice: notice.type)
def test_sns_gets_the_platforms_message_and_a_default(
    notice: Notice, platform: Platform, name: str
) -> None:
    envelope = json.loads(rules.payload(notice, platform, 300))
    assert set(envelope) == {"default", name}
    assert envelope["default"] == notice.body
    assert json.loads(envelope[name])
    assert len(envelope[name].encode()) <= 4096


def test_fcm() -> None:
    envelope = json.loads(rules.payload(a_notice(), Platform.FCM, 299))
    message = json.loads(envelope["GCM"])["fcmV1Message"]["message"]
    assert message["notification"] == {
        "title": "New session for you",
        "body": "check engine light - Toronto",
    }
    assert message["data"] == {
        "type": "offer_made",
        "notice_id": "notice-1",
        "session_id": SESSION,
        "assignment_id": OFFER,
    }
    assert message["android"]["ttl"] == "299s"
    assert message["android"]["collapse_key"] == "notice-1"
    assert message["android"]["notification"]["tag"] == "notice-1"
    assert rules.attributes(a_notice(), Platform.FCM, 299) == {"AWS.SNS.MOBILE.FCM.TTL": "299"}


@pytest.mark.parametrize("platform", [Platform.APNS, Platform.APNS_SANDBOX])
def test_apns(platform: Platform) -> None:
    envelope = json.loads(rules.payload(a_notice(), platform, 299))
    message = json.loads(envelope[platform.upper()])
    assert message["aps"]["alert"] == {
        "title": "New session for you",
        "body": "check engine light - Toronto",
    }
    assert message["type"] == "offer_made"
    assert message["assignment_id"] == OFFER
    attributes = rules.attributes(a_notice(), platform, 299)
    assert attributes[f"AWS.SNS.MOBILE.{platform.upper()}.TTL"] == "299"
    assert attributes["AWS.SNS.MOBILE.APNS.COLLAPSE_ID"] == "notice-1"
    assert attributes["AWS.SNS.MOBILE.APNS.PUSH_TYPE"] == "alert"


def test_data_members_are_texts_as_fcm_demands() -> None:
    for notice in ALL:
        assert all(isinstance(value, str) for value in notice.data.values())
