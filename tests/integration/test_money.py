"""Paying: the gates of a booking, the ledger of credits, and what is given back to whom."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from dispatch.calendar import service as calendar
from dispatch.calendar.model import BookingRef
from dispatch.core import settings
from dispatch.core.errors import (
    Busy,
    Conflict,
    IllegalMove,
    Invalid,
    NotFound,
    StaleVersion,
    TooFewCredits,
)
from dispatch.core.table import Transaction
from dispatch.payments import refunds, stripe_api
from dispatch.payments import service as payments
from dispatch.payments.model import Payment
from dispatch.sessions import paying
from dispatch.sessions import service as sessions
from dispatch.sessions.model import PaymentMethod, Session, Status
from dispatch.waitlist import service as waitlist
from dispatch.waitlist.model import EntryStatus, Target, Wish
from local.stripe import StandIn, StripeError
from tests import invariants
from tests.calendar_builders import an_availability
from tests.fast import stripe
from tests.fast.world import FastWorld
from tests.invariants import picture_of
from tests.money_stories import (
    BY_CREDITS,
    BY_STRIPE,
    balance,
    cancel,
    owing,
    paid,
    pays,
    rich,
    settled,
    signed,
)
from tests.sweeper import sweep
from tests.world import an_intake


def book(world: FastWorld, **changes: Any) -> Session:
    return sessions.book_session(an_intake(**changes), "customer", world.now)


def ledger() -> list[tuple[str, int, int]]:
    """Kind, amount and balance of each line, newest first."""
    items = payments.ledger_of("customer", 100, None).items
    return [(entry.kind, entry.amount, entry.balance) for entry in items]


def payment_of(session: Session, payment_id: str = "pi_000001") -> Payment:
    payment = payments.find(session.id, payment_id)
    assert payment is not None
    return payment


# Credits


def test_booking_by_credits_takes_what_the_plan_costs(fast_world: FastWorld) -> None:
    rich(fast_world)
    session = book(fast_world, **BY_CREDITS)
    assert session.status is Status.AWAITING_WAIVER
    assert ledger() == [("booking", -25, 15), ("adjustment", 40, 40)]


def test_the_free_plan_leaves_no_entry(fast_world: FastWorld) -> None:
    cancel(fast_world, signed(fast_world, book(fast_world)))
    assert ledger() == []


@pytest.mark.parametrize("credits_", [0, 24])
def test_too_few_credits_book_nothing(fast_world: FastWorld, credits_: int) -> None:
    payments.adjust("customer", credits_, fast_world.now)
    with pytest.raises(TooFewCredits) as refused:
        book(fast_world, **BY_CREDITS)
    assert refused.value.members["missing"] == 25 - credits_
    assert balance() == credits_
    assert sessions.active_of("customer", fast_world.now) is None
    assert fast_world.facts("SessionBooked") == []


def test_who_books_twice_hears_of_the_first_session_and_not_of_too_few_credits(
    fast_world: FastWorld,
) -> None:
    payments.adjust("customer", 25, fast_world.now)
    first = book(fast_world, **BY_CREDITS)
    with pytest.raises(Conflict) as refused:
        book(fast_world, **BY_CREDITS)
    assert refused.value.members["session_id"] == first.id
    assert balance() == 0


def test_signing_what_credits_paid_for_begins_the_search(fast_world: FastWorld) -> None:
    rich(fast_world)
    assert signed(fast_world, book(fast_world, **BY_CREDITS)).status is Status.PENDING


def test_a_slot_that_is_taken_takes_no_credits(fast_world: FastWorld) -> None:
    start = open_calendar(fast_world)
    slot = {"preferred_mechanic_id": "own", "scheduled_start": start}
    sessions.book_session(an_intake(**slot), "somebody else", fast_world.now)
    rich(fast_world)
    with pytest.raises(Conflict):
        book(fast_world, **BY_CREDITS, **slot)
    assert balance() == 40


def open_calendar(world: FastWorld, **ahead: float) -> Any:
    world.mechanic("own", on_shift=False)
    calendar.replace_availability(
        "own", an_availability("America/Toronto", "0:00-24:00"), 0, world.now
    )
    hour = world.now.replace(minute=0, second=0, microsecond=0)
    return hour + timedelta(**ahead or {"days": 2})


@pytest.mark.parametrize(
    ("ahead_h", "back_credits", "back_cents"), [(25, 25, 2999), (24, 13, 1500), (3, 13, 1500)]
)
def test_a_booking_gives_back_the_less_the_nearer_it_is(
    fast_world: FastWorld, ahead_h: int, back_credits: int, back_cents: int
) -> None:
    """Halves round up: of 25 credits 13, of 2999 cents 1500."""
    slot = {
        "preferred_mechanic_id": "own",
        "scheduled_start": open_calendar(fast_world, hours=ahead_h),
    }
    rich(fast_world)
    session = signed(fast_world, book(fast_world, **BY_CREDITS, **slot))
    assert session.status is Status.SCHEDULED
    cancel(fast_world, session)
    assert balance() == 15 + back_credits

    session = owing(fast_world, **slot)
    fast_world.stripe_tells(pays(fast_world, session))
    fast_world.drain()
    assert fast_world.session(session.id).status is Status.SCHEDULED
    cancel(fast_world, session)
    fast_world.drain()
    settled(fast_world, session, Status.CANCELLED, 2999 - back_cents)


def test_the_mechanic_who_cancels_a_booking_owes_all_of_it(fast_world: FastWorld) -> None:
    start = open_calendar(fast_world, hours=3)
    rich(fast_world)
    slot = {"preferred_mechanic_id": "own", "scheduled_start": start}
    session = signed(fast_world, book(fast_world, **BY_CREDITS, **slot))
    sessions.cancel_session(session.id, "own", "ill", fast_world.now)
    assert balance() == 40


def test_an_admin_who_calls_it_off_owes_all_of_it(fast_world: FastWorld) -> None:
    """Even where the customer would get nothing back: the mechanic was there."""
    fast_world.mechanic("a")
    fast_world.drain()
    session = paid(fast_world)
    fast_world.accept(fast_world.offer_to("a").id, "a")
    sessions.join_session(session.id, "a", fast_world.now)
    sessions.call_off_session(session.id, "admin-1", "an emergency", fast_world.now)
    fast_world.drain()
    settled(fast_world, session, Status.CANCELLED, 0)


def test_who_does_not_come_gets_nothing_back(fast_world: FastWorld) -> None:
    fast_world.mechanic("a")
    fast_world.drain()
    rich(fast_world)
    session = signed(fast_world, book(fast_world, **BY_CREDITS))
    fast_world.drain()
    fast_world.accept(fast_world.offer_to("a").id, "a")
    sessions.join_session(session.id, "a", fast_world.now)
    fast_world.pass_time(minutes=11)
    assert fast_world.session(session.id).status is Status.NO_SHOW
    assert ledger()[0] == ("booking", -25, 15)


def test_an_admin_gives_and_takes_but_not_more_than_there_is(fast_world: FastWorld) -> None:
    now = fast_world.now
    entry = payments.grant("customer", 10, "Sorry", "admin", now)
    assert (entry.kind, entry.reason, entry.by) == ("grant", "Sorry", "admin")
    payments.grant("customer", -4, "A slip", "admin", now)
    with pytest.raises(Invalid):
        payments.grant("customer", -7, "Too much", "admin", now)
    assert ledger() == [("grant", -4, 6), ("grant", 10, 10)]


def test_a_record_sets_the_balance_by_an_entry_of_what_is_between(fast_world: FastWorld) -> None:
    for wanted in (40, 40, 15, 0):
        payments.adjust("customer", wanted, fast_world.now)
    assert ledger() == [("adjustment", -15, 0), ("adjustment", -25, 15), ("adjustment", 40, 40)]


def test_the_ledger_is_told_page_by_page(fast_world: FastWorld) -> None:
    for _ in range(5):
        payments.grant("customer", 1, "one", "admin", fast_world.now)
    told: list[int] = []
    cursor = None
    while True:
        page = payments.ledger_of("customer", 2, cursor)
        assert page.balance.credits == 5
        told += [entry.number for entry in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert told == [5, 4, 3, 2, 1]


# Stripe: to pay


def test_nobody_is_sought_before_it_is_paid(fast_world: FastWorld) -> None:
    fast_world.mechanic("a")
    fast_world.drain()
    session = owing(fast_world)
    assert session.status is Status.AWAITING_PAYMENT
    assert fast_world.facts("SessionPending", "OffersMade") == []
    fast_world.stripe_tells(pays(fast_world, session))
    fast_world.drain()
    settled(fast_world, session, Status.PENDING, 2999)
    assert fast_world.asked(session.id) == ["a"]
    assert payment_of(session).status == "paid"


def test_signing_again_what_awaits_payment_changes_nothing(fast_world: FastWorld) -> None:
    session = owing(fast_world)
    assert signed(fast_world, session) == fast_world.session(session.id)
    assert len(fast_world.facts("WaiverSigned")) == 1


def test_a_session_that_awaits_payment_is_the_customers_one(fast_world: FastWorld) -> None:
    session = owing(fast_world)
    with pytest.raises(Conflict) as refused:
        book(fast_world)
    assert refused.value.members["session_id"] == session.id


def test_both_gates_share_half_an_hour(fast_world: FastWorld) -> None:
    session = book(fast_world, **BY_STRIPE)
    fast_world.pass_time(minutes=29)
    signed(fast_world, session)
    fast_world.pass_time(seconds=59)
    assert fast_world.session(session.id).status is Status.AWAITING_PAYMENT
    fast_world.pass_time(seconds=1)
    over = fast_world.session(session.id)
    assert (over.status, over.end_reason) == (Status.CANCELLED, "not_paid_in_time")
    assert [fact["cancelled_by"] for fact in fast_world.facts("SessionCancelled")] == ["timer"]


def test_a_held_slot_is_free_when_it_was_not_paid_in_a_quarter_of_an_hour(
    fast_world: FastWorld,
) -> None:
    start = open_calendar(fast_world)
    slot = {"preferred_mechanic_id": "own", "scheduled_start": start}
    session = owing(fast_world, **slot)
    ref = BookingRef("own", session.id, start)
    booking = calendar.booking_at(ref)
    assert booking is not None
    assert (
        booking.held_until == session.awaiting_until == session.created_at + timedelta(minutes=15)
    )
    fast_world.pass_time(minutes=15)
    assert fast_world.session(session.id).status is Status.CANCELLED
    assert calendar.booking_at(ref) is None


def test_a_lost_timer_of_a_gate_is_made_up_for_by_the_sweeper(fast_world: FastWorld) -> None:
    session = owing(fast_world)
    fast_world.lose_everything()
    fast_world.clock.advance(minutes=34)
    assert sweep(fast_world.now) == 1
    assert fast_world.session(session.id).status is Status.CANCELLED


def test_the_page_tells_stripe_of_the_session_and_nothing_of_the_customer(
    fast_world: FastWorld,
) -> None:
    session = owing(fast_world)
    (page,) = fast_world.stripe.checkouts.values()
    assert (page["amount_total"], page["currency"]) == (2999, "cad")
    assert page["metadata"] == {"dispatch_session_id": session.id}
    assert page["success_url"] == f"https://app.test/sessions/{session.id}?payment=done"
    assert "customer" not in str(page)
    assert "jo@" not in str(page)
    assert page["expires_at"] > session.awaiting_until.timestamp()


def test_two_tabs_get_the_same_page(fast_world: FastWorld) -> None:
    session = owing(fast_world)
    fast_world.clock.advance(minutes=5)
    first, until = paying.open_checkout(session.id, "customer", fast_world.now)
    assert paying.open_checkout(session.id, "customer", fast_world.now) == (first, until)
    assert until == session.awaiting_until
    assert len(fast_world.stripe.checkouts) == 1


def test_two_tabs_at_once_get_the_same_page(fast_world: FastWorld) -> None:
    session = signed(fast_world, book(fast_world, **BY_STRIPE))
    now = fast_world.now
    for at in range(8):
        other: list[Any] = []

        def ask(answers: list[Any] = other) -> None:
            answers.append(paying.open_checkout(session.id, "customer", now))

        fast_world.interrupt(at, ask)
        mine = paying.open_checkout(session.id, "customer", now)
        fast_world.faults.disarm()
        assert all(answer == mine for answer in other)
    assert len(fast_world.stripe.checkouts) == 1


def test_whoever_loses_the_race_for_the_page_gets_the_winners(fast_world: FastWorld) -> None:
    """The two did not ask within one minute."""
    session = signed(fast_world, book(fast_world, **BY_STRIPE))

    def a_minute_later() -> None:
        fast_world.clock.advance(minutes=1)
        paying.open_checkout(session.id, "customer", fast_world.now)

    begun, back, most = fast_world.now, fast_world.save(), 0
    for at in range(8):
        back()
        fast_world.interrupt(at, a_minute_later)
        mine, _ = paying.open_checkout(session.id, "customer", begun)
        fast_world.faults.disarm()
        assert payments.checkout_of(session.id) == mine
        most = max(most, len(fast_world.stripe.checkouts))
    assert most == 2, "they did meet"


@pytest.mark.parametrize("ends", ["cancelled", "abandoned"])
def test_nobody_can_pay_for_what_is_off(fast_world: FastWorld, ends: str) -> None:
    session = owing(fast_world)
    (page,) = fast_world.stripe.checkouts.values()
    if ends == "cancelled":
        cancel(fast_world, session)
        fast_world.drain()
    else:
        fast_world.pass_time(minutes=30)
    assert page["status"] == "expired"
    with pytest.raises(StripeError):
        pays(fast_world, session)
    for fact in fast_world.facts("SessionCancelled") * 2:
        refunds.hear(fact, fast_world.now)
    settled(fast_world, session, Status.CANCELLED, 0)


def test_a_page_that_was_paid_stays_as_it_is(fast_world: FastWorld) -> None:
    session = paid(fast_world)
    (page,) = fast_world.stripe.checkouts.values()
    cancel(fast_world, session)
    fast_world.drain()
    assert page["status"] == "complete"
    assert fast_world.failures == []


def test_a_page_that_is_paid_while_it_is_being_closed_is_not(fast_world: FastWorld) -> None:
    """However it comes out, the customer has their money."""
    session = owing(fast_world)
    cancel(fast_world, session)

    def customer_pays() -> None:
        with suppress(StripeError):
            pays(fast_world, session)

    back, seen = fast_world.save(), set()
    for at in range(40):
        back()
        fast_world.interrupt(at, customer_pays)
        fast_world.drain()
        fast_world.faults.disarm()
        tell_all(fast_world, *fast_world.stripe.undelivered())
        settled(fast_world, session, Status.CANCELLED, 0)
        assert fast_world.dead_letters == []
        (page,) = fast_world.stripe.checkouts.values()
        seen.add((page["status"], len(fast_world.failures)))
    assert seen == {("complete", 0), ("complete", 1), ("expired", 0)}


def test_a_page_that_cannot_be_closed_is_paid_for_nothing(fast_world: FastWorld) -> None:
    session = owing(fast_world)
    fast_world.stripe.down = True
    cancel(fast_world, session)
    fast_world.drain()
    assert [letter.queue for letter in fast_world.dead_letters] == ["RefundsSubscription"]
    fast_world.stripe.down = False
    tell_all(fast_world, pays(fast_world, session))
    settled(fast_world, session, Status.CANCELLED, 0)


@pytest.mark.parametrize("status", ["awaiting_waiver", "pending", "cancelled"])
def test_only_what_awaits_payment_is_paid(fast_world: FastWorld, status: str) -> None:
    is_signed = status != "awaiting_waiver"
    session = paid(fast_world) if is_signed else book(fast_world, **BY_STRIPE)
    if status == "cancelled":
        cancel(fast_world, session)
    with pytest.raises(IllegalMove) as refused:
        paying.open_checkout(session.id, "customer", fast_world.now)
    assert refused.value.members["current_status"] == status


def test_a_strangers_session_is_not_there_to_be_paid(fast_world: FastWorld) -> None:
    session = owing(fast_world)
    with pytest.raises(NotFound):
        paying.open_checkout(session.id, "stranger", fast_world.now)


def test_while_stripe_is_down_nothing_is_lost(fast_world: FastWorld) -> None:
    session = signed(fast_world, book(fast_world, **BY_STRIPE))
    fast_world.stripe.down = True
    with pytest.raises(Busy):
        paying.open_checkout(session.id, "customer", fast_world.now)
    assert fast_world.session(session.id).status is Status.AWAITING_PAYMENT
    fast_world.stripe.down = False
    assert paying.open_checkout(session.id, "customer", fast_world.now)


def _breaks(_account: StandIn, _asked: Any) -> Any:
    raise StripeError(500, "api_error", "It broke.")


def test_an_answer_of_500_is_not_repeated_for_ever(fast_world: FastWorld) -> None:
    """Stripe repeats whatever it answered to a key."""
    session = signed(fast_world, book(fast_world, **BY_STRIPE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StandIn, "_make_checkout", _breaks)
        for _ in range(2):
            with pytest.raises(Busy):
                paying.open_checkout(session.id, "customer", fast_world.now)
    with pytest.raises(Busy):
        paying.open_checkout(session.id, "customer", fast_world.now)
    fast_world.clock.advance(minutes=1)
    assert paying.open_checkout(session.id, "customer", fast_world.now)


@pytest.mark.parametrize("secret", ["", "rk_of_another"])
def test_without_the_right_key_customers_are_to_try_again(
    fast_world: FastWorld, secret: str
) -> None:
    session = signed(fast_world, book(fast_world, **BY_STRIPE))
    fast_world.parameters.values = {stripe.API_KEY_NAME: secret} if secret else {}
    with pytest.raises(Busy):
        paying.open_checkout(session.id, "customer", fast_world.now)


# Stripe: what its webhook tells


def tell_all(world: FastWorld, *events: dict[str, Any]) -> None:
    for event in events:
        world.stripe_tells(event)
    world.drain()


def test_a_payment_told_twice_counts_once(fast_world: FastWorld) -> None:
    session = owing(fast_world)
    event = pays(fast_world, session)
    tell_all(fast_world, event, event, event | {"id": "evt_of_another_endpoint"})
    settled(fast_world, session, Status.PENDING, 2999)
    assert len(fast_world.facts("PaymentReceived")) == 1


@pytest.mark.parametrize("gone", ["cancelled", "not paid in time"])
def test_a_payment_for_what_is_over_goes_back_whole(fast_world: FastWorld, gone: str) -> None:
    session = owing(fast_world)
    event = pays(fast_world, session)
    if gone == "cancelled":
        cancel(fast_world, session)
    else:
        fast_world.clock.advance(minutes=30)  # and no timer has come round
    tell_all(fast_world, event, event)
    settled(fast_world, session, Status.CANCELLED, 0)
    payment = payment_of(session)
    assert (payment.status, payment.reason) == ("refunded", "late")
    refund = fast_world.session(session.id).refund
    assert refund is not None
    assert refund.price_cents == 0, "it was not paid when it was cancelled"


def test_up_to_the_last_moment_a_payment_counts(fast_world: FastWorld) -> None:
    session = owing(fast_world)
    event = pays(fast_world, session)
    fast_world.clock.at = session.awaiting_until - timedelta(milliseconds=1)
    tell_all(fast_world, event)
    settled(fast_world, session, Status.PENDING, 2999)


def second_page(world: FastWorld, session: Session) -> dict[str, Any]:
    """The event of a payment on another page of the same session."""
    page = stripe_api.open_checkout(
        session.id,
        name="again",
        price_cents=session.price_cents,
        expires_at=world.now + timedelta(hours=1),
        key="of another tab",
        now=world.now,
    )
    return world.stripe.pay(page.id)


@pytest.mark.parametrize("reverse", [False, True])
def test_of_two_tabs_that_pay_once_each_one_gets_its_money_back(
    fast_world: FastWorld, reverse: bool
) -> None:
    session = owing(fast_world)
    events = [pays(fast_world, session), second_page(fast_world, session)]
    if reverse:
        events.reverse()
    tell_all(fast_world, *events, *events)
    settled(fast_world, session, Status.PENDING, 2999)
    (refund,) = fast_world.stripe.refunds.values()
    assert refund["payment_intent"] == events[1]["data"]["object"]["payment_intent"]


def test_a_refund_told_before_its_payment_is_no_payment(fast_world: FastWorld) -> None:
    """Somebody gave it back by hand. The session goes on waiting to be paid."""
    session = owing(fast_world)
    payment = pays(fast_world, session)
    refund = fast_world.stripe.give_back("pi_000001")
    tell_all(fast_world, refund, payment)
    settled(fast_world, session, Status.AWAITING_PAYMENT, 0)
    assert payment_of(session).status == "refunded"
    tell_all(fast_world, second_page(fast_world, session))
    settled(fast_world, session, Status.PENDING, 2999)


def test_of_what_was_given_back_in_part_before_it_was_told_of_the_rest_goes_back(
    fast_world: FastWorld,
) -> None:
    session = owing(fast_world)
    payment = pays(fast_world, session)
    refund = fast_world.stripe.give_back("pi_000001", 1000)
    tell_all(fast_world, refund, payment)
    settled(fast_world, session, Status.AWAITING_PAYMENT, 0)
    assert [each["amount"] for each in fast_world.stripe.refunds.values()] == [1000, 1999]


def test_what_an_operator_gave_back_is_not_given_back_again(fast_world: FastWorld) -> None:
    session = paid(fast_world)
    fast_world.stripe.give_back("pi_000001", 1000)  # and nobody tells us
    cancel(fast_world, session)
    fast_world.drain()
    settled(fast_world, session, Status.CANCELLED, 0)
    assert [each["amount"] for each in fast_world.stripe.refunds.values()] == [1000, 1999]


def test_of_what_an_operator_gave_back_whole_nothing_is_due(fast_world: FastWorld) -> None:
    session = paid(fast_world)
    tell_all(fast_world, fast_world.stripe.give_back("pi_000001"))
    cancel(fast_world, session)
    fast_world.drain()
    settled(fast_world, session, Status.CANCELLED, 0)
    assert fast_world.facts("RefundDue") == []


@pytest.mark.parametrize("reached", [True, False])
def test_what_was_given_back_by_hand_counts_only_if_it_has_reached_the_customer(
    fast_world: FastWorld, reached: bool
) -> None:
    """Half of it is due: as much as was given back, or not. Nobody tells us of what failed."""
    start = open_calendar(fast_world, hours=3)
    session = owing(fast_world, preferred_mechanic_id="own", scheduled_start=start)
    tell_all(fast_world, pays(fast_world, session))
    tell_all(fast_world, fast_world.stripe.give_back("pi_000001", 1500))
    if not reached:
        tell_all(fast_world, fast_world.stripe.fail_refund("re_000001"))
    cancel(fast_world, session)
    fast_world.drain()
    settled(fast_world, session, Status.CANCELLED, 1499)
    assert payment_of(session).status == "refunded"
    assert len(fast_world.stripe.refunds) == (1 if reached else 2)


@pytest.mark.parametrize(
    ("field", "value"), [("amount_total", 2998), ("amount_total", 3000), ("currency", "usd")]
)
def test_a_payment_of_something_else_does_not_count(
    fast_world: FastWorld, field: str, value: Any
) -> None:
    session = owing(fast_world)
    (page,) = fast_world.stripe.checkouts.values()
    page[field] = value
    tell_all(fast_world, pays(fast_world, session))
    settled(fast_world, session, Status.AWAITING_PAYMENT, 0)
    assert payment_of(session).reason == "wrong_amount"


def test_a_payment_for_what_credits_pay_for_goes_back(fast_world: FastWorld) -> None:
    rich(fast_world)
    session = signed(fast_world, book(fast_world, **BY_CREDITS))
    tell_all(fast_world, second_page(fast_world, session))
    settled(fast_world, session, Status.PENDING, 0)
    assert payment_of(session).reason == "not_owed"


def test_a_payment_for_a_session_nobody_knows_is_noted_and_nothing_else(
    fast_world: FastWorld,
) -> None:
    """It may be another stage's, which shares the account."""
    session = owing(fast_world)
    event: Any = pays(fast_world, session)
    unknown = "01K00000000000000000000000"
    thing = event["data"]["object"] | {"metadata": {"dispatch_session_id": unknown}}
    tell_all(fast_world, event | {"data": {"object": thing}})
    assert fast_world.stripe.refunds == {}
    assert fast_world.failures == []
    assert fast_world.facts("PaymentReceived", "RefundDue") == []


