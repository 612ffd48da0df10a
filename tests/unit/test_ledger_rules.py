"""The ledger's state machine, and what each outcome makes of an entry (domain.md, Notices)."""

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.core.errors import IllegalMove
from dispatch.core.ids import new_id, time_prefix
from dispatch.notifications import rules
from dispatch.notifications.model import (
    Channel,
    Delivery,
    Device,
    Entry,
    Language,
    Move,
    NoticeStatus,
    NoticeType,
    Platform,
    Side,
)
from tests.builders import FIVE_MINUTES, MECHANIC, OFFER, ONE_MS, ONE_SECOND, SESSION
from tests.clock import NOON

PUSH, MAIL = Channel.PUSH, Channel.MAIL


def an_entry(status: NoticeStatus = NoticeStatus.QUEUED, **fields: Any) -> Entry:
    """Of an offer made at noon, for five minutes; mailed only as far as the rules can tell."""
    channel = fields.pop("channel", PUSH)
    return Entry(
        **{
            "id": f"{OFFER}-{channel}",
            "user_id": MECHANIC,
            "channel": channel,
            "side": Side.MECHANIC,
            "type": NoticeType.OFFER_MADE,
            "language": Language.ENGLISH,
            "title": "New session for you",
            "body": "check engine light - Toronto",
            "data": {"session_id": SESSION, "assignment_id": OFFER},
            "created_at": NOON,
            "expires_at": NOON + FIVE_MINUTES,
            "status": status,
            **fields,
        }
    )


def taken(target: str = "phone", message_id: str = "m-1") -> Delivery:
    return Delivery(target=target, message_id=message_id)


def refused(target: str = "phone", reason: str = "device_disabled") -> Delivery:
    return Delivery(target=target, reason=reason)


# The table, whole: where each move leads to from everywhere

S, M = NoticeStatus, Move
PUSH_TABLE = {
    #           send      fail      see
    S.QUEUED: (S.SENT, S.FAILED, S.SEEN),
    S.SENT: (S.SENT, S.FAILED, S.SEEN),
    S.FAILED: (S.SENT, S.FAILED, S.SEEN),
    S.SEEN: (S.SEEN, S.SEEN, S.SEEN),
}
MAIL_TABLE = {
    #              send        fail        deliver      bounce     see
    S.QUEUED: (S.SENT, S.FAILED, S.DELIVERED, S.BOUNCED, S.SEEN),
    S.SENT: (S.SENT, S.FAILED, S.DELIVERED, S.BOUNCED, S.SEEN),
    S.FAILED: (S.FAILED, S.FAILED, S.DELIVERED, S.BOUNCED, S.SEEN),
    S.DELIVERED: (S.DELIVERED, S.DELIVERED, S.DELIVERED, S.BOUNCED, S.SEEN),
    S.BOUNCED: (S.BOUNCED, S.BOUNCED, S.BOUNCED, S.BOUNCED, S.SEEN),
    S.SEEN: (S.SEEN, S.SEEN, S.SEEN, S.SEEN, S.SEEN),
}
LEGAL = {
    **{
        (PUSH, before, move): after
        for before, row in PUSH_TABLE.items()
        for move, after in zip((M.SEND, M.FAIL, M.SEE), row, strict=True)
    },
    **{
        (MAIL, before, move): after
        for before, row in MAIL_TABLE.items()
        for move, after in zip((M.SEND, M.FAIL, M.DELIVER, M.BOUNCE, M.SEE), row, strict=True)
    },
}
EVERYTHING = list(itertools.product(Channel, NoticeStatus, Move))


@pytest.mark.parametrize(("channel", "before", "move"), EVERYTHING)
def test_every_move_from_everywhere(channel: Channel, before: NoticeStatus, move: Move) -> None:
    entry = an_entry(before, channel=channel)
    after = LEGAL.get((channel, before, move))
    if after is None:
        with pytest.raises(IllegalMove):
            rules.advance(entry, move, NOON)
    else:
        assert rules.advance(entry, move, NOON).status is after


def test_the_table_says_nothing_else() -> None:
    assert {
        (channel, *step): after
        for channel, table in rules.TRANSITIONS.items()
        for step, after in table.items()
    } == LEGAL


