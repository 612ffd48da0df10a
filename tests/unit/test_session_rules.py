"""A session's state machine, deadlines, refunds, and what callers are told (domain.md)."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dispatch.core.errors import IllegalMove, Invalid
from dispatch.payments.model import Paid
from dispatch.policy.model import Plan, Policy, SessionType
from dispatch.sessions import rules
from dispatch.sessions.model import (
    ACTIVE,
    AWAITING,
    Move,
    Party,
    PaymentMethod,
    Refund,
    Reminder,
    Session,
    Status,
)
from tests.builders import (
    BROADCAST,
    CIVIC,
    CONCERN,
    CUSTOMER,
    FIVE_MINUTES,
    HALF_AN_HOUR,
    MECHANIC,
    OFFER,
    ONE_HOUR,
    ONE_MINUTE,
    ONE_MS,
    ONE_SECOND,
    RIVAL,
    SESSION,
    TEN_MINUTES,
    TORONTO,
    a_fact,
    a_session,
    an_intake,
)
from tests.clock import NOON

POLICY = Policy()
FREE = Plan("free", SessionType.CHAT, 15, 0, 0)
QUICK = Plan("quick", SessionType.CHAT, 30, 999, 10)

PAYMENT = "pi_1"

LATER = NOON + timedelta(days=2)

# The table of domain.md: from, move, to. Whatever is not here is refused.
TABLE = {
    ("awaiting_waiver", "sign"): "pending",
    ("awaiting_waiver", "abandon"): "cancelled",
    ("awaiting_waiver", "cancel"): "cancelled",
    ("awaiting_waiver", "schedule"): "scheduled",
    ("awaiting_waiver", "sign and pay for"): "awaiting_payment",
    ("awaiting_payment", "pay for"): "pending",
    ("awaiting_payment", "schedule"): "scheduled",
    ("awaiting_payment", "abandon"): "cancelled",
    ("awaiting_payment", "cancel"): "cancelled",
    ("scheduled", "be reminded of"): "scheduled",
    ("scheduled", "reschedule"): "scheduled",
    ("scheduled", "delay"): "scheduled",
    ("scheduled", "begin"): "waiting",
    ("scheduled", "seek a mechanic for"): "pending",
    ("scheduled", "cancel"): "cancelled",
    ("scheduled", "miss the customer"): "no_show",
    ("pending", "accept"): "waiting",
    ("pending", "cancel"): "cancelled",
    ("pending", "give up"): "unfilled",
    ("waiting", "join"): "waiting",
    ("waiting", "release"): "pending",
    ("waiting", "reassign"): "pending",
    ("waiting", "cancel"): "cancelled",
    ("waiting", "miss the mechanic"): "pending",
    ("waiting", "miss the customer"): "no_show",
    ("live", "end"): "completed",
    ("completed", "rate"): "completed",
}
# The second join makes two moves of the machine at once.
SECOND_JOIN = {("waiting", "start"): "live"}

MOVES: dict[str, Callable[[Session, datetime], Session]] = {
    "sign": lambda session, now: rules.sign(session, POLICY, now),
    "abandon": rules.abandon,
    "accept": lambda session, now: rules.accept(
        session, POLICY, mechanic_id=MECHANIC, assignment_id=OFFER, now=now
    ),
    "release": lambda session, now: rules.release(session, POLICY, now),
    "reassign": lambda session, now: rules.reassign(session, POLICY, now),
    "join": lambda session, now: rules.join(session, Party.MECHANIC, POLICY, now),
    "end": lambda session, now: rules.end(session, Party.CUSTOMER, now),
    "cancel": lambda session, now: rules.cancel(session, Party.CUSTOMER, None, POLICY, now),
    "rate": lambda session, now: rules.rate(session, 5, now),
    "sign and pay for": lambda session, now: rules.sign(by_stripe(session), POLICY, now),
    "pay for": lambda session, now: rules.pay(session, PAYMENT, POLICY, now),
    "schedule": lambda session, now: (
        rules.pay(with_slot(session), PAYMENT, POLICY, now)
        if session.status is Status.AWAITING_PAYMENT
        else rules.sign(with_slot(session), POLICY, now)
    ),
    "be reminded of": lambda session, now: rules.remind(with_slot(session), now),
    "reschedule": lambda session, now: rules.reschedule(session, LATER, LATER, now),
    "delay": lambda session, now: rules.delay(session, now),
    "begin": lambda session, now: rules.begin(session, POLICY, assignment_id=OFFER, now=now),
    "seek a mechanic for": lambda session, now: rules.seek(session, POLICY, now),
    "give up": rules.give_up,
    "miss the mechanic": lambda session, now: rules.miss_mechanic(session, POLICY, now),
    "miss the customer": rules.miss_customer,
}
CLOCKS_MOVES = {"abandon", "give up", "miss the mechanic", "miss the customer"}
AFTERWARDS = {"rate"}
OF_BOOKINGS = {
    "schedule",
    "be reminded of",
    "reschedule",
    "delay",
    "begin",
    "seek a mechanic for",
    "sign and pay for",
}


def with_slot(session: Session) -> Session:
    return rules.with_slot(session, LATER, LATER + timedelta(minutes=15), LATER)


def by_stripe(session: Session) -> Session:
    return replace(session, payment_method=PaymentMethod.STRIPE)


# The state machine


@pytest.mark.parametrize(("status", "move"), list(product(Status, MOVES)))
def test_every_move_from_every_status(status: Status, move: str) -> None:
    session = a_session(status)
    target = TABLE.get((status, move))
    if target is None:
        with pytest.raises(IllegalMove) as refused:
            MOVES[move](session, NOON)
        assert refused.value.members == {"reason": "illegal_move", "current_status": status}
        assert refused.value.detail.endswith(f" it while it is {status}.")
    else:
        moved = MOVES[move](session, NOON)
        assert moved.status == target
        assert moved.version == session.version + 1


def test_the_machine_has_no_other_transitions() -> None:
    assert rules.TRANSITIONS == TABLE | SECOND_JOIN
    assert {*MOVES, "start"} == set(Move)


def test_a_customer_has_one_session_in_these() -> None:
    assert set(ACTIVE) == {"awaiting_waiver", "awaiting_payment", "pending", "waiting", "live"}


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


# Pending: for how long in one period, and in all


def test_signing_begins_the_first_pending_period_under_the_policy_of_that_moment() -> None:
    signed = rules.sign(a_session(Status.AWAITING_WAIVER), Policy(version=7), NOON + ONE_SECOND)
    assert signed.period == 1
    assert signed.pending_since == NOON + ONE_SECOND
    assert signed.policy_version == 7


@pytest.mark.parametrize(
    ("policy", "lasting"),
    [
        (POLICY, HALF_AN_HOUR),
        (Policy(pending_s=60), ONE_MINUTE),
        (Policy(pending_total_s=60), ONE_MINUTE),
    ],
)
def test_a_period_lasts_half_an_hour_unless_there_is_less_in_all(
    policy: Policy, lasting: timedelta
) -> None:
    signed = rules.sign(a_session(Status.AWAITING_WAIVER), policy, NOON)
    assert signed.pending_until == NOON + lasting
    assert signed.pending_left_s == policy.pending_total_s


def accept(session: Session, now: datetime = NOON, policy: Policy = POLICY) -> Session:
    return rules.accept(session, policy, mechanic_id=RIVAL, assignment_id=OFFER, now=now)


def test_accepting_gives_the_session_its_mechanic() -> None:
    accepted = accept(a_session())
    assert (accepted.mechanic_id, accepted.assignment_id) == (RIVAL, OFFER)
    assert accepted.accepted_at == NOON


def test_who_accepts_is_to_join_within_five_minutes() -> None:
    assert accept(a_session()).mechanic_due_by == NOON + FIVE_MINUTES
    assert accept(a_session(), policy=Policy(join_s=60)).mechanic_due_by == NOON + ONE_MINUTE


def test_an_accepted_session_is_not_sought_for_any_more() -> None:
    assert accept(a_session()).pending_until is None


def test_what_a_period_took_is_taken_from_the_time_in_all() -> None:
    accepted = accept(a_session(pending_left_s=3600), NOON + TEN_MINUTES)
    assert accepted.pending_left_s == 3000


def test_the_time_with_a_mechanic_is_not_taken() -> None:
    accepted = accept(a_session(pending_left_s=3600), NOON + TEN_MINUTES)
    released = rules.release(accepted, POLICY, NOON + ONE_HOUR)
    assert released.pending_left_s == 3000


@pytest.mark.parametrize(
    ("left_s", "lasting"),
    [
        (3600, HALF_AN_HOUR),
        (1800, HALF_AN_HOUR),
        (1799, HALF_AN_HOUR - ONE_SECOND),
        (1, ONE_SECOND),
    ],
)
def test_a_later_period_lasts_half_an_hour_unless_earlier_ones_have_left_less(
    left_s: float, lasting: timedelta
) -> None:
    released = rules.release(a_session(Status.WAITING, pending_left_s=left_s), POLICY, NOON)
    assert released.pending_until == NOON + lasting


GIVE_BACK = [
    pytest.param(rules.release, id="given back"),
    pytest.param(rules.miss_mechanic, id="not joined"),
]


@pytest.mark.parametrize("joined", ["mechanic_joined_at", "customer_joined_at"])
@pytest.mark.parametrize("loses_mechanic", GIVE_BACK)
def test_without_its_mechanic_it_is_pending_anew_as_if_nobody_had_come(
    loses_mechanic: Callable[[Session, Policy, datetime], Session], joined: str
) -> None:
    session = a_session(
        Status.WAITING, policy_version=7, customer_due_by=NOON + TEN_MINUTES, **{joined: NOON}
    )
    again = loses_mechanic(session, POLICY, NOON + FIVE_MINUTES)
    assert (again.period, again.pending_since) == (2, NOON + FIVE_MINUTES)
    assert again.pending_until == NOON + FIVE_MINUTES + HALF_AN_HOUR
    assert again.policy_version == 7, "it keeps the policy under which it became pending"
    assert again.mechanic_id is None
    assert again.assignment_id is None
    assert again.accepted_at is None
    assert again.mechanic_due_by is None
    assert again.customer_due_by is None
    assert again.mechanic_joined_at is None
    assert again.customer_joined_at is None
    assert again.refund is None


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.CANCELLED])
def test_the_winner_is_known_by_row_and_name(status: Status) -> None:
    session = a_session(status, mechanic_id=MECHANIC, assignment_id=OFFER)
    assert rules.was_won_by(session, OFFER, MECHANIC)
    assert not rules.was_won_by(session, OFFER, RIVAL)
    assert not rules.was_won_by(session, BROADCAST, MECHANIC)


def test_who_had_accepted_is_told_that_it_was_cancelled() -> None:
    session = a_session(Status.CANCELLED, mechanic_id=MECHANIC, assignment_id=OFFER)
    assert not rules.was_won_by(session, OFFER, MECHANIC)


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
    assert twice.customer_due_by == once.customer_due_by
    assert rules.has_joined(twice, party)


def test_the_customer_is_waited_for_ten_minutes_from_when_the_mechanic_joined() -> None:
    at = NOON + ONE_MINUTE
    waiting = a_session(Status.WAITING)
    assert waiting.customer_due_by is None
    assert rules.join(waiting, Party.MECHANIC, POLICY, at).customer_due_by == at + TEN_MINUTES
    hasty = rules.join(waiting, Party.MECHANIC, Policy(no_show_s=60), at)
    assert hasty.customer_due_by == at + ONE_MINUTE


def test_a_customer_who_comes_first_gives_the_mechanic_no_more_time() -> None:
    waiting = a_session(Status.WAITING)
    joined = rules.join(waiting, Party.CUSTOMER, POLICY, NOON + ONE_MINUTE)
    assert joined.mechanic_due_by == waiting.mechanic_due_by
    assert joined.customer_due_by is None


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


def priced(status: Status, method: PaymentMethod = PaymentMethod.CREDITS, **fields: Any) -> Session:
    """Of the plan quick, paid for, unless it awaits that."""
    by_card = method is PaymentMethod.STRIPE and status not in AWAITING
    paid = {"price_cents": 999, "credits": 10, "payment_id": PAYMENT if by_card else None}
    return a_session(status, **paid | {"payment_method": method} | fields)


ALL_BACK = {
    PaymentMethod.CREDITS: Refund(100, 0, 10),
    PaymentMethod.STRIPE: Refund(100, 999, 0),
}


@pytest.mark.parametrize("method", ALL_BACK)
@pytest.mark.parametrize("status", [Status.PENDING, Status.WAITING])
def test_all_comes_back_before_the_mechanic_has_joined(
    status: Status, method: PaymentMethod
) -> None:
    cancelled = rules.cancel(
        priced(status, method, customer_joined_at=NOON), Party.CUSTOMER, "found it", POLICY, NOON
    )
    assert cancelled.refund == ALL_BACK[method]
    assert (cancelled.ended_by, cancelled.ended_at) == (Party.CUSTOMER, NOON)
    assert cancelled.end_reason == "found it"


def test_nothing_comes_back_after_the_mechanic_has_joined() -> None:
    joined = priced(Status.WAITING, mechanic_joined_at=NOON)
    assert rules.cancel(joined, Party.CUSTOMER, None, POLICY, NOON).refund == Refund(0, 0, 0)


@pytest.mark.parametrize("loses_mechanic", GIVE_BACK)
def test_all_comes_back_when_a_mechanic_joined_and_the_session_was_lost(
    loses_mechanic: Callable[[Session, Policy, datetime], Session],
) -> None:
    again = loses_mechanic(priced(Status.WAITING, mechanic_joined_at=NOON), POLICY, NOON)
    assert rules.cancel(again, Party.CUSTOMER, None, POLICY, NOON).refund == Refund(100, 0, 10)


@pytest.mark.parametrize(
    ("session", "over", "refund", "reason"),
    [
        (priced(Status.AWAITING_WAIVER), rules.abandon, Refund(100, 0, 10), "not_signed_in_time"),
        (a_session(Status.AWAITING_PAYMENT), rules.abandon, Refund(100, 0, 0), "not_paid_in_time"),
        (priced(Status.PENDING), rules.give_up, Refund(100, 0, 10), "nobody_took_it_in_time"),
        (
            priced(Status.PENDING, PaymentMethod.STRIPE),
            rules.give_up,
            Refund(100, 999, 0),
            "nobody_took_it_in_time",
        ),
        (
            priced(Status.WAITING, mechanic_joined_at=NOON),
            rules.miss_customer,
            Refund(0, 0, 0),
            "customer_not_joined",
        ),
    ],
)
def test_what_the_clock_ends_gives_all_back_unless_it_was_the_customer_who_did_not_come(
    session: Session, over: Callable[[Session, datetime], Session], refund: Refund, reason: str
) -> None:
    ended = over(session, NOON + FIVE_MINUTES)
    assert ended.refund == refund
    assert (ended.ended_at, ended.ended_by) == (NOON + FIVE_MINUTES, Party.TIMER)
    assert ended.end_reason == reason


@pytest.mark.parametrize(
    ("amount", "percent", "back"),
    [(999, 100, 999), (999, 50, 500), (1, 50, 1), (1, 49, 0), (3, 50, 2), (999, 0, 0), (0, 50, 0)],
)
def test_halves_round_up(amount: int, percent: int, back: int) -> None:
    by_card = priced(Status.PENDING, PaymentMethod.STRIPE, price_cents=amount)
    assert rules._refund(by_card, percent) == Refund(percent, back, 0)
    by_credits = priced(Status.PENDING, credits=amount)
    assert rules._refund(by_credits, percent) == Refund(percent, 0, back)


@pytest.mark.parametrize("by", [Party.CUSTOMER, Party.MECHANIC, Party.TIMER])
@pytest.mark.parametrize("status", [Status.AWAITING_WAIVER, Status.AWAITING_PAYMENT])
def test_of_what_was_never_paid_nothing_comes_back(status: Status, by: Party) -> None:
    unpaid = priced(status, PaymentMethod.STRIPE)
    assert rules.refund_on_cancel(unpaid, by, POLICY, NOON) == Refund(100, 0, 0)


def test_of_the_free_plan_nothing_comes_back() -> None:
    assert rules.refund_on_cancel(a_session(), Party.CUSTOMER, POLICY, NOON) == Refund(100, 0, 0)


# Paying


def test_credits_are_paid_when_it_is_booked() -> None:
    session = book(QUICK, payment_method=PaymentMethod.CREDITS)
    assert (session.paid_at, rules.credits_due(session)) == (NOON, 10)
    by_card = book(QUICK, payment_method=PaymentMethod.STRIPE)
    assert (by_card.paid_at, rules.credits_due(by_card)) == (None, 0)
    assert (book().paid_at, rules.credits_due(book())) == (None, 0)


def test_paying_begins_the_first_pending_period_under_the_policy_of_that_moment() -> None:
    awaits = a_session(Status.AWAITING_PAYMENT)
    paid = rules.pay(awaits, PAYMENT, Policy(version=7), NOON + ONE_SECOND)
    assert (paid.period, paid.pending_since) == (1, NOON + ONE_SECOND)
    assert (paid.policy_version, paid.payment_id) == (7, PAYMENT)
    assert paid.paid_at == NOON + ONE_SECOND


def test_paying_for_a_slot_schedules_it_with_its_mechanic() -> None:
    held = with_slot(a_session(Status.AWAITING_PAYMENT, preferred_mechanic_id=MECHANIC))
    paid = rules.pay(held, PAYMENT, POLICY, NOON)
    assert (paid.status, paid.mechanic_id) == (Status.SCHEDULED, MECHANIC)
    assert (paid.booking_version, paid.paid_at, paid.payment_id) == (1, NOON, PAYMENT)


def test_a_slot_is_not_booked_by_paying_before_signing() -> None:
    held = with_slot(by_stripe(a_session(Status.AWAITING_WAIVER)))
    with pytest.raises(IllegalMove):
        rules.pay(held, PAYMENT, POLICY, NOON)


def test_signing_leaves_the_deadline_as_it_was() -> None:
    signed = rules.sign(by_stripe(a_session(Status.AWAITING_WAIVER)), POLICY, NOON + ONE_MINUTE)
    assert signed.awaiting_until == NOON + HALF_AN_HOUR
    assert (signed.period, signed.pending_since, signed.policy_version) == (0, None, None)
    assert rules.is_signed(signed)


A_PAYMENT = Paid(SESSION, "pi_2", 999, "cad")


@pytest.mark.parametrize(
    ("session", "paid", "early", "reason"),
    [
        (a_session(Status.AWAITING_PAYMENT), A_PAYMENT, False, None),
        (a_session(Status.AWAITING_PAYMENT), A_PAYMENT, True, "returned_early"),
        (
            a_session(Status.AWAITING_PAYMENT),
            replace(A_PAYMENT, amount_cents=998),
            False,
            "wrong_amount",
        ),
        (
            a_session(Status.AWAITING_PAYMENT),
            replace(A_PAYMENT, currency="usd"),
            False,
            "wrong_amount",
        ),
        (priced(Status.PENDING, PaymentMethod.STRIPE), A_PAYMENT, False, "second"),
        (priced(Status.COMPLETED, PaymentMethod.STRIPE), A_PAYMENT, False, "second"),
        (
            priced(Status.CANCELLED, PaymentMethod.STRIPE, payment_id=None),
            A_PAYMENT,
            False,
            "late",
        ),
        (by_stripe(a_session(Status.AWAITING_WAIVER)), A_PAYMENT, False, "not_owed"),
        (a_session(Status.PENDING), A_PAYMENT, False, "not_owed"),
        (priced(Status.LIVE), A_PAYMENT, False, "not_owed"),
    ],
)
def test_what_counts_is_what_the_session_waits_for(
    session: Session, paid: Paid, early: bool, reason: str | None
) -> None:
    assert rules.why_not_counted(session, paid, "cad", returned_early=early) == reason


# Deadlines: the clock's moves happen at their instant, whether or not a timer has come round


DEADLINES = [
    pytest.param(a_session(Status.AWAITING_WAIVER), HALF_AN_HOUR, "cancelled", id="not signed"),
    pytest.param(a_session(Status.AWAITING_PAYMENT), HALF_AN_HOUR, "cancelled", id="not paid"),
    pytest.param(a_session(Status.PENDING), HALF_AN_HOUR, "unfilled", id="nobody took it"),
    pytest.param(a_session(Status.WAITING), FIVE_MINUTES, "pending", id="nobody joined"),
    pytest.param(
        a_session(Status.WAITING, customer_joined_at=NOON),
        FIVE_MINUTES,
        "pending",
        id="mechanic not joined",
    ),
    pytest.param(
        a_session(Status.WAITING, mechanic_joined_at=NOON, customer_due_by=NOON + TEN_MINUTES),
        TEN_MINUTES,
        "no_show",
        id="customer not joined",
    ),
    pytest.param(a_session(Status.LIVE), timedelta(minutes=25), "completed", id="overtime"),
]


@pytest.mark.parametrize(("session", "lasting", "after"), DEADLINES)
def test_up_to_but_not_at_a_deadline_the_session_is_as_written(
    session: Session, lasting: timedelta, after: str
) -> None:
    due = NOON + lasting
    assert rules.due_at(session) == due
    assert rules.clock_move(session, POLICY, due - ONE_MS) is None
    assert rules.as_of(session, POLICY, due - ONE_MS) is session
    moved = rules.clock_move(session, POLICY, due)
    assert moved
    assert moved.status == after
    assert rules.as_of(session, POLICY, due) == moved


@pytest.mark.parametrize(("session", "lasting", "after"), DEADLINES)
def test_however_late_it_is_asked_the_move_was_made_at_its_deadline(
    session: Session, lasting: timedelta, after: str
) -> None:
    due = NOON + lasting
    late = rules.clock_move(session, POLICY, due + timedelta(days=1))
    assert late
    assert late == rules.clock_move(session, POLICY, due)
    if late.status is Status.PENDING:
        assert late.pending_since == due
    else:
        assert (late.ended_at, late.ended_by) == (due, Party.TIMER)
        assert rules.as_of(late, POLICY, due + timedelta(days=2)) is late


OVER = [Status.COMPLETED, Status.CANCELLED, Status.UNFILLED, Status.NO_SHOW]


@pytest.mark.parametrize("status", OVER)
def test_what_is_over_has_no_deadline(status: Status) -> None:
    session = a_session(status)
    assert rules.due_at(session) is None
    assert rules.as_of(session, POLICY, NOON + timedelta(days=365)) is session


@pytest.mark.parametrize("status", ACTIVE)
def test_whatever_is_not_over_has_one(status: Status) -> None:
    assert rules.due_at(a_session(status))


def test_a_session_signed_in_time_is_not_abandoned_later() -> None:
    session = a_session(Status.AWAITING_WAIVER)
    signed = rules.sign(session, POLICY, session.awaiting_until - ONE_MS)
    assert rules.as_of(signed, POLICY, session.awaiting_until) is signed


def test_a_session_accepted_in_time_is_not_unfilled_later() -> None:
    accepted = accept(a_session(), NOON + HALF_AN_HOUR - ONE_MS)
    assert rules.as_of(accepted, POLICY, NOON + HALF_AN_HOUR) is accepted


def test_a_mechanic_who_joined_in_time_has_not_lost_it() -> None:
    waiting = a_session(Status.WAITING)
    joined = rules.join(waiting, Party.MECHANIC, POLICY, NOON + FIVE_MINUTES - ONE_MS)
    assert rules.as_of(joined, POLICY, NOON + FIVE_MINUTES) is joined


def test_a_customer_who_joined_in_time_has_not_missed_it() -> None:
    waiting = a_session(Status.WAITING, mechanic_joined_at=NOON)
    live = rules.join(waiting, Party.CUSTOMER, POLICY, NOON + TEN_MINUTES - ONE_MS)
    assert rules.as_of(live, POLICY, NOON + TEN_MINUTES) is live


# Chains of deadlines that have passed


def test_a_lease_lost_becomes_a_search_and_a_search_in_vain_unfilled() -> None:
    session = a_session(Status.WAITING)
    lost, in_vain = NOON + FIVE_MINUTES, NOON + FIVE_MINUTES + HALF_AN_HOUR
    searching = rules.as_of(session, POLICY, in_vain - ONE_MS)
    assert (searching.status, searching.pending_since) == (Status.PENDING, lost)
    assert (searching.period, searching.mechanic_id) == (2, None)
    unfilled = rules.as_of(session, POLICY, in_vain)
    assert (unfilled.status, unfilled.ended_at) == (Status.UNFILLED, in_vain)
    assert unfilled.version == session.version + 2
    assert rules.as_of(session, POLICY, in_vain + timedelta(days=1)) == unfilled


def test_the_clock_makes_one_move_at_a_time() -> None:
    session = a_session(Status.WAITING)
    much_later = NOON + timedelta(days=1)
    searching = rules.clock_move(session, POLICY, much_later)
    assert searching
    assert searching.status is Status.PENDING
    unfilled = rules.clock_move(searching, POLICY, much_later)
    assert unfilled == rules.as_of(session, POLICY, much_later)
    assert rules.clock_move(unfilled, POLICY, much_later) is None


def test_a_chain_goes_by_the_sessions_policy() -> None:
    hasty = Policy(pending_s=60)
    unfilled = rules.as_of(a_session(Status.WAITING), hasty, NOON + timedelta(days=1))
    assert unfilled.ended_at == NOON + FIVE_MINUTES + ONE_MINUTE


def test_after_an_hour_of_searching_in_all_it_is_unfilled() -> None:
    """29 minutes, a mechanic who does not come; 29 more, and another; two are left."""
    session = rules.sign(a_session(Status.AWAITING_WAIVER), POLICY, NOON)
    first = accept(session, NOON + timedelta(minutes=29))
    second = rules.as_of(first, POLICY, NOON + timedelta(minutes=34))
    assert second.pending_until == NOON + timedelta(minutes=64)
    third = rules.as_of(
        accept(second, NOON + timedelta(minutes=63)), POLICY, NOON + timedelta(minutes=68)
    )
    assert (third.status, third.period) == (Status.PENDING, 3)
    assert third.pending_until == NOON + timedelta(minutes=70)
    assert rules.as_of(third, POLICY, NOON + timedelta(minutes=70)).status is Status.UNFILLED


# What callers are told


@pytest.mark.parametrize(
    ("status", "customer", "mechanic"),
    [
        (Status.AWAITING_WAIVER, "sign_waiver", None),
        (Status.AWAITING_PAYMENT, "pay", None),
        (Status.PENDING, None, None),
        (Status.WAITING, "join", "join"),
        (Status.LIVE, None, None),
        (Status.COMPLETED, None, None),
        (Status.CANCELLED, None, None),
        (Status.UNFILLED, None, None),
        (Status.NO_SHOW, None, None),
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
    expected = (Status.AWAITING_PAYMENT, Status.PENDING, Status.WAITING)
    soon = {rules.poll_after_s(a_session(s)) for s in expected}
    over = {rules.poll_after_s(a_session(s)) for s in OVER}
    assert max(soon) <= 5 <= 30 <= min(over)


THREE_WAYS = ("schedule", "browse_offline", "join_waitlist")


def test_who_is_not_served_has_three_ways_on() -> None:
    assert rules.ways_on(a_session(Status.UNFILLED), all_offline=False) == THREE_WAYS
    assert rules.ways_on(a_session(Status.UNFILLED), all_offline=True) == THREE_WAYS


def test_while_all_are_offline_who_is_still_looking_has_them_too() -> None:
    assert rules.ways_on(a_session(Status.PENDING), all_offline=True) == THREE_WAYS
    assert rules.ways_on(a_session(Status.PENDING), all_offline=False) == ()


@pytest.mark.parametrize("status", [s for s in Status if s not in ("pending", "unfilled")])
@pytest.mark.parametrize("all_offline", [True, False])
def test_nobody_else_needs_them(status: Status, all_offline: bool) -> None:
    assert rules.ways_on(a_session(status), all_offline=all_offline) == ()


HIDDEN_FROM_OUTSIDERS = (
    "mechanic_id",
    "assignment_id",
    "accepted_at",
    "mechanic_joined_at",
    "customer_joined_at",
    "mechanic_due_by",
    "customer_due_by",
    "live_at",
    "ends_by",
    "ended_at",
    "ended_by",
    "end_reason",
    "refund",
)


def test_who_has_not_accepted_learns_that_it_is_there_and_nothing_of_the_others() -> None:
    session = a_session(
        Status.COMPLETED,
        customer_due_by=NOON + TEN_MINUTES,
        end_reason="fixed",
        refund=Refund(0, 0, 0),
    )
    seen = rules.seen_by(session, "somebody")
    for name in HIDDEN_FROM_OUTSIDERS:
        assert getattr(session, name) is not None
        assert getattr(seen, name) is None
    shown = {field.name for field in fields(Session)} - {*HIDDEN_FROM_OUTSIDERS, "vehicle"}
    assert all(getattr(seen, name) == getattr(session, name) for name in shown)
    assert seen.vehicle == replace(CIVIC, vin=None)


def test_whoever_is_booked_sees_all_but_who_it_is() -> None:
    session = a_session(Status.SCHEDULED)
    seen = rules.seen_by(session, MECHANIC)
    assert seen == replace(session, vehicle=replace(CIVIC, vin=None))
    assert not rules.knows_customer(session, MECHANIC)
    begun = rules.begin(session, POLICY, assignment_id=OFFER, now=NOON)
    assert rules.knows_customer(begun, MECHANIC)
    assert rules.seen_by(begun, MECHANIC) == begun


def test_an_outsider_sees_a_session_without_a_vehicle() -> None:
    assert rules.seen_by(a_session(vehicle=None), "somebody").vehicle is None


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


LOST_TO_ANOTHER = {"lost_assignment_ids": ["b"], "lost_mechanic_ids": [RIVAL]}


@pytest.mark.parametrize(
    ("fact", "detail"),
    [
        (
            a_fact("SessionPending", period=2, pending_until="2026-07-01T12:30:00.000Z"),
            {"period": 2, "pending_until": "2026-07-01T12:30:00.000Z"},
        ),
        (
            a_fact("OffersMade", kind="preferred", short=1, wave=1, mechanic_ids=[RIVAL]),
            {"kind": "preferred", "mechanics_asked": 1},
        ),
        (
            a_fact("OffersExpired", cause="clocked_out", mechanic_ids=[RIVAL]),
            {"cause": "clocked_out", "mechanics_asked": 1},
        ),
        (
            a_fact("PreferredPassedOver", mechanic_id=RIVAL, outcome="off_shift"),
            {"outcome": "off_shift"},
        ),
        (a_fact("AllOffline", period=1), {"period": 1}),
        (a_fact("MechanicNotJoined", mechanic_id=RIVAL, assignment_id="b"), {}),
        (a_fact("SessionUnfilled", period=1, **LOST_TO_ANOTHER), {"period": 1}),
        (
            a_fact("OfferAccepted", mechanic_due_by="2026-07-01T12:05:00.000Z", response_s=7),
            {"mechanic_due_by": "2026-07-01T12:05:00.000Z"},
        ),
        (
            a_fact("MechanicJoined", customer_due_by="2026-07-01T12:10:00.000Z"),
            {"customer_due_by": "2026-07-01T12:10:00.000Z"},
        ),
        (
            a_fact("CustomerNotJoined", mechanic_id=MECHANIC, assignment_id=OFFER),
            {"mechanic_id": MECHANIC, "assignment_id": OFFER},
        ),
        (
            a_fact("SessionCancelled", cancelled_by="customer", **LOST_TO_ANOTHER),
            {"cancelled_by": "customer"},
        ),
    ],
    ids=lambda value: value.get("type", ""),
)
def test_what_the_customer_sees_of_each(fact: dict[str, Any], detail: dict[str, Any]) -> None:
    assert seen_by_customer(fact) == detail


def test_what_was_paid_is_the_customers_to_know() -> None:
    fact = a_fact("RefundDue", payment_id="pi_1", due_cents=1500, reason="called_off")
    assert seen_by_customer(fact) == {"due_cents": 1500}
    assert rules.timeline_detail(fact, a_session(Status.WAITING), MECHANIC) == {}


def test_who_lost_the_session_sees_that_it_was_they() -> None:
    fact = a_fact("MechanicNotJoined", mechanic_id=RIVAL, assignment_id="b")
    own = rules.timeline_detail(fact, a_session(Status.PENDING), RIVAL)
    assert own == {"mechanic_id": RIVAL, "assignment_id": "b"}


# Any history


class AnyHistory(RuleBasedStateMachine):
    """Random moves at random times, allowed or not: what holds in every session."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self._book(PaymentMethod.CREDITS)

    def _book(self, method: PaymentMethod) -> None:
        booked = book(QUICK, payment_method=method)
        self.session = replace(booked, awaiting_until=self.now + HALF_AN_HOUR)
        self.searched = timedelta(0)

    @precondition(lambda self: self.session.status not in ACTIVE)
    @rule(method=st.sampled_from([PaymentMethod.CREDITS, PaymentMethod.STRIPE]))
    def the_customer_books_anew(self, method: PaymentMethod) -> None:
        self._book(method)

    @rule(seconds=st.sampled_from([0, 1, 60, 299, 300, 599, 600, 1799, 1800, 3600]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        settled = rules.as_of(self.session, POLICY, self.now)
        while moved := rules.clock_move(self.session, POLICY, self.now):
            due = rules.due_at(self.session)
            assert due
            self._becomes(moved, at=due)
        assert self.session == settled, "as_of makes all moves of the clock, and no other"

    @precondition(lambda self: self.session.status in ACTIVE)
    @rule(data=st.data())
    def somebody_moves_on(self, data: st.DataObject) -> None:
        """As they may, and not to cancel: so that many a session comes far."""
        status = self.session.status
        ahead = ("sign", "pay for", "accept", "release", "join", "end")
        may = [move for move in ahead if (status, move) in TABLE]
        move = data.draw(st.sampled_from(may))
        self._becomes(MOVES[move](self.session, self.now), at=self.now)

    @rule(move=st.sampled_from(sorted(MOVES.keys() - CLOCKS_MOVES - OF_BOOKINGS - AFTERWARDS)))
    def somebody_moves(self, move: str) -> None:
        try:
            after = MOVES[move](self.session, self.now)
        except IllegalMove:
            assert (self.session.status, move) not in TABLE
        else:
            self._becomes(after, at=self.now)

    @precondition(lambda self: self.session.status is Status.WAITING)
    @rule()
    def the_customer_joins(self) -> None:
        after = rules.join(self.session, Party.CUSTOMER, POLICY, self.now)
        self._becomes(after, at=self.now)

    def _becomes(self, after: Session, *, at: datetime) -> None:
        before, self.session = self.session, after
        assert before.status in ACTIVE, "what is over stays as it is"
        assert after.version == before.version + 1
        has_become_pending = after.status is Status.PENDING and before.status is not Status.PENDING
        assert after.period == before.period + has_become_pending
        if before.status is Status.PENDING:
            assert before.pending_since
            self.searched += at - before.pending_since

    @invariant()
    def a_live_session_has_both_sides(self) -> None:
        session = self.session
        both = session.mechanic_joined_at and session.customer_joined_at
        if session.status in (Status.LIVE, Status.COMPLETED):
            assert both
            assert session.live_at
            assert session.ends_by == session.live_at + timedelta(minutes=session.minutes + 10)
        else:
            assert not both

    @invariant()
    def nobody_has_come_to_a_session_without_a_mechanic(self) -> None:
        if self.session.status in (Status.PENDING, Status.UNFILLED):
            assert not self.session.mechanic_joined_at
            assert not self.session.customer_joined_at

    @invariant()
    def a_customer_is_missed_only_by_a_mechanic_who_came(self) -> None:
        if self.session.status is Status.NO_SHOW:
            assert self.session.mechanic_joined_at
            assert not self.session.customer_joined_at

    @invariant()
    def only_what_was_never_live_has_a_refund_and_then_all_or_nothing(self) -> None:
        session = self.session
        without_service = {Status.CANCELLED, Status.UNFILLED, Status.NO_SHOW}
        assert (session.refund is not None) is (session.status in without_service)
        if session.refund:
            share = 0 if session.mechanic_joined_at else 1
            by_card = session.payment_method is PaymentMethod.STRIPE
            cents = 999 if session.payment_id else 0
            back = (cents, 0) if by_card else (0, 10)
            assert session.refund == Refund(100 * share, *(amount * share for amount in back))

    @invariant()
    def nobody_is_sought_before_it_is_paid(self) -> None:
        if self.session.payment_method is PaymentMethod.STRIPE:
            assert (self.session.payment_id is not None) is (self.session.period > 0)

    @invariant()
    def only_what_is_over_has_an_end(self) -> None:
        assert (self.session.ended_at is None) is (self.session.status in ACTIVE)

    @invariant()
    def whatever_is_not_over_goes_on_by_itself_some_time(self) -> None:
        due = rules.due_at(self.session)
        assert (due is not None) is (self.session.status in ACTIVE)
        assert due is None or self.now < due

    @invariant()
    def a_mechanic_has_it_from_accept_on(self) -> None:
        session = self.session
        if session.status in (Status.WAITING, Status.LIVE, Status.COMPLETED, Status.NO_SHOW):
            assert session.mechanic_id
            assert session.assignment_id
            assert session.mechanic_due_by
        if session.status in (Status.AWAITING_WAIVER, Status.PENDING, Status.UNFILLED):
            assert session.mechanic_id is None
            assert session.assignment_id is None
            assert session.mechanic_due_by is None

    @invariant()
    def from_pending_on_the_policy_is_known(self) -> None:
        if self.session.period:
            assert self.session.policy_version == POLICY.version
            assert self.session.pending_since

    @invariant()
    def the_search_is_never_longer_than_half_an_hour_nor_an_hour_in_all(self) -> None:
        session = self.session
        assert self.searched <= ONE_HOUR
        if session.status is Status.PENDING:
            assert session.pending_since
            assert session.pending_until
            lasting = session.pending_until - session.pending_since
            assert lasting == min(HALF_AN_HOUR, ONE_HOUR - self.searched)
        elif session.status is Status.UNFILLED:
            assert session.pending_since
            assert session.ended_at
            in_vain = session.ended_at - session.pending_since
            assert in_vain == HALF_AN_HOUR or self.searched == ONE_HOUR


TestAnyHistory = AnyHistory.TestCase


# Booked sessions


START = NOON + timedelta(days=2)


def scheduled(**fields: Any) -> Session:
    return a_session(Status.SCHEDULED, **fields)


def test_signed_with_a_slot_it_is_scheduled_with_the_mechanic_who_was_chosen() -> None:
    held = rules.with_slot(
        a_session(Status.AWAITING_WAIVER, preferred_mechanic_id=MECHANIC),
        START,
        START + timedelta(minutes=15),
        NOON + timedelta(minutes=15),
    )
    assert rules.due_at(held) == NOON + timedelta(minutes=15), "as long as the slot is held"
    signed = rules.sign(held, POLICY, NOON)
    assert (signed.mechanic_id, signed.booking_version) == (MECHANIC, 1)
    assert (signed.policy_version, signed.period) == (None, 0), "it is not pending yet"
    assert signed.reminded == frozenset()


@pytest.mark.parametrize(
    ("ahead", "past"),
    [
        (timedelta(hours=24, milliseconds=1), set()),
        (timedelta(hours=24), {"24_h"}),
        (timedelta(hours=1), {"24_h", "1_h"}),
        (timedelta(minutes=15), {"24_h", "1_h", "15_min"}),
    ],
)
def test_reminders_past_when_it_is_booked_count_as_sent(ahead: timedelta, past: set[str]) -> None:
    held = rules.with_slot(a_session(Status.AWAITING_WAIVER), START, START, START)
    assert rules.sign(held, POLICY, START - ahead).reminded == past


@pytest.mark.parametrize(
    ("reminded", "ahead", "due"),
    [
        (set(), timedelta(hours=24, milliseconds=1), None),
        (set(), timedelta(hours=24), "24_h"),
        (set(), timedelta(minutes=30), "1_h"),
        ({"24_h", "1_h"}, timedelta(minutes=30), None),
        ({"24_h", "1_h"}, timedelta(minutes=15), "15_min"),
        (set(), timedelta(0), None),
    ],
)
def test_the_last_reminder_that_is_due_is_sent_up_to_the_start(
    reminded: set[str], ahead: timedelta, due: str | None
) -> None:
    session = scheduled(reminded=frozenset(map(Reminder, reminded)))
    assert rules.reminder_due(session, START - ahead) == due


def test_what_is_not_scheduled_is_not_reminded_of() -> None:
    assert rules.reminder_due(a_session(Status.WAITING, scheduled_start=START), NOON) is None


def test_it_is_looked_at_for_each_reminder_at_its_start_and_when_it_is_delayed() -> None:
    session = scheduled()
    seen = []
    while (at := rules.due_at(session)) and at < START:
        seen.append(START - at)
        session = rules.remind(session, at)
    assert seen == [timedelta(hours=24), timedelta(hours=1), timedelta(minutes=15)]
    assert rules.due_at(session) == START
    assert rules.due_at(rules.delay(session, START + FIVE_MINUTES)) == START + FIVE_MINUTES


@pytest.mark.parametrize(
    ("ahead", "percent"),
    [
        (timedelta(hours=24, seconds=1), 100),
        (timedelta(hours=24), 50),
        (timedelta(hours=2, seconds=1), 50),
        (timedelta(hours=2), 0),
        (timedelta(0), 0),
        (-FIVE_MINUTES, 0),
    ],
)
@pytest.mark.parametrize("by", [Party.CUSTOMER, Party.MECHANIC])
def test_what_comes_back_of_a_booking(by: Party, ahead: timedelta, percent: int) -> None:
    """By the mechanic all of it; halves of a cent and of a credit are rounded up."""
    share = 100 if by is Party.MECHANIC else percent
    costs = {"price_cents": 2999, "credits": 25}
    for method, amounts in (
        (PaymentMethod.STRIPE, {100: (2999, 0), 50: (1500, 0), 0: (0, 0)}),
        (PaymentMethod.CREDITS, {100: (0, 25), 50: (0, 13), 0: (0, 0)}),
    ):
        session = priced(Status.SCHEDULED, method, **costs)
        refund = rules.cancel(session, by, None, POLICY, START - ahead).refund
        assert refund == Refund(share, *amounts[share])


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.SCHEDULED}))
def test_a_mechanic_cancels_nothing_but_bookings(status: Status) -> None:
    with pytest.raises(IllegalMove):
        rules.cancel(a_session(status), Party.MECHANIC, None, POLICY, NOON)