def test_a_slot_that_is_gone_is_not_paid_for(fast_world: FastWorld) -> None:
    """It is kept for the session; should it be gone all the same, no money is kept."""
    start = open_calendar(fast_world)
    session = owing(fast_world, preferred_mechanic_id="own", scheduled_start=start)
    with Transaction() as tx:
        calendar.free_booking(tx, BookingRef("own", session.id, start), fast_world.now)
    tell_all(fast_world, pays(fast_world, session))
    settled(fast_world, session, Status.AWAITING_PAYMENT, 0)
    assert payment_of(session).reason == "slot_gone"


def test_a_bank_that_does_not_take_a_refund_is_told_of(fast_world: FastWorld) -> None:
    session = paid(fast_world)
    cancel(fast_world, session)
    fast_world.drain()
    failed = fast_world.stripe.fail_refund("re_000001")
    tell_all(fast_world, failed, failed)
    assert payment_of(session).status == "refund_failed"
    assert len(fast_world.facts("RefundFailed")) == 1
    tell_all(fast_world, fast_world.stripe.give_back("pi_000001"))
    assert payment_of(session).status == "refunded"
    settled(fast_world, session, Status.CANCELLED, 0)


def test_a_refund_that_is_told_of_behind_its_failure_was_not_made(fast_world: FastWorld) -> None:
    """Stripe tells in any order; what was given back later closes it all the same."""
    session = paid(fast_world)
    cancel(fast_world, session)
    fast_world.drain()
    (made,) = [each for each in fast_world.stripe.events if each["type"] == "charge.refunded"]
    tell_all(fast_world, fast_world.stripe.fail_refund("re_000001"), made)
    payment = payment_of(session)
    assert (payment.status, payment.returned_cents) == ("refund_failed", 0)
    again = fast_world.stripe.give_back("pi_000001")
    tell_all(fast_world, again, made | {"id": "evt_of_another_endpoint"})
    settled(fast_world, session, Status.CANCELLED, 0)
    assert payment_of(session).status == "refunded"