@given(st.lists(st.sampled_from(Move), min_size=1, max_size=6), st.randoms())
def test_what_is_known_of_a_mail_does_not_depend_on_the_order(moves: list[Move], dice: Any) -> None:
    """Twice or in another order, events of SES lead to the same."""

    def after(order: list[Move]) -> NoticeStatus:
        entry = an_entry(channel=MAIL)
        for move in order:
            entry = rules.advance(entry, move, NOON)
        return entry.status

    shuffled = [*moves, *moves]
    dice.shuffle(shuffled)
    assert after(moves) is after(shuffled)


def test_a_move_that_changes_nothing_is_no_new_version() -> None:
    seen = rules.advance(an_entry(), Move.SEE, NOON)
    assert rules.advance(seen, Move.SEE, NOON + ONE_SECOND) is seen
    assert seen.version == 2


def test_times_are_those_of_the_first_time() -> None:
    sent = rules.advance(an_entry(channel=MAIL), Move.SEND, NOON)
    seen = rules.advance(sent, Move.SEE, NOON + ONE_SECOND)
    bounced = rules.advance(seen, Move.BOUNCE, NOON + FIVE_MINUTES, "bounce_transient")
    assert (bounced.sent_at, bounced.seen_at) == (NOON, NOON + ONE_SECOND)
    assert bounced.status is NoticeStatus.SEEN


def test_what_was_never_sent_says_so_even_once_seen() -> None:
    assert rules.advance(an_entry(), Move.SEE, NOON).sent_at is None


def test_a_mail_that_arrived_was_sent_though_nobody_noted_it() -> None:
    assert rules.advance(an_entry(channel=MAIL), Move.DELIVER, NOON).sent_at == NOON


def test_reasons_come_and_go_with_the_status() -> None:
    mail = an_entry(channel=MAIL, reason="throttled")
    sent = rules.advance(mail, Move.SEND, NOON)
    assert sent.reason is None
    delivered = rules.advance(sent, Move.DELIVER, NOON)
    complained = rules.advance(delivered, Move.DELIVER, NOON, "complaint")
    assert (complained.status, complained.reason) == (NoticeStatus.DELIVERED, "complaint")
    assert rules.advance(complained, Move.DELIVER, NOON) is complained
    bounced = rules.advance(complained, Move.BOUNCE, NOON, "bounce_permanent_general")
    assert bounced.reason == "bounce_permanent_general"
    assert rules.advance(bounced, Move.FAIL, NOON, "rejected").reason == bounced.reason
    assert rules.advance(bounced, Move.SEE, NOON).reason == bounced.reason


@pytest.mark.parametrize("move", [Move.FAIL, Move.SEE])
def test_nothing_is_sent_any_more_after(move: Move) -> None:
    assert rules.advance(an_entry(), move, NOON).settled


# Outcomes of an attempt


def test_one_device_that_takes_it_settles_it() -> None:
    entry = rules.with_delivery(an_entry(), taken(), NOON, is_last=True)
    assert (entry.status, entry.settled, entry.sent_at) == (NoticeStatus.SENT, True, NOON)
    assert entry.deliveries == (taken(),)
    assert entry.version == 2


def test_it_is_sent_with_the_first_device_and_settled_with_the_last() -> None:
    first = rules.with_delivery(an_entry(), taken("phone"), NOON, is_last=False)
    assert (first.status, first.settled) == (NoticeStatus.SENT, False)
    second = rules.with_delivery(first, taken("tablet"), NOON + ONE_SECOND, is_last=True)
    assert (second.status, second.settled, second.sent_at) == (NoticeStatus.SENT, True, NOON)


@pytest.mark.parametrize("first_is_taken", [True, False])
def test_one_dead_device_of_two_is_no_failure(first_is_taken: bool) -> None:
    outcomes = [taken("phone"), refused("tablet")]
    first, second = outcomes if first_is_taken else reversed(outcomes)
    entry = rules.with_delivery(an_entry(), first, NOON, is_last=False)
    entry = rules.with_delivery(entry, second, NOON, is_last=True)
    assert (entry.status, entry.settled, entry.reason) == (NoticeStatus.SENT, True, None)


def test_no_device_that_takes_it_is_a_failure_with_the_last_reason() -> None:
    entry = rules.with_delivery(an_entry(), refused("phone", "a"), NOON, is_last=False)
    assert (entry.status, entry.settled) == (NoticeStatus.QUEUED, False)
    entry = rules.with_delivery(entry, refused("tablet", "b"), NOON, is_last=True)
    assert (entry.status, entry.settled, entry.reason) == (NoticeStatus.FAILED, True, "b")
    assert entry.sent_at is None


