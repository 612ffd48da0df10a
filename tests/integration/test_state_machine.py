"""Random customers, mechanics and bad luck, on the real code: what always holds, holds.

Messages come in any order, twice or not at all, calls fail, processes die, clocks move on. At the
end everybody goes home, and the timers and the sweeper alone bring everything to its end.
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

from dispatch.core.idempotency import Once
from dispatch.core.time import format_time, parse_time
from dispatch.customers import service as customers
from dispatch.offers.model import AssignmentStatus, DeclineReason
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Session, Status
from dispatch.shifts import service as shifts
from dispatch.timers.rules import LOOK_AGAIN_AFTER
from dispatch.timers.sweeper import GRACE
from dispatch.waitlist import service as waitlist
from dispatch.waitlist.model import OPEN, Target, Wish
from tests import invariants
from tests.clock import Clock
from tests.fast.faults import Fault
from tests.fast.services import Message
from tests.fast.world import FastWorld, running
from tests.invariants import Picture, picture_of
from tests.sweeper import sweep
from tests.world import an_intake

_T = TypeVar("_T")

CUSTOMERS = ("ann", "ben", "cid")
MECHANICS = ("kim", "lea", "max", "ned", "oli")
PATIENCE = timedelta(hours=25)
"""Longer than any deadline, that of the waitlist included."""

SWEPT_EVERY = timedelta(minutes=5)
MOST_SWEEPS = 200

customer_ids = st.sampled_from(CUSTOMERS)
mechanic_ids = st.sampled_from(MECHANICS)
people = st.sampled_from(CUSTOMERS + MECHANICS)
mostly = st.sampled_from([True, True, True, False])
picks = st.integers(0, 99)
seconds = st.sampled_from([1, 5, 15, 30, 60, 130, 310, 700, 1900])


class Town(RuleBasedStateMachine):
    """Three customers and five mechanics, two of whom are on shift."""

    steps = 0
    loses = True
    """Whether messages and timers are lost."""

    def __init__(self) -> None:
        super().__init__()
        self._resources = ExitStack()
        self.world: FastWorld = self._resources.enter_context(running(Clock()))
        self.picture: Picture = picture_of(self.world)

    @initialize(moves=st.lists(people, min_size=5, max_size=15))
    def a_day_begins(self, moves: list[str]) -> None:
        """Everybody is there, and some have begun."""
        world = self.world
        for number, id_ in enumerate(MECHANICS):
            world.mechanic(id_, rating=4.9 - number / 10, on_shift=number < 2)
            if number != 1:  # one is reached by polling alone
                world.device(id_)
        for id_ in CUSTOMERS:
            customers.upsert({"id": id_, "country": "Canada"})
            world.device(id_)
        world.drain()
        self.life_goes_on(moves)

    # What people do

    def call(self, request: Callable[[Once | None], object], heard: bool = False) -> None:
        """A user's request; ``heard``: and everything that follows from it."""
        self.world.call(request)
        if heard:
            self.world.drain()

    @rule(moves=st.lists(people, min_size=1, max_size=8))
    def life_goes_on(self, moves: list[str]) -> None:
        """One after the other does what is next, and all hear of it."""
        for who in moves:
            self._go_on(who)
            self.world.drain()

    @rule(who=people)
    def somebody_goes_on_unheard(self, who: str) -> None:
        self._go_on(who)

    def _go_on(self, who: str) -> None:
        self.picture = picture_of(self.world)
        if who in CUSTOMERS:
            self._customer_goes_on(who)
        else:
            self._mechanic_goes_on(who)

    def _customer_goes_on(self, customer_id: str) -> None:
        """Books, signs, joins or ends."""
        session = self.picture.session_of(customer_id)
        if session is None:
            self._book(customer_id, None)
        elif session.status is not Status.PENDING:
            move: Any = {
                Status.AWAITING_WAIVER: partial(sessions.sign_waiver, full_name="Jo"),
                Status.WAITING: sessions.join_session,
                Status.LIVE: sessions.end_session,
            }[session.status]
            now = self.world.now
            self.call(lambda once: move(session.id, customer_id, now=now, once=once))

    def _mechanic_goes_on(self, mechanic_id: str) -> None:
        """Clocks in, accepts, joins or ends."""
        mechanic, session = self.picture.mechanics[mechanic_id], self._session_in_hand(mechanic_id)
        now = self.world.now
        if session:
            move = sessions.end_session if session.live_at else sessions.join_session
            self.call(lambda once: move(session.id, mechanic_id, now, once))
        elif not mechanic.duty.on_shift:
            self.call(lambda once: shifts.clock_in(mechanic_id, now, once=once))
        elif rows := self._open_to(mechanic_id):
            self.call(lambda once: sessions.accept_offer(rows[0], mechanic_id, now, once))

    @rule(customer_id=customer_ids, preferred_id=mechanic_ids, heard=mostly)
    def customer_books_a_favourite(self, customer_id: str, preferred_id: str, heard: bool) -> None:
        self._book(customer_id, preferred_id, heard)
        session = picture_of(self.world).session_of(customer_id)
        if session and session.status is Status.AWAITING_WAIVER:
            self.call(
                lambda once: sessions.sign_waiver(
                    session.id, customer_id, "Jo", self.world.now, once
                ),
                heard,
            )

    def _book(self, customer_id: str, preferred_id: str | None, heard: bool = False) -> None:
        intake, now = an_intake(preferred_mechanic_id=preferred_id), self.world.now
        self.call(lambda once: sessions.book_session(intake, customer_id, now, once), heard)

    def _session_in_hand(self, mechanic_id: str) -> Session | None:
        in_hand = (Status.WAITING, Status.LIVE)
        for session in self.picture.sessions.values():
            if session.mechanic_id == mechanic_id and session.status in in_hand:
                return session
        return None

    def _open_to(self, mechanic_id: str) -> list[str]:
        """What this mechanic could take: their offers, then the broadcasts."""
        rows = self.picture.rows.values()
        offered = [
            row.id
            for row in rows
            if row.mechanic_id == mechanic_id and row.status is AssignmentStatus.OFFERED
        ]
        return offered + [row.id for row in rows if row.status is AssignmentStatus.QUEUED]

    @precondition(lambda self: self.picture.locks)
    @rule(pick=picks, heard=mostly)
    def customer_cancels(self, pick: int, heard: bool) -> None:
        session = self.picture.sessions[_one(sorted(self.picture.locks.values()), pick)]
        self.call(
            lambda once: sessions.cancel_session(
                session.id, session.customer_id, None, self.world.now, once
            ),
            heard,
        )

    @rule(mechanic_id=mechanic_ids, pick=picks, heard=mostly)
    def mechanic_declines(self, mechanic_id: str, pick: int, heard: bool) -> None:
        if rows := self._open_to(mechanic_id):
            self.call(
                lambda once: sessions.decline_offer(
                    _one(rows, pick), mechanic_id, DeclineReason.BUSY, self.world.now, once
                ),
                heard,
            )

    @rule(mechanic_id=mechanic_ids, heard=mostly)
    def mechanic_gives_back(self, mechanic_id: str, heard: bool) -> None:
        session = self._session_in_hand(mechanic_id)
        if session and session.assignment_id:
            row = session.assignment_id
            self.call(
                lambda once: sessions.release_session(
                    row, mechanic_id, "why", self.world.now, once
                ),
                heard,
            )

    @rule(mechanic_id=mechanic_ids, finish=st.booleans(), heard=mostly)
    def mechanic_clocks_out(self, mechanic_id: str, finish: bool, heard: bool) -> None:
        self.call(
            lambda once: shifts.clock_out(mechanic_id, self.world.now, finish=finish, once=once),
            heard,
        )

    @precondition(lambda self: self.picture.rows)
    @rule(mechanic_id=mechanic_ids, pick=picks)
    def mechanic_is_late(self, mechanic_id: str, pick: int) -> None:
        """Answers to whatever was there once, theirs or not."""
        row, now = _one(sorted(self.picture.rows), pick // 3), self.world.now
        move: Any = (
            sessions.accept_offer,
            partial(sessions.decline_offer, reason=DeclineReason.BUSY),
            partial(sessions.release_session, reason="why"),
        )[pick % 3]
        self.call(lambda once: move(row, mechanic_id, now=now, once=once), heard=False)

    @rule(customer_id=customer_ids, mechanic_id=st.none() | mechanic_ids, heard=mostly)
    def customer_waits(self, customer_id: str, mechanic_id: str | None, heard: bool) -> None:
        wish = Wish(Target.MECHANIC, mechanic_id) if mechanic_id else Wish(Target.ANY)
        self.call(lambda once: waitlist.join(wish, customer_id, self.world.now, once), heard)

    @precondition(lambda self: self.picture.entries)
    @rule(pick=picks)
    def customer_waits_no_longer(self, pick: int) -> None:
        entry = _one(self.picture.entries, pick)
        self.call(
            lambda _once: waitlist.leave(entry.id, entry.customer_id, self.world.now), heard=True
        )

    @rule(user_id=people, dies=st.booleans())
    def device_changes(self, user_id: str, dies: bool) -> None:
        """It is registered, or its endpoint dies, which the next push will find out."""
        if not dies:
            self.call(lambda _once: self.world.device(user_id), heard=True)
            return
        for attributes in self.world.topic.endpoints.values():
            if f'"{user_id}"' in attributes["CustomUserData"]:
                attributes["Enabled"] = "false"

    @rule(mechanic_id=mechanic_ids, status=st.sampled_from(["approved", "suspended"]))
    def mechanic_is_reviewed(self, mechanic_id: str, status: str) -> None:
        self.call(
            lambda _once: self.world.mechanic(mechanic_id, on_shift=False, status=status),
            heard=True,
        )

    # Time and messages

    @rule(by=seconds, heard=mostly)
    def time_passes(self, by: int, heard: bool) -> None:
        if heard:
            self.world.pass_time(seconds=by)
        else:
            self.world.clock.advance(seconds=by)
            self.world.ring_schedules()

    @rule()
    def a_fact_leaves(self) -> None:
        self.world.relay()

    @precondition(lambda self: self.world.deliverable())
    @rule(pick=picks, times=st.sampled_from([0, 1, 1, 2]))
    def a_message_comes(self, pick: int, times: int) -> None:
        """Any of those that are due, once, twice or never."""
        message = _one(self.world.deliverable(), pick)
        if times == 0 and self.loses:
            self.world.queues.messages.remove(message)
            return
        if times == 2:
            again = Message(message.queue, message.body, message.visible_at)
            self.world.queues.messages.append(again)
        self.world.deliver(message)

    @precondition(
        lambda self: self.loses and (self.world.queues.messages or self.world.scheduler.schedules)
    )
    @rule(pick=picks)
    def a_timer_is_lost(self, pick: int) -> None:
        timers: list[Message | str] = [
            *self.world.queues.messages,
            *self.world.scheduler.schedules,
        ]
        lost = _one(timers, pick)
        if isinstance(lost, Message):
            self.world.queues.messages.remove(lost)
        else:
            self.world.scheduler.schedules.pop(lost)

    @rule()
    def all_messages_come(self) -> None:
        self.world.drain()

    @rule()
    def the_sweeper_comes(self) -> None:
        self.world.scheduled(lambda: sweep(self.world.now))

    @rule(at=st.integers(0, 15), fault=st.sampled_from(Fault))
    def a_call_will_fail(self, at: int, fault: Fault) -> None:
        self.world.faults.arm(at, fault)

    @rule(first=people, second=people, at=st.integers(0, 12))
    def two_go_on_at_once(self, first: str, second: str, at: int) -> None:
        """One of them between two calls of the other."""
        self.world.interrupt(at, lambda: self._go_on(second))
        self._go_on(first)
        self.world.faults.disarm()

    @precondition(lambda self: self.world.deliverable())
    @rule(who=people, pick=picks, at=st.integers(0, 25))
    def somebody_comes_between(self, who: str, pick: int, at: int) -> None:
        """Between two calls of a consumer."""
        self.world.interrupt(at, lambda: self._go_on(who))
        self.world.deliver(_one(self.world.deliverable(), pick))
        self.world.faults.disarm()

    # What holds

    @invariant()
    def always(self) -> None:
        Town.steps += 1
        self.picture = picture_of(self.world)
        invariants.check(self.picture)
        invariants.check_ledger(self.world, self.picture)
        assert self.world.dead_letters == []

    def teardown(self) -> None:
        try:
            self.world.faults.disarm()
            self._all_comes_to_an_end()
        finally:
            self._resources.close()

    def _all_comes_to_an_end(self) -> None:
        """Nobody does anything any more, and all that is under way is lost."""
        world = self.world
        if not self.loses:
            world.pass_time(seconds=LOOK_AGAIN_AFTER.total_seconds())
            invariants.check_that_all_have_met(picture_of(world))
        world.lose_everything()
        over = format_time(world.now + PATIENCE)
        for _ in range(MOST_SWEEPS):
            due = min(picture_of(world).due.values(), default=over)
            if due >= over:
                break
            world.clock.at = max(parse_time(due) + GRACE, world.now + SWEPT_EVERY)
            world.scheduled(lambda: sweep(world.now))
            world.drain()
        else:
            raise AssertionError("the sweeper finds no end")
        self.always()
        picture = self.picture
        assert picture.locks == {}
        assert not any(mechanic.duty.on_shift for mechanic in picture.mechanics.values())
        assert not any(row.status is AssignmentStatus.OFFERED for row in picture.rows.values())
        assert not any(entry.status in OPEN for entry in picture.entries)


class FaithfulTown(Town):
    """The same town, where every message comes at last, in whatever order: all meet who could."""

    loses = False


def _one(choices: Sequence[_T], pick: int) -> _T:
    return choices[pick % len(choices)]


some_days = settings(suppress_health_check=list(HealthCheck), stateful_step_count=50)


def test_whatever_happens() -> None:
    """Some hundred steps."""
    run_state_machine_as_test(Town, settings=settings(some_days, max_examples=6))


def test_whatever_happens_where_nothing_is_lost() -> None:
    run_state_machine_as_test(FaithfulTown, settings=settings(some_days, max_examples=6))


@pytest.mark.long
def test_whatever_happens_for_long_where_nothing_is_lost() -> None:
    run_state_machine_as_test(FaithfulTown, settings=settings(some_days, max_examples=150))


@pytest.mark.long
def test_whatever_happens_for_long() -> None:
    steps_before = Town.steps
    run_state_machine_as_test(Town, settings=settings(some_days, max_examples=320))
    assert Town.steps - steps_before >= 10_000