def test_a_refund_that_fails_before_it_is_noted_down_was_not_made(fast_world: FastWorld) -> None:
    session = paid(fast_world)
    cancel(fast_world, session)

    def fails() -> None:
        for refund_id in fast_world.stripe.refunds:
            fast_world.stripe_tells(fast_world.stripe.fail_refund(refund_id))

    back, seen = fast_world.save(), set()
    for at in range(40):
        back()
        fast_world.interrupt(at, fails)
        fast_world.drain()
        fast_world.faults.disarm()
        payment = payment_of(session)
        assert payment.returned_cents == fast_world.stripe.returned(payment.id), at
        seen.add(payment.status)
    assert seen == {"refunded", "refund_failed"}


def test_a_failed_refund_of_others_changes_nothing(fast_world: FastWorld) -> None:
    session = paid(fast_world)
    fast_world.stripe.give_back("pi_000001", 10)
    tell_all(fast_world, fast_world.stripe.fail_refund("re_000001"))
    assert payment_of(session).status == "paid"
    assert fast_world.failures == []


# Refunds by Stripe


def test_a_refund_heard_twice_is_made_once(fast_world: FastWorld) -> None:
    session = paid(fast_world)
    cancel(fast_world, session)
    fast_world.drain()
    (fact,) = fast_world.facts("RefundDue")
    for _ in range(3):
        refunds.hear(fact, fast_world.now)
    settled(fast_world, session, Status.CANCELLED, 0)
    assert len(fast_world.facts("RefundMade")) == 1