def test_nobody_to_send_to_is_a_failure() -> None:
    entry = rules.given_up(an_entry(), "no_device", NOON)
    assert (entry.status, entry.settled, entry.reason) == (NoticeStatus.FAILED, True, "no_device")


def test_a_device_that_had_it_makes_giving_up_no_failure() -> None:
    entry = rules.with_delivery(an_entry(), taken(), NOON, is_last=False)
    given_up = rules.given_up(entry, "too_late", NOON)
    assert (given_up.status, given_up.settled) == (NoticeStatus.SENT, True)


def test_whoever_has_seen_it_has_seen_it_whatever_is_noted_later() -> None:
    seen = rules.advance(an_entry(), Move.SEE, NOON)
    sent = rules.with_delivery(seen, taken(), NOON + ONE_SECOND, is_last=True)
    assert (sent.status, sent.sent_at, sent.version) == (NoticeStatus.SEEN, NOON + ONE_SECOND, 3)
    assert rules.given_up(seen, "too_late", NOON).status is NoticeStatus.SEEN


# Again, later


def test_the_waits_grow() -> None:
    waits = [rules.backoff(attempts).total_seconds() for attempts in range(1, 10)]
    assert waits == [5, 15, 45, 135, 405, 900, 900, 900, 900]


def test_a_queue_can_hold_every_wait() -> None:
    assert all(rules.backoff(n) <= timedelta(seconds=900) for n in range(1, 1000))


def test_what_failed_for_a_while_waits() -> None:
    entry = rules.postponed(an_entry(), ["phone"], "throttled", NOON)
    assert (entry.status, entry.settled, entry.reason) == (NoticeStatus.QUEUED, False, "throttled")
    assert (entry.attempts, entry.waiting) == (1, ("phone",))
    assert entry.retry_at == NOON + timedelta(seconds=5)
    assert entry.version == 2


def test_success_after_all_forgets_the_failure() -> None:
    entry = rules.postponed(an_entry(), ["phone"], "throttled", NOON)
    entry = rules.with_delivery(entry, taken(), NOON + 5 * ONE_SECOND, is_last=True)
    assert (entry.status, entry.reason, entry.waiting) == (NoticeStatus.SENT, None, ())
    assert entry.retry_at is None


@pytest.mark.parametrize(
    ("left", "waits"), [(5 * ONE_SECOND + ONE_MS, True), (5 * ONE_SECOND, False)]
)
def test_nothing_waits_past_its_expiry(left: timedelta, waits: bool) -> None:
    entry = rules.postponed(an_entry(expires_at=NOON + left), ["phone"], "throttled", NOON)
    if waits:
        assert entry.status is NoticeStatus.QUEUED
    else:
        assert (entry.status, entry.settled, entry.reason) == (
            NoticeStatus.FAILED,
            True,
            "throttled",
        )
        assert entry.retry_at is None


def test_an_offer_is_tried_until_the_next_wait_would_pass_its_end() -> None:
    entry, now, waits = an_entry(), NOON, []
    while not entry.settled:
        entry = rules.postponed(entry, ["phone"], "throttled", now)
        if entry.retry_at:
            waits.append((entry.retry_at - now).total_seconds())
            now = entry.retry_at
    assert waits == [5, 15, 45, 135]
    assert entry.status is NoticeStatus.FAILED
    assert now < entry.expires_at


def test_of_two_devices_the_one_that_had_it_makes_the_other_ones_end_no_failure() -> None:
    entry = rules.with_delivery(an_entry(), taken("phone"), NOON, is_last=False)
    entry = rules.postponed(entry, ["tablet"], "throttled", NOON)
    assert (entry.status, entry.settled) == (NoticeStatus.SENT, False)
    done = rules.with_delivery(entry, taken("tablet", "m-2"), NOON, is_last=True)
    assert (done.status, done.settled, done.reason) == (NoticeStatus.SENT, True, None)
    late = replace(entry, expires_at=NOON + 5 * ONE_SECOND)
    over = rules.postponed(late, ["tablet"], "throttled", NOON + ONE_SECOND)
    assert (over.status, over.settled) == (NoticeStatus.SENT, True)


# What the provider tells afterwards


