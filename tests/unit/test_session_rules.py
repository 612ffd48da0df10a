"""A session's state machine, deadlines, refunds, and what callers are told (domain.md)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dispatch.core.errors import IllegalMove, Invalid
from dispatch.policy.model import Plan, Policy, SessionType
from dispatch.sessions import rules
from dispatch.sessions.model import ACTIVE, Move, Party, PaymentMethod, Refund, Session, Status
from tests.builders import (
    CIVIC,
    CONCERN,
    CUSTOMER,
    FIVE_MINUTES,
    HALF_AN_HOUR,
    MECHANIC,
    OFFER,
    ONE_MS,
    ONE_SECOND,
    RIVAL,
    SESSION,
    TORONTO,
    a_fact,
    a_session,
    an_intake,
)
from tests.clock import NOON

POLICY = Policy()
FREE = Plan("free", SessionType.CHAT, 15, 0, 0)
QUICK = Plan("quick", SessionType.CHAT, 30, 999, 10)

# The table of domain.md: from, move, to. Whatever is not here is refused.
TABLE = {
    ("awaiting_waiver", "sign"): "pending",
    ("awaiting_waiver", "abandon"): "cancelled",
    ("awaiting_waiver", "cancel"): "cancelled",
    ("pending", "accept"): "waiting",
    ("pending", "cancel"): "cancelled",
    ("waiting", "join"): "waiting",
    ("waiting", "release"): "pending",
    ("waiting", "cancel"): "cancelled",
    ("live", "end"): "completed",
}
# The second join makes two moves of the machine at once.
SECOND_JOIN = {("waiting", "start"): "live"}

MOVES: dict[str, Callable[[Session, datetime], Session]] = {
    "sign": lambda session, now: rules.sign(session, POLICY, now),
    "abandon": rules.abandon,
    "accept": lambda session, now: rules.accept(
        session, mechanic_id=MECHANIC, assignment_id=OFFER, now=now
    ),
    "release": rules.release,
    "join": lambda session, now: rules.join(session, Party.MECHANIC, POLICY, now),
    "end": lambda session, now: rules.end(session, Party.CUSTOMER, now),
    "cancel": lambda session, now: rules.cancel(session, None, now),
}


# The state machine


@pytest.mark.parametrize(("status", "move"), list(product(Status, MOVES)))
def test_every_move_from_every_status(status: Status, move: str) -> None:
    session = a_session(status)
    target = TABLE.get((status, move))
    if target is None:
        with pytest.raises(IllegalMove) as refused:
            MOVES[move](session, NOON)
        assert refused.value.members == {"reason": "illegal_move", "current_status": status}
    else:
        moved = MOVES[move](session, NOON)
        assert moved.status == target
        assert moved.version == session.version + 1


def test_the_machine_has_no_other_transitions() -> None:
    assert rules.TRANSITIONS == TABLE | SECOND_JOIN
    assert {*MOVES, "start"} == set(Move)


def test_a_customer_has_one_session_in_these() -> None:
    assert set(ACTIVE) == {"awaiting_waiver", "pending", "waiting", "live"}


# Booking


def book(plan: Plan = FREE, policy: Policy = POLICY, **intake: Any) -> Session:
    return rules.book(
        an_intake(plan=plan.id, **intake),
        plan,
        policy,
        session_id=SESSION,
        customer_id=CUSTOMER,
        keywords=("engine diagnostic",),
        now=NOON,
    )


def test_a_new_session_awaits_the_waiver_for_half_an_hour() -> None:
    session = book()
    assert session.status is Status.AWAITING_WAIVER
    assert session.awaiting_until == NOON + HALF_AN_HOUR
    assert (session.version, session.period, session.pending_since) == (1, 0, None)


def test_the_wait_for_the_waiver_is_the_policys() -> None:
    session = book(policy=Policy(awaiting_s=60))
    assert session.awaiting_until == NOON + timedelta(seconds=60)


def test_a_new_session_keeps_what_was_submitted_and_what_the_plan_says() -> None:
    session = book(QUICK, payment_method=PaymentMethod.STRIPE, urgent=True)
    assert (session.id, session.customer_id, session.created_at) == (SESSION, CUSTOMER, NOON)
    assert (session.plan, session.type, session.minutes) == ("quick", "chat", 30)
    assert (session.price_cents, session.credits) == (999, 10)
    assert (session.location, session.vehicle, session.urgent) == (TORONTO, CIVIC, True)
    assert (session.keywords, session.concern_preview) == (("engine diagnostic",), CONCERN)


@pytest.mark.parametrize(
    ("plan", "method", "fits"),
    [
        (FREE, PaymentMethod.FREE, True),
        (FREE, PaymentMethod.CREDITS, False),
        (FREE, PaymentMethod.STRIPE, False),
        (QUICK, PaymentMethod.FREE, False),
        (QUICK, PaymentMethod.CREDITS, True),
        (QUICK, PaymentMethod.STRIPE, True),
    ],
)
def test_payment_is_free_if_and_only_if_the_plan_is(
    plan: Plan, method: PaymentMethod, fits: bool
) -> None:
    if fits:
        assert book(plan, payment_method=method).payment_method is method
    else:
        with pytest.raises(Invalid) as refused:
            book(plan, payment_method=method)
        assert refused.value.members["errors"][0]["pointer"] == "/payment_method"


# Signing, accepting, releasing


def test_signing_begins_the_first_pending_period_under_the_policy_of_that_moment() -> None:
    signed = rules.sign(a_session(Status.AWAITING_WAIVER), Policy(version=7), NOON + ONE_SECOND)
    assert signed.period == 1
    assert signed.pending_since == NOON + ONE_SECOND
    assert signed.policy_version == 7


def test_accepting_gives_the_session_its_mechanic() -> None:
    accepted = rules.accept(a_session(), mechanic_id=RIVAL, assignment_id=OFFER, now=NOON)
    assert (accepted.mechanic_id, accepted.assignment_id) == (RIVAL, OFFER)
    assert accepted.accepted_at == NOON


@pytest.mark.parametrize("joined", ["mechanic_joined_at", "customer_joined_at"])
def test_a_released_session_is_pending_anew_as_if_nobody_had_come(joined: str) -> None:
    session = a_session(Status.WAITING, policy_version=7, **{joined: NOON})
    released = rules.release(session, NOON + FIVE_MINUTES)
    assert (released.period, released.pending_since) == (2, NOON + FIVE_MINUTES)
    assert released.policy_version == 7, "it keeps the policy under which it became pending"
    assert released.mechanic_id is None
    assert released.assignment_id is None
    assert released.accepted_at is None
    assert released.mechanic_joined_at is None
    assert released.customer_joined_at is None


# Joining


@pytest.mark.parametrize(
    "order", [(Party.CUSTOMER, Party.MECHANIC), (Party.MECHANIC, Party.CUSTOMER)]
)
def test_it_is_live_when_both_have_joined_in_any_order(order: tuple[Party, Party]) -> None:
    first = rules.join(a_session(Status.WAITING), order[0], POLICY, NOON)
    assert first.status is Status.WAITING
    assert (first.live_at, first.ends_by) == (None, None)
    second = rules.join(first, order[1], POLICY, NOON + ONE_SECOND)
    assert second.status is Status.LIVE
    assert second.live_at == NOON + ONE_SECOND


@pytest.mark.parametrize("party", [Party.CUSTOMER, Party.MECHANIC])
def test_joining_again_alone_keeps_the_first_instant(party: Party) -> None:
    once = rules.join(a_session(Status.WAITING), party, POLICY, NOON)
    twice = rules.join(once, party, POLICY, NOON + FIVE_MINUTES)
    assert twice.status is Status.WAITING
    assert {twice.mechanic_joined_at, twice.customer_joined_at} == {NOON, None}
    assert rules.has_joined(twice, party)


def test_a_live_session_ends_by_plan_minutes_plus_ten() -> None:
    waiting = a_session(Status.WAITING, minutes=45, mechanic_joined_at=NOON)
    live = rules.join(waiting, Party.CUSTOMER, POLICY, NOON)
    assert live.ends_by == NOON + timedelta(minutes=55)
    short = rules.join(waiting, Party.CUSTOMER, Policy(overtime_s=0), NOON)
    assert short.ends_by == NOON + timedelta(minutes=45)


@pytest.mark.parametrize("by", Party)
def test_ending_says_who_and_when(by: Party) -> None:
    ended = rules.end(a_session(Status.LIVE), by, NOON + FIVE_MINUTES)
    assert (ended.ended_by, ended.ended_at) == (by, NOON + FIVE_MINUTES)
    assert ended.refund is None


# Cancelling and refunds


def priced(status: Status, price_cents: int = 999, **fields: Any) -> Session:
    return a_session(status, price_cents=price_cents, credits=10, **fields)


@pytest.mark.parametrize("status", [Status.AWAITING_WAIVER, Status.PENDING, Status.WAITING])
def test_all_comes_back_before_the_mechanic_has_joined(status: Status) -> None:
    cancelled = rules.cancel(priced(status, customer_joined_at=NOON), "found it", NOON)
    assert cancelled.refund == Refund(percent=100, price_cents=999, credits=10)
    assert (cancelled.ended_by, cancelled.ended_at) == (Party.CUSTOMER, NOON)
    assert cancelled.end_reason == "found it"


def test_nothing_comes_back_after_the_mechanic_has_joined() -> None:
    joined = priced(Status.WAITING, mechanic_joined_at=NOON)
    assert rules.cancel(joined, None, NOON).refund == Refund(0, 0, 0)


def test_all_comes_back_when_a_mechanic_joined_and_released() -> None:
    released = rules.release(priced(Status.WAITING, mechanic_joined_at=NOON), NOON)
    assert rules.cancel(released, None, NOON).refund == Refund(100, 999, 10)


def test_an_abandoned_session_gives_all_back() -> None:
    abandoned = rules.abandon(priced(Status.AWAITING_WAIVER), NOON)
    assert abandoned.refund == Refund(100, 999, 10)
    assert abandoned.ended_by is Party.TIMER
    assert abandoned.end_reason == "not_signed_in_time"


@pytest.mark.parametrize(
    ("amount", "percent", "back"),
    [(999, 100, 999), (999, 50, 500), (1, 50, 1), (1, 49, 0), (3, 50, 2), (999, 0, 0), (0, 50, 0)],
)
def test_halves_round_up(amount: int, percent: int, back: int) -> None:
    refund = rules._refund(a_session(price_cents=amount, credits=amount), percent)
    assert refund == Refund(percent, back, back)


# Deadlines: the clock's moves happen at their instant, whether or not a timer has come round


DEADLINES = [
    (Status.AWAITING_WAIVER, "awaiting_until", Status.CANCELLED),
    (Status.LIVE, "ends_by", Status.COMPLETED),
]


@pytest.mark.parametrize(("status", "deadline", "after"), DEADLINES)
def test_up_to_a_deadline_the_session_is_as_written(
    status: Status, deadline: str, after: Status
) -> None:
    session = a_session(status)
    due: datetime = getattr(session, deadline)
    assert rules.as_of(session, due - ONE_MS) is session
    assert rules.as_of(session, due).status is after


@pytest.mark.parametrize(("status", "deadline", "after"), DEADLINES)
def test_however_late_it_is_asked_the_session_ended_at_its_deadline(
    status: Status, deadline: str, after: Status
) -> None:
    session = a_session(status)
    due: datetime = getattr(session, deadline)
    late = rules.as_of(session, due + timedelta(days=1))
    assert late == rules.as_of(session, due)
    assert (late.status, late.ended_at, late.ended_by) == (after, due, Party.TIMER)
    assert rules.as_of(late, due + timedelta(days=2)) is late


@pytest.mark.parametrize(
    "status", [s for s in Status if s not in (Status.AWAITING_WAIVER, Status.LIVE)]
)
def test_other_statuses_have_no_deadline(status: Status) -> None:
    session = a_session(status)
    assert rules.as_of(session, NOON + timedelta(days=365)) is session


def test_a_session_signed_in_time_is_not_abandoned_later() -> None:
    session = a_session(Status.AWAITING_WAIVER)
    signed = rules.sign(session, POLICY, session.awaiting_until - ONE_MS)
    assert rules.as_of(signed, session.awaiting_until) is signed


# What callers are told


@pytest.mark.parametrize(
    ("status", "customer", "mechanic"),
    [
        (Status.AWAITING_WAIVER, "sign_waiver", None),
        (Status.PENDING, None, None),
        (Status.WAITING, "join", "join"),
        (Status.LIVE, None, None),
        (Status.COMPLETED, None, None),
        (Status.CANCELLED, None, None),
    ],
)
def test_next_step_of_each_side(status: Status, customer: str | None, mechanic: str | None) -> None:
    session = a_session(status)
    assert rules.next_step(session, Party.CUSTOMER) == customer
    assert rules.next_step(session, Party.MECHANIC) == mechanic


def test_who_has_joined_has_nothing_to_do_but_wait() -> None:
    session = a_session(Status.WAITING, mechanic_joined_at=NOON)
    assert rules.next_step(session, Party.MECHANIC) is None
    assert rules.next_step(session, Party.CUSTOMER) == "join"


def test_polling_is_soon_while_somebody_is_expected_and_seldom_once_it_is_over() -> None:
    soon = {rules.poll_after_s(a_session(s)) for s in (Status.PENDING, Status.WAITING)}
    over = {rules.poll_after_s(a_session(s)) for s in (Status.COMPLETED, Status.CANCELLED)}
    assert max(soon) <= 5 <= 30 <= min(over)


@pytest.mark.parametrize(
    ("concern", "shown"),
    [
        ("It  rattles\n\tbadly", "It rattles badly"),
        ("x" * 140, "x" * 140),
        ("x" * 141, "x" * 139 + "…"),
        ("words " * 40, "words " * 22 + "words…"),
        ("", ""),
    ],
)
def test_a_preview_is_one_line_cut_at_a_word(concern: str, shown: str) -> None:
    assert rules.preview(concern) == shown


@given(st.text(max_size=500))
def test_a_preview_is_never_too_long(concern: str) -> None:
    preview = rules.preview(concern)
    assert len(preview) <= rules.PREVIEW_LENGTH
    assert preview == " ".join(preview.split())


# The timeline

OFFERS = a_fact(
    "OffersMade",
    period=1,
    wave=1,
    assignment_ids=["a", "b", "c"],
    mechanic_ids=[MECHANIC, RIVAL, "mechanic-3"],
    expires_at="2026-07-01T12:05:00.000Z",
)


def seen_by_customer(fact: dict[str, Any], session: Session | None = None) -> dict[str, Any]:
    return rules.timeline_detail(fact, session or a_session(Status.WAITING), CUSTOMER)


def test_the_customer_sees_how_many_were_asked_not_who() -> None:
    assert seen_by_customer(OFFERS) == {
        "period": 1,
        "expires_at": "2026-07-01T12:05:00.000Z",
        "mechanics_asked": 3,
    }


def test_the_customer_sees_the_assigned_mechanic() -> None:
    fact = a_fact("OfferAccepted", mechanic_id=MECHANIC, assignment_id=OFFER, match_type="targeted")
    assert seen_by_customer(fact) == {
        "mechanic_id": MECHANIC,
        "assignment_id": OFFER,
        "match_type": "targeted",
    }


@pytest.mark.parametrize(
    "fact",
    [
        a_fact("OfferDeclined", mechanic_id=RIVAL, assignment_id="b", decline_reason="price"),
        a_fact("OfferReleased", mechanic_id=RIVAL, assignment_id="b"),
    ],
)
def test_of_other_mechanics_nothing_is_seen(fact: dict[str, Any]) -> None:
    assert seen_by_customer(fact) == {}
    assert rules.timeline_detail(fact, a_session(Status.WAITING), MECHANIC) == {}


def test_after_a_release_the_mechanic_who_had_it_is_hidden_from_the_customer() -> None:
    fact = a_fact("OfferAccepted", mechanic_id=MECHANIC, assignment_id=OFFER)
    assert seen_by_customer(fact, a_session(Status.PENDING)) == {}


def test_a_mechanic_sees_their_own_deeds() -> None:
    fact = a_fact("OfferReleased", mechanic_id=RIVAL, assignment_id="b")
    own = rules.timeline_detail(fact, a_session(Status.WAITING), RIVAL)
    assert own == {"mechanic_id": RIVAL, "assignment_id": "b"}


@pytest.mark.parametrize("member", ["match_score", "score", "breakdown", "scores", "customer_id"])
def test_a_member_nobody_has_thought_of_is_hidden(member: str) -> None:
    assert seen_by_customer(a_fact("OffersMade", **{member: 185})) == {}


# Any history


class AnyHistory(RuleBasedStateMachine):
    """Random moves at random times, allowed or not: what holds in every session."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.session = book(QUICK, payment_method=PaymentMethod.CREDITS)

    @rule(seconds=st.sampled_from([0, 1, 60, 299, 300, 1799, 1800, 2400, 3600]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self._becomes(rules.as_of(self.session, self.now))

    @rule(move=st.sampled_from([name for name in MOVES if name != "abandon"]))
    def somebody_moves(self, move: str) -> None:
        try:
            self._becomes(MOVES[move](self.session, self.now))
        except IllegalMove:
            assert (self.session.status, move) not in TABLE

    @rule()
    def the_customer_joins(self) -> None:
        if self.session.status is Status.WAITING:
            self._becomes(rules.join(self.session, Party.CUSTOMER, POLICY, self.now))

    def _becomes(self, after: Session) -> None:
        before, self.session = self.session, after
        if after is before:
            return
        assert before.status in ACTIVE, "what is over stays as it is"
        assert after.version == before.version + 1
        has_become_pending = after.status is Status.PENDING and before.status is not Status.PENDING
        assert after.period == before.period + has_become_pending

    @invariant()
    def a_live_session_has_both_sides(self) -> None:
        session = self.session
        both = session.mechanic_joined_at and session.customer_joined_at
        if session.status in (Status.LIVE, Status.COMPLETED):
            assert both
            assert session.live_at
            assert session.ends_by == session.live_at + timedelta(minutes=session.minutes + 10)
        if session.status in (Status.PENDING, Status.WAITING):
            assert not both

    @invariant()
    def only_a_cancelled_session_has_a_refund(self) -> None:
        assert (self.session.refund is not None) is (self.session.status is Status.CANCELLED)

    @invariant()
    def only_what_is_over_has_an_end(self) -> None:
        assert (self.session.ended_at is None) is (self.session.status in ACTIVE)

    @invariant()
    def a_mechanic_has_it_from_accept_on(self) -> None:
        if self.session.status in (Status.WAITING, Status.LIVE, Status.COMPLETED):
            assert self.session.mechanic_id
            assert self.session.assignment_id
        if self.session.status in (Status.AWAITING_WAIVER, Status.PENDING):
            assert self.session.mechanic_id is None
            assert self.session.assignment_id is None

    @invariant()
    def from_pending_on_the_policy_is_known(self) -> None:
        if self.session.period:
            assert self.session.policy_version == POLICY.version
            assert self.session.pending_since


TestAnyHistory = AnyHistory.TestCase