def test_a_refund_whose_answer_did_not_come_is_not_made_again(fast_world: FastWorld) -> None:
    session = paid(fast_world)
    cancel(fast_world, session)
    fast_world.stripe.give_back("pi_000001")  # as the function before it died
    fast_world.drain()
    settled(fast_world, session, Status.CANCELLED, 0)
    assert len(fast_world.stripe.refunds) == 1


def test_while_stripe_is_down_a_refund_waits(fast_world: FastWorld) -> None:
    session = paid(fast_world)
    cancel(fast_world, session)
    fast_world.stripe.down = True
    fast_world.drain()
    lost = [json.loads(letter.body)["type"] for letter in fast_world.dead_letters]
    assert sorted(lost) == ["RefundDue", "SessionCancelled"]
    assert payment_of(session).status == "refund_due"
    fast_world.clock.advance(minutes=24)
    assert sweep(fast_world.now) == 1
    fast_world.drain()
    assert payment_of(session).status == "refund_due"
    fast_world.clock.advance(minutes=5)
    assert sweep(fast_world.now) == 0, "it is asked for once an hour"
    fast_world.stripe.down = False
    fast_world.clock.advance(minutes=60)
    assert sweep(fast_world.now) == 1
    fast_world.drain()
    settled(fast_world, session, Status.CANCELLED, 0)
    assert sweep(fast_world.now + timedelta(days=1)) == 0