def test_it_may_be_moved_up_to_two_hours_before_it() -> None:
    assert rules.why_not_reschedule(scheduled(), POLICY, START - timedelta(hours=2)) is None
    late = START - timedelta(hours=2) + timedelta(milliseconds=1)
    refused = rules.why_not_reschedule(scheduled(), POLICY, late)
    assert refused
    assert refused.reason == "illegal_move"
    assert rules.why_not_reschedule(a_session(Status.PENDING), POLICY, NOON)


def test_moved_it_is_another_version_with_reminders_of_its_own() -> None:
    session = scheduled(reminded=frozenset(Reminder))
    later = START + timedelta(days=3)
    moved = rules.reschedule(session, later, later + timedelta(minutes=15), START)
    assert (moved.scheduled_start, moved.booking_version, moved.reminded) == (later, 2, frozenset())


def test_begun_or_sought_it_goes_by_the_policy_of_that_moment() -> None:
    policy = replace(POLICY, version=7, join_s=60, pending_s=120)
    begun = rules.begin(scheduled(), policy, assignment_id=OFFER, now=START)
    assert (begun.policy_version, begun.mechanic_due_by) == (7, START + timedelta(minutes=1))
    assert begun.pending_left_s == policy.pending_total_s
    sought = rules.seek(scheduled(delayed_until=START), policy, START)
    assert (sought.policy_version, sought.period, sought.mechanic_id) == (7, 1, None)
    assert sought.pending_until == START + timedelta(minutes=2)
    assert sought.delayed_until is None
