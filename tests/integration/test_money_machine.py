"""Random bookings, cancellations, payments, webhooks and grants, with bad luck: no money is lost or
made.

At every step the ledger is the balance, and every payment is its session's or on its way back. At
the end, when the sweeper alone has done what is due, what Stripe has is what the sessions cost.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dispatch.calendar import service as calendar
from dispatch.core.time import parse_time
from dispatch.payments import service as payments
from dispatch.payments import stripe_api
from dispatch.payments.model import PaymentStatus
from dispatch.sessions import paying
from dispatch.sessions import service as sessions
from dispatch.sessions.model import PaymentMethod, Session, Status
from dispatch.shifts import service as shifts
from dispatch.timers.sweeper import GRACE
from tests import invariants
from tests.calendar_builders import an_availability
from tests.clock import Clock
from tests.fast.faults import Fault
from tests.fast.services import Message
from tests.fast.world import FastWorld, running
from tests.invariants import Picture, picture_of
from tests.sweeper import sweep
from tests.world import an_intake

_T = TypeVar("_T")

CUSTOMERS = ("ann", "ben")
MOST_SWEEPS = 200

customer_ids = st.sampled_from(CUSTOMERS)
mostly = st.sampled_from([True, True, True, False])
picks = st.integers(0, 99)
PLANS = {"free": (0, 0), "quick": (999, 10), "standard": (2999, 25)}
"""Cents and credits, from the table of domain.md."""


class Till(RuleBasedStateMachine):
    """Two customers, a mechanic who is there, and one who is booked ahead."""

    steps = 0
    seen: set[str] = set()  # noqa: RUF012 - shared on purpose: what all runs have come to
    """Statuses of payments and kinds of entries that any run has seen."""

    def __init__(self) -> None:
        super().__init__()
        self._resources = ExitStack()
        self.world: FastWorld = self._resources.enter_context(running(Clock()))
        self.picture: Picture = picture_of(self.world)
        self.by_hand: set[str] = set()
        """Payments of which an operator has given back all that was left."""
        self.failed: set[str] = set()
        """Payments of which a bank has not taken a refund that we have made."""
        self._keys = 0

    @initialize(amount=st.integers(0, 60))
    def a_day_begins(self, amount: int) -> None:
        world = self.world
        world.mechanic("kim")
        world.mechanic("own", on_shift=False)
        hours = an_availability("America/Toronto", "0:00-24:00")
        calendar.replace_availability("own", hours, 0, world.now)
        world.drain()
        self._grant("ann", amount)

    # What people do

    def _heard(self, heard: bool) -> None:
        if heard:
            self.world.drain()

    @rule(
        customer_id=customer_ids,
        plan=st.sampled_from(sorted(PLANS)),
        by_card=st.booleans(),
        ahead_h=st.sampled_from([None, None, 3, 30]),
        goes_on=mostly,
        pays=st.booleans(),
        heard=mostly,
    )
    def customer_books(
        self,
        customer_id: str,
        plan: str,
        by_card: bool,
        ahead_h: int | None,
        goes_on: bool,
        pays: bool,
        heard: bool,
    ) -> None:
        """And signs, mostly, asks where to pay, and pays or not yet."""
        method = PaymentMethod.STRIPE if by_card else PaymentMethod.CREDITS
        now = self.world.now
        slot: dict[str, Any] = {}
        if ahead_h:
            start = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=ahead_h)
            slot = {"preferred_mechanic_id": "own", "scheduled_start": start}
        intake = an_intake(
            plan=plan, payment_method=PaymentMethod.FREE if plan == "free" else method, **slot
        )
        self.world.call(lambda once: sessions.book_session(intake, customer_id, now, once))
        if goes_on:
            for session in self._of(customer_id, Status.AWAITING_WAIVER):
                self._sign(session)
            for session in self._of(customer_id, Status.AWAITING_PAYMENT):
                self._open(session)
                if pays and (pages := self._open_pages()):
                    self._pay(pages[-1])
                    self._deliver(self.world.stripe.events[-1])
        self._heard(heard)

    @rule(customer_id=customer_ids, heard=mostly)
    def customer_goes_on(self, customer_id: str, heard: bool) -> None:
        """Signs, asks where to pay, or pays; and Stripe says so at once."""
        if pages := self._open_pages():
            self._pay(pages[-1])
            self._deliver(self.world.stripe.events[-1])
        for session in self._of(customer_id, Status.AWAITING_WAIVER):
            self._sign(session)
        for session in self._of(customer_id, Status.AWAITING_PAYMENT):
            self._open(session)
        self._heard(heard)

    def _sign(self, session: Session) -> None:
        now = self.world.now
        self.world.call(
            lambda once: sessions.sign_waiver(session.id, session.customer_id, "Jo", now, once)
        )

    def _open(self, session: Session) -> None:
        """While Stripe is down it takes a while."""
        if not self.world.stripe.down:
            now = self.world.now
            self.world.call(lambda _: paying.open_checkout(session.id, session.customer_id, now))

    @precondition(lambda self: self.world.stripe.checkouts and not self.world.stripe.down)
    @rule(pick=picks)
    def a_second_page_is_opened(self, pick: int) -> None:
        """In another tab, when the key of the first has been forgotten."""
        page = _one(list(self.world.stripe.checkouts.values()), pick)
        session = self.picture.sessions.get(page["client_reference_id"])
        if session is None:
            return
        self._keys += 1
        again = partial(
            stripe_api.open_checkout,
            session.id,
            name="again",
            price_cents=session.price_cents,
            expires_at=self.world.now + timedelta(hours=1),
            key=f"another-{self._keys}",
            now=self.world.now,
        )
        self.world.call(lambda _: again())

    @precondition(lambda self: self._open_pages())
    @rule(pick=picks, told=mostly)
    def customer_pays(self, pick: int, told: bool) -> None:
        """On any page that is open, whatever has become of the session."""
        self._pay(_one(self._open_pages(), pick))
        if told:
            self._deliver(self.world.stripe.events[-1])

    @precondition(lambda self: self._open_pages())
    @rule(pick=picks)
    def a_payment_is_given_back_before_it_is_told_of(self, pick: int) -> None:
        self._pay(_one(self._open_pages(), pick))
        payment_id = list(self.world.stripe.payments)[-1]
        self.by_hand.add(payment_id)
        self._deliver(self.world.stripe.give_back(payment_id))

    def _pay(self, page_id: str) -> None:
        self.world.stripe.pay(page_id)

    def _open_pages(self) -> list[str]:
        now = self.world.now.timestamp()
        return [
            page["id"]
            for page in self.world.stripe.checkouts.values()
            if page["status"] == "open" and now < page["expires_at"]
        ]

    @precondition(lambda self: self.world.stripe.events)
    @rule(pick=picks, heard=mostly)
    def stripe_tells(self, pick: int, heard: bool) -> None:
        """Any event, for the first time or again."""
        self._deliver(_one(self.world.stripe.events, pick))
        self._heard(heard)

    def _deliver(self, event: dict[str, Any]) -> None:
        """Later, while Stripe is down: it may be asked what became of it."""
        if not self.world.stripe.down:
            self.world.stripe_tells(event)

    @precondition(lambda self: self.picture.sessions)
    @rule(pick=picks, heard=mostly)
    def somebody_cancels(self, pick: int, heard: bool) -> None:
        known = sorted(self.picture.sessions.values(), key=lambda each: each.id)
        going = [each for each in known if each.ended_at is None]
        session = _one(going if going and pick % 4 else known, pick)
        by = session.customer_id if pick % 3 else session.mechanic_id or session.customer_id
        now = self.world.now
        self.world.call(lambda once: sessions.cancel_session(session.id, by, None, now, once))
        self._heard(heard)

    @rule(heard=mostly)
    def mechanic_goes_on(self, heard: bool) -> None:
        """Takes what there is, comes, and ends it."""
        moves: dict[Status, Callable[[Session], None]] = {
            Status.PENDING: self._accept,
            Status.WAITING: self._join,
            Status.LIVE: self._end,
        }
        for session in self.picture.sessions.values():
            if move := moves.get(session.status):
                move(session)
        self._heard(heard)

    def _accept(self, session: Session) -> None:
        for row in self.picture.rows.values():
            if row.session_id == session.id and row.mechanic_id == "kim":
                take = partial(sessions.accept_offer, row.id, "kim", self.world.now)
                self.world.call(take)

    def _join(self, session: Session) -> None:
        for party in (session.mechanic_id or "", session.customer_id):
            self.world.call(partial(sessions.join_session, session.id, party, self.world.now))

    def _end(self, session: Session) -> None:
        by = session.customer_id
        self.world.call(partial(sessions.end_session, session.id, by, self.world.now))

    @rule(heard=mostly)
    def mechanic_comes_and_waits(self, heard: bool) -> None:
        """For a customer who comes later, cancels, or never comes."""
        if not self.picture.mechanics["kim"].duty.on_shift:
            self.world.call(lambda once: shifts.clock_in("kim", self.world.now, once=once))
            self.world.drain()
        self.picture = picture_of(self.world)
        for session in self.picture.sessions.values():
            if session.status is Status.PENDING:
                self._accept(session)
        self.picture = picture_of(self.world)
        for session in self.picture.sessions.values():
            if session.status is Status.WAITING and session.mechanic_id:
                by = session.mechanic_id
                self.world.call(partial(sessions.join_session, session.id, by, self.world.now))
        self._heard(heard)

    @rule(customer_id=customer_ids, amount=st.integers(-40, 60).filter(bool))
    def an_admin_grants(self, customer_id: str, amount: int) -> None:
        self._grant(customer_id, amount)

    def _grant(self, customer_id: str, amount: int) -> None:
        if amount:
            now = self.world.now
            self.world.call(
                lambda once: payments.grant(customer_id, amount, "why", "admin", now, once)
            )

    @precondition(lambda self: self.world.stripe.payments)
    @rule(pick=picks, told=mostly)
    def an_operator_gives_back_by_hand(self, pick: int, told: bool) -> None:
        """All that is left of a payment: before it was told of, while it counts, or after."""
        account = self.world.stripe
        payment_id = _one(sorted(account.payments), pick)
        if account.returned(payment_id) < account.payments[payment_id]["amount"]:
            account.give_back(payment_id)
            self.by_hand.add(payment_id)
            if told:
                self._deliver(account.events[-1])

    # Bad luck

    def _made(self) -> list[str]:
        """Refunds of ours that have reached the customer so far."""
        refunds = self.world.stripe.refunds.values()
        return [each["id"] for each in refunds if each["metadata"] and each["status"] != "failed"]

    @precondition(lambda self: self._made() and not self.world.stripe.down)
    @rule(pick=picks)
    def a_bank_does_not_take_a_refund(self, pick: int) -> None:
        """Which is told at once, while that it was made may be told later."""
        refund_id = _one(self._made(), pick)
        self.failed.add(self.world.stripe.refunds[refund_id]["payment_intent"])
        self._deliver(self.world.stripe.fail_refund(refund_id))

    @rule(down=st.booleans())
    def stripe_is_down(self, down: bool) -> None:
        self.world.stripe.down = down

    @rule(by=st.sampled_from([1, 60, 300, 901, 1801, 7200, 90_000]), heard=mostly)
    def time_passes(self, by: int, heard: bool) -> None:
        if heard:
            self.world.pass_time(seconds=by)
        else:
            self.world.clock.advance(seconds=by)
            self.world.ring_schedules()

    @precondition(lambda self: self.world.deliverable())
    @rule(pick=picks, times=st.sampled_from([0, 1, 1, 2]))
    def a_message_comes(self, pick: int, times: int) -> None:
        message = _one(self.world.deliverable(), pick)
        if times == 0:
            self.world.queues.messages.remove(message)
            return
        if times == 2:
            again = Message(message.queue, message.body, message.visible_at)
            self.world.queues.messages.append(again)
        self.world.deliver(message)

    @rule()
    def all_messages_come(self) -> None:
        self.world.drain()

    @rule(at=st.integers(0, 15), fault=st.sampled_from(Fault))
    def a_call_will_fail(self, at: int, fault: Fault) -> None:
        self.world.faults.arm(at, fault)

    @precondition(lambda self: self.picture.sessions and self.world.stripe.events)
    @rule(first=picks, second=picks, at=st.integers(0, 12), grants=st.booleans())
    def two_at_once(self, first: int, second: int, at: int, grants: bool) -> None:
        """Stripe tells between two calls of who cancels; or an admin grants."""
        event = _one(self.world.stripe.events, second)
        if grants:
            self.world.interrupt(at, lambda: self._grant("ann", 5))
        else:
            self.world.interrupt(at, lambda: self._deliver(event))
        self.somebody_cancels(first, heard=False)
        self.world.faults.disarm()

    # What holds

    def _of(self, customer_id: str, status: Status) -> list[Session]:
        self.picture = picture_of(self.world)
        return [
            session
            for session in self.picture.sessions.values()
            if (session.customer_id, session.status) == (customer_id, status)
        ]

    @invariant()
    def always(self) -> None:
        Till.steps += 1
        self.picture = picture_of(self.world)
        invariants.check(self.picture)
        Till.seen |= {payment.status for payment in self.picture.payments.values()}
        Till.seen |= {payment.reason or "" for payment in self.picture.payments.values()}
        Till.seen |= {entry.kind for entry in self.picture.ledger}
        for session in self.picture.sessions.values():
            by_credits = session.payment_method is PaymentMethod.CREDITS
            price = PLANS[session.plan]
            assert (session.price_cents, session.credits) == price
            refund = session.refund
            assert refund is None or refund.price_cents == 0 or not by_credits
            if refund:
                Till.seen.add(f"{session.payment_method} {refund.percent}")

    def teardown(self) -> None:
        try:
            self.world.faults.disarm()
            self.world.stripe.down = False
            self._all_comes_to_an_end()
        finally:
            self._resources.close()

    def _all_comes_to_an_end(self) -> None:
        """Nobody does anything any more, and all messages are lost. Stripe tells all at last."""
        world = self.world
        world.lose_everything()
        self._sweep()
        for event in reversed(world.stripe.undelivered()):
            self._deliver(event)
        world.lose_everything()
        self._sweep()
        for event in world.stripe.undelivered():
            self._deliver(event)
        self.always()
        assert not any(payment.due_at for payment in self.picture.payments.values())
        self._money_is_right()

    def _sweep(self) -> None:
        world = self.world
        for _ in range(MOST_SWEEPS):
            due = self._due()
            if due is None:
                return
            world.clock.at = max(parse_time(due) + GRACE, world.now + timedelta(minutes=5))
            world.scheduled(lambda: sweep(world.now))
            world.drain()
        raise AssertionError("the sweeper finds no end")

    def _due(self) -> str | None:
        """When a session or a refund is due; what mechanics do goes on for ever."""
        due = picture_of(self.world).due
        return min((at for (pk, _), at in due.items() if pk.startswith("SESSION#")), default=None)

    def _money_is_right(self) -> None:
        """What Stripe has taken and not given back is what each session rightly costs."""
        known = self.picture.payments
        for id_, payment in self.world.stripe.payments.items():
            counts = self.picture.sessions[known[id_].session_id].payment_id == id_
            session = self.picture.sessions[known[id_].session_id]
            right = invariants.stripe_costs(session) if counts and id_ not in self.by_hand else 0
            if id_ not in self.failed:
                assert payment["amount"] - self.world.stripe.returned(id_) == right, id_
            assert known[id_].returned_cents == self.world.stripe.returned(id_), id_
            assert known[id_].status is not PaymentStatus.REFUND_DUE, id_


def _one(choices: Sequence[_T], pick: int) -> _T:
    return choices[pick % len(choices)]


some_days = settings(suppress_health_check=list(HealthCheck), stateful_step_count=30)


def test_no_money_is_lost_or_made() -> None:
    run_state_machine_as_test(Till, settings=settings(some_days, max_examples=20))


@pytest.mark.long
def test_no_money_is_lost_or_made_in_many_days() -> None:
    run_state_machine_as_test(Till, settings=settings(some_days, max_examples=400))
    assert Till.seen >= {
        *PaymentStatus,
        "called_off",
        "late",
        "second",
        "returned_early",
        "booking",
        "refund",
        "grant",
        "credits 100",
        "credits 50",
        "credits 0",
        "stripe 100",
        "stripe 50",
        "stripe 0",
    }