def test_a_refund_of_a_payment_that_is_not_there_comes_again(fast_world: FastWorld) -> None:
    session = owing(fast_world)
    fact = {"type": "RefundDue", "session_id": session.id, "payment_id": "pi_1"}
    with pytest.raises(NotFound):
        refunds.hear(fact, fast_world.now)


def test_what_is_no_refund_is_passed_over(fast_world: FastWorld) -> None:
    refunds.hear({"type": "SessionBooked", "session_id": "s"}, fast_world.now)
    assert fast_world.stripe.refunds == {}


# Secrets


def test_a_secret_that_was_replaced_is_in_use_five_minutes_later(fast_world: FastWorld) -> None:
    session = owing(fast_world)
    event = pays(fast_world, session)
    fast_world.stripe_tells(event)
    name = settings.stripe_webhook_secret_name()
    fast_world.parameters.values[name] = "whsec_new"
    tell_all(fast_world, event)  # signed with the old one, which is remembered
    fast_world.clock.advance(minutes=5)
    with pytest.raises(AssertionError, match="never heard"):
        fast_world.stripe_tells(event)


# Beside it


def test_a_turn_on_the_waitlist_is_claimed_by_booking_and_not_by_never_paying(
    fast_world: FastWorld,
) -> None:
    fast_world.mechanic("kim", on_shift=False)
    waitlist.join(Wish(Target.MECHANIC, "kim"), "customer", fast_world.now)
    owing(fast_world)
    (entry,) = waitlist.entries_of("customer", fast_world.now, 10, None).items
    assert (entry.entry.status, entry.sleeping) == (EntryStatus.WAITING, True)
    fast_world.pass_time(minutes=31)
    (entry,) = waitlist.entries_of("customer", fast_world.now, 10, None).items
    assert (entry.entry.status, entry.sleeping) == (EntryStatus.WAITING, False)