def test_a_push_that_was_not_delivered_has_failed() -> None:
    sent = rules.with_delivery(an_entry(), taken(), NOON, is_last=True)
    failed = rules.undelivered(sent, "m-1", "invalid_platform_token", NOON)
    assert (failed.status, failed.reason) == (NoticeStatus.FAILED, "invalid_platform_token")
    assert failed.sent_at == NOON, "it had been sent"
    assert rules.undelivered(failed, "m-1", "invalid_platform_token", NOON) is failed


def test_one_of_two_devices_that_was_not_reached_is_no_failure() -> None:
    sent = rules.with_delivery(an_entry(), taken("phone", "m-1"), NOON, is_last=False)
    sent = rules.with_delivery(sent, taken("tablet", "m-2"), NOON, is_last=True)
    one = rules.undelivered(sent, "m-1", "endpoint_disabled", NOON)
    assert one.status is NoticeStatus.SENT
    both = rules.undelivered(one, "m-2", "endpoint_disabled", NOON)
    assert both.status is NoticeStatus.FAILED


def test_while_a_device_still_waits_nothing_has_failed_yet() -> None:
    entry = rules.with_delivery(an_entry(), taken("phone"), NOON, is_last=False)
    entry = rules.postponed(entry, ["tablet"], "throttled", NOON)
    entry = rules.undelivered(entry, "m-1", "endpoint_disabled", NOON)
    assert not entry.settled
    done = rules.with_delivery(entry, taken("tablet", "m-2"), NOON, is_last=True)
    assert (done.status, done.settled) == (NoticeStatus.SENT, True)
    lost = rules.given_up(entry, "too_late", NOON)
    assert (lost.status, lost.reason) == (NoticeStatus.FAILED, "endpoint_disabled")


def test_feedback_on_another_message_changes_nothing() -> None:
    sent = rules.with_delivery(an_entry(), taken(), NOON, is_last=True)
    assert rules.undelivered(sent, "m-9", "endpoint_disabled", NOON) is sent


@pytest.mark.parametrize(
    ("event", "move"),
    [
        ({"eventType": "Delivery", "delivery": {}}, (Move.DELIVER, None)),
        (
            {
                "eventType": "Bounce",
                "bounce": {"bounceType": "Permanent", "bounceSubType": "General"},
            },
            (Move.BOUNCE, "bounce_permanent_general"),
        ),
        (
            {
                "eventType": "Bounce",
                "bounce": {
                    "bounceType": "Permanent",
                    "bounceSubType": "OnAccountSuppressionList",
                },
            },
            (Move.BOUNCE, "bounce_permanent_on_account_suppression_list"),
        ),
        ({"eventType": "Bounce"}, (Move.BOUNCE, "bounce")),
        (
            {"eventType": "Complaint", "complaint": {"complaintFeedbackType": "abuse"}},
            (Move.DELIVER, "complaint"),
        ),
        (
            {
                "eventType": "Complaint",
                "complaint": {"complaintSubType": "OnAccountSuppressionList"},
            },
            (Move.BOUNCE, "suppressed"),
        ),
        ({"eventType": "Reject", "reject": {"reason": "Bad content"}}, (Move.FAIL, "rejected")),
        ({"eventType": "Send"}, None),
        ({"eventType": "Open"}, None),
        ({}, None),
    ],
)
def test_an_event_of_ses_moves_the_mail(event: dict[str, Any], move: Any) -> None:
    assert rules.move_of_mail_event(event) == move


# Reachable


@pytest.mark.parametrize(
    ("enabled", "is_reachable"),
    [([], True), ([True], True), ([False, True], True), ([False], False), ([False, False], False)],
)
def test_only_who_has_devices_and_all_of_them_dead_is_unreachable(
    enabled: list[bool], is_reachable: bool
) -> None:
    devices = [
        Device(
            user_id=MECHANIC,
            device_id=str(n),
            platform=Platform.FCM,
            token=str(n),
            endpoint_arn=str(n),
            enabled=is_enabled,
        )
        for n, is_enabled in enumerate(enabled)
    ]
    assert rules.is_reachable(devices) is is_reachable


# A person's ledger is in the order of time because ids are


def test_ids_of_one_instant_begin_alike_and_sort_as_instants_do() -> None:
    instants = [NOON, NOON + ONE_MS, NOON + FIVE_MINUTES]
    prefixes = [time_prefix(instant) for instant in instants]
    assert prefixes == sorted(set(prefixes))
    for instant, prefix in zip(instants, prefixes, strict=True):
        assert new_id(instant).startswith(prefix)
