"""The line, whatever happens: random customers and mechanics against a line kept by hand.

``ByHand`` is the rule of ``domain.md`` on plain lists: no table, no versions, no messages that
fail. The real waitlist must tell the same people in the same order and show the same places.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings as effort
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from dispatch.core.ids import new_id
from dispatch.core.table import Transaction
from dispatch.core.time import format_time
from dispatch.customers import service as customers
from dispatch.customers.model import Location
from dispatch.mechanics import service as mechanics
from dispatch.policy import store as policy_items
from dispatch.policy.model import Policy
from dispatch.sessions import service as sessions
from dispatch.shifts import service as shifts
from dispatch.waitlist import service as waitlist
from dispatch.waitlist.model import Target, Wish
from tests.clock import NOON, Clock
from tests.fast.world import running
from tests.world import an_intake

POLICY = Policy(capacity=2, shift_s=30 * 24 * 3600)
TURN = timedelta(minutes=5)
A_DAY = timedelta(hours=24)
UNSIGNED = timedelta(minutes=30)

COUNTRY = {"ann": "CA", "ben": "CA", "cyd": None, "dan": "IS"}
WISHES = {
    "any": Wish(Target.ANY),
    "ada": Wish(Target.MECHANIC, mechanic_id="ada"),
    "honda": Wish(Target.BRAND, brand="Honda"),
}
ASKS_FOR = {
    "ada": {("any", "CA"), ("any", None), ("ada", None), ("honda", None)},
    "bob": {("any", "CA"), ("any", None)},
}
Line = tuple[str, str | None]


@dataclass
class Someone:
    """One entry, as somebody with a pencil would keep it."""

    id: str
    customer: str
    line: Line
    since: datetime
    over_at: datetime
    status: str = "waiting"
    mechanic: str = ""
    until: datetime = NOON
    was_sent_back: bool = False


@dataclass
class ByHand:
    entries: dict[tuple[str, str], Someone] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)
    on_shift: set[str] = field(default_factory=lambda: {"ada", "bob"})
    load: dict[str, int] = field(default_factory=lambda: {"ada": 0, "bob": 0})
    booked_until: dict[str, datetime] = field(default_factory=dict)
    newest: dict[str, tuple[str, int]] = field(default_factory=dict)

    def line(self, line: Line, now: datetime) -> list[Someone]:
        waiting = [one for one in self.entries.values() if one.status == "waiting"]
        found = [one for one in waiting if one.line == line and now < one.over_at]
        return sorted(found, key=lambda one: (one.since, one.id))

    def has_booked(self, customer: str, now: datetime) -> bool:
        return now < self.booked_until.get(customer, now)

    def turns(self, now: datetime, **whose: str) -> list[Someone]:
        told = [one for one in self.entries.values() if one.status == "told" and now < one.until]
        return [one for one in told if all(getattr(one, n) == v for n, v in whose.items())]

    def room(self, mechanic: str, now: datetime) -> int:
        free = POLICY.capacity - self.load[mechanic]
        return free - len(self.turns(now, mechanic=mechanic)) if mechanic in self.on_shift else 0

    def tell_next(self, mechanic: str, now: datetime, but: str = "") -> bool:
        if self.room(mechanic, now) <= 0:
            return False
        lines = [self.line(line, now) for line in ASKS_FOR[mechanic]]
        for one in sorted((one for line in lines for one in line), key=lambda o: (o.since, o.id)):
            asleep = self.has_booked(one.customer, now) or self.turns(now, customer=one.customer)
            if one.customer != but and not asleep:
                one.status, one.mechanic, one.until = "told", mechanic, now + TURN
                self.told.append((format_time(now), one.id))
                return True
        return False

    def comes_free(self, fact: dict[str, Any], now: datetime) -> None:
        mechanic, room = fact["mechanic_id"], fact["room"]
        for _ in range(room):
            newest, given = self.newest.get(mechanic, ("", 0))
            given = given if newest == fact["id"] else 0
            promised = len(self.turns(now, mechanic=mechanic))
            if fact["id"] < newest or given >= room or promised >= room:
                return
            if not self.tell_next(mechanic, now):
                return
            self.newest[mechanic] = (fact["id"], given + 1)

    def end(self, one: Someone, status: str, now: datetime) -> None:
        had_turn, one.status = one.status == "told", status
        if had_turn:
            self.tell_next(one.mechanic, now, but=one.customer)

    def settle(self, one: Someone, now: datetime) -> None:
        if one.status == "waiting" and now >= one.over_at:
            one.status = "expired"
        elif one.status == "told" and now >= one.until:
            used = self.has_booked(one.customer, now) or one.mechanic not in self.on_shift
            used = used or self.load[one.mechanic] >= POLICY.capacity
            if now >= one.over_at or (one.was_sent_back and not used):
                self.end(one, "expired", now)
                return
            if not used:
                one.since, one.was_sent_back = one.until, True
            self.end(one, "waiting", now)


class Waitlist(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._opened = ExitStack()
        self.world = self._opened.enter_context(running(Clock()))
        self.hand = ByHand()
        self.facts: list[dict[str, Any]] = []
        self.rings: list[tuple[datetime, str, str]] = []
        policy_items.add_first(POLICY)
        for customer, country in COUNTRY.items():
            customers.upsert({"id": customer, "country": country})
        self.world.mechanic("ada", brand_specializations=["Honda"])
        self.world.mechanic("bob")

    def teardown(self) -> None:
        self._opened.close()

    @property
    def now(self) -> datetime:
        return self.world.now

    # What customers do

    @rule(customer=st.sampled_from(list(COUNTRY)), wish=st.sampled_from(list(WISHES)))
    def join(self, customer: str, wish: str) -> None:
        self.world.clock.advance(seconds=1)
        self.ring(backwards=False)
        entry = waitlist.join(WISHES[wish], customer, self.now).entry
        before = self.hand.entries.get((customer, wish))
        if before and before.status in ("waiting", "told"):
            assert entry.id == before.id
            return
        assert before is None or entry.id != before.id
        line = (wish, COUNTRY[customer] if wish == "any" else None)
        over_at = self.now + A_DAY
        self.hand.entries[customer, wish] = Someone(entry.id, customer, line, self.now, over_at)
        self.rings.append((over_at, customer, entry.id))

    @rule(pick=st.integers(0, 99))
    def leave(self, pick: int) -> None:
        if one := self._anyone(pick):
            waitlist.leave(one.id, one.customer, self.now)
            if one.status in ("waiting", "told"):
                self.hand.end(one, "left", self.now)

    @rule(customer=st.sampled_from(list(COUNTRY)))
    def book_or_cancel(self, customer: str) -> None:
        active = sessions.active_of(customer, self.now)
        assert (active is not None) is self.hand.has_booked(customer, self.now)
        if active:
            sessions.cancel_session(active.id, customer, None, self.now)
            del self.hand.booked_until[customer]
        else:
            where = Location(COUNTRY[customer])
            sessions.book_session(an_intake(location=where), customer, self.now)
            self.hand.booked_until[customer] = self.now + UNSIGNED

    @rule(customer=st.sampled_from(list(COUNTRY)))
    def is_accepted(self, customer: str) -> None:
        fact = {"type": "OfferAccepted", "at": format_time(self.now), "customer_id": customer}
        waitlist.hear(fact, self.now)
        mine = [self.hand.entries.get((customer, wish)) for wish in ("any", "honda", "ada")]
        # As they are stored: by the key of their target.
        for one in mine:
            if one and one.status in ("waiting", "told"):
                self.hand.end(one, "claimed", self.now)

    def _anyone(self, pick: int) -> Someone | None:
        everyone = list(self.hand.entries.values())
        return everyone[pick % len(everyone)] if everyone else None

    # What mechanics do

    @rule(mechanic=st.sampled_from(list(ASKS_FOR)))
    def clock(self, mechanic: str) -> None:
        if self.hand.load[mechanic]:
            return
        if mechanic in self.hand.on_shift:
            shifts.clock_out(mechanic, self.now)
        else:
            shifts.clock_in(mechanic, self.now)
        self.hand.on_shift ^= {mechanic}

    @rule(mechanic=st.sampled_from(list(ASKS_FOR)), more=st.booleans())
    def work(self, mechanic: str, more: bool) -> None:
        load = self.hand.load[mechanic]
        with Transaction() as tx:
            if more and mechanic in self.hand.on_shift and load < POLICY.capacity:
                mechanics.take_load(
                    tx, mechanic, policy=POLICY, brand_key=None, now=self.now, otherwise=ValueError
                )
                self.hand.load[mechanic] += 1
            elif not more and load:
                mechanics.free_load(tx, mechanic, now=self.now, completed=True)
                self.hand.load[mechanic] -= 1

    @rule(mechanic=st.sampled_from(list(ASKS_FOR)), room=st.integers(1, 2))
    def comes_free(self, mechanic: str, room: int) -> None:
        self.world.clock.advance(milliseconds=1)
        self.ring(backwards=False)
        fact = {"id": new_id(self.now), "mechanic_id": mechanic, "room": room}
        self.facts.append({"type": "CapacityLeft", **fact})
        self._hear(self.facts[-1])

    @rule(back=st.integers(1, 3))
    def is_heard_again(self, back: int) -> None:
        if self.facts[-back:]:
            self._hear(self.facts[-back:][0])

    def _hear(self, fact: dict[str, Any]) -> None:
        waitlist.hear(fact, self.now)
        self.hand.comes_free(fact, self.now)
        self._take_down()

    # What time does

    @rule(
        by=st.sampled_from([timedelta(0), TURN / 2, TURN, 3 * TURN, timedelta(hours=11)]),
        backwards=st.booleans(),
    )
    def time_passes(self, by: timedelta, backwards: bool) -> None:
        self.world.clock.at += by
        self.ring(backwards)

    def ring(self, backwards: bool) -> None:
        """Everything that is due, and what has been, in either order."""
        self._take_down()
        due = sorted(ring for ring in self.rings if ring[0] <= self.now)
        for _, customer, entry_id in reversed(due) if backwards else due:
            waitlist.settle(customer, entry_id, self.now)
            for one in self.hand.entries.values():
                if one.id == entry_id:
                    self.hand.settle(one, self.now)

    def _take_down(self) -> None:
        """The rings of those who were told."""
        known = {ring[1:] + ring[:1] for ring in self.rings}
        for one in self.hand.entries.values():
            if one.status == "told" and (one.customer, one.id, one.until) not in known:
                self.rings.append((one.until, one.customer, one.id))

    # What must hold

    @invariant()
    def everybody_was_told_when_it_was_their_turn(self) -> None:
        facts = self.world.facts("WaitlistTold")
        assert sorted((fact["at"], fact["entry_id"]) for fact in facts) == sorted(self.hand.told)

    @invariant()
    def everybody_sees_their_status_and_place(self) -> None:
        places = {
            one.id: place
            for line in {one.line for one in self.hand.entries.values()}
            for place, one in enumerate(self.hand.line(line, self.now), start=1)
        }
        by_hand = {one.id: (one.status, places.get(one.id)) for one in self.hand.entries.values()}
        seen = {
            listed.entry.id: (str(listed.entry.status), listed.place)
            for customer in COUNTRY
            for listed in waitlist.entries_of(customer, self.now, 100, None).items
        }
        assert seen == by_hand

    @invariant()
    def nobody_is_told_of_two_at_once_nor_more_than_there_is_room(self) -> None:
        """Of the line by hand, which the others compare with: or it would prove nothing."""
        turns = self.hand.turns(self.now)
        assert len({turn.customer for turn in turns}) == len(turns)
        for mechanic in ASKS_FOR:
            assert len(self.hand.turns(self.now, mechanic=mechanic)) <= POLICY.capacity


def keep_line(times: int, steps: int) -> None:
    """Let random people stand in line, each time from the start."""
    how_long = effort(max_examples=times, stateful_step_count=steps, deadline=None)
    run_state_machine_as_test(Waitlist, settings=how_long)


def test_the_line_is_kept_as_by_hand() -> None:
    keep_line(times=10, steps=30)


@pytest.mark.long
def test_the_line_is_kept_as_by_hand_for_long() -> None:
    keep_line(times=30, steps=60)