# At once

Move = Callable[[FastWorld, Session], None]


def _cancels(world: FastWorld, session: Session) -> None:
    cancel(world, session)


def _tells_of_payment(world: FastWorld, _session: Session) -> None:
    (event,) = [e for e in world.stripe.events if e["type"] == "checkout.session.completed"]
    world.stripe_tells(event)


def _is_over(world: FastWorld, session: Session) -> None:
    sessions.close_overdue(session.id, world.now)


def _grants(world: FastWorld, _session: Session) -> None:
    payments.grant("customer", 1, "why", "admin", world.now)


def _books(world: FastWorld, _session: Session) -> None:
    """With what the refund of another session gives back."""
    intake = an_intake(**BY_CREDITS)
    world.call(lambda once: sessions.book_session(intake, "customer", world.now, once))


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("second", [_cancels, _tells_of_payment, _is_over])
@pytest.mark.parametrize("first", [_cancels, _tells_of_payment, _is_over])
def test_a_payment_and_whatever_else_happens_at_once(
    fast_world: FastWorld, first: Move, second: Move, late: bool
) -> None:
    """However it comes out, Stripe has what the session costs."""
    session = owing(fast_world)
    pays(fast_world, session)
    if late:
        fast_world.clock.at = session.awaiting_until
    back = fast_world.save()
    for at in range(30):
        back()
        fast_world.interrupt(at, partial(second, fast_world, session))
        first(fast_world, session)
        struck = not fast_world.faults.armed
        fast_world.faults.disarm()
        for event in fast_world.stripe.undelivered():
            fast_world.stripe_tells(event)
        fast_world.drain()
        picture = picture_of(fast_world)
        invariants.check(picture)
        invariants.check_money(fast_world, picture)
        assert not any(payment.due_at for payment in picture.payments.values())
        if not struck:
            return
    raise AssertionError("it makes more calls than that")


@pytest.mark.parametrize("second", [_cancels, _grants, _books])
@pytest.mark.parametrize("first", [_cancels, _grants, _books])
def test_a_debit_a_refund_and_a_grant_at_once(
    fast_world: FastWorld, first: Move, second: Move
) -> None:
    """However it comes out, the ledger is the balance, and nothing is below zero."""
    payments.adjust("customer", 25, fast_world.now)
    session = signed(fast_world, book(fast_world, **BY_CREDITS))
    fast_world.drain()
    back = fast_world.save()
    for at in range(30):
        back()
        fast_world.interrupt(at, partial(second, fast_world, session))
        first(fast_world, session)
        struck = not fast_world.faults.armed
        fast_world.faults.disarm()
        invariants.check(picture_of(fast_world))
        if not struck:
            return
    raise AssertionError("it makes more calls than that")


def test_the_method_goes_with_the_plan(fast_world: FastWorld) -> None:
    for plan, method in (
        ("free", PaymentMethod.CREDITS),
        ("free", PaymentMethod.STRIPE),
        ("quick", PaymentMethod.FREE),
    ):
        with pytest.raises(Invalid):
            book(fast_world, plan=plan, payment_method=method)


def test_a_balance_that_changed_meanwhile_is_read_again(fast_world: FastWorld) -> None:
    rich(fast_world)
    tx = Transaction()
    payments.debit(tx, "customer", "session", 25, fast_world.now)
    payments.grant("customer", 1, "why", "admin", fast_world.now)
    with pytest.raises(StaleVersion):
        tx.commit()
