"""Two at once: whatever one does between two AWS calls of another, what always holds, holds.

Every two moves that are possible in a scene are made at once, in this order and in that: the second
comes when the first has read and is about to write; in the long run at each of its calls.
"""

from collections.abc import Callable, Iterator
from itertools import product

import pytest

from dispatch.mechanics import service as mechanics
from dispatch.offers import service as offers
from dispatch.offers.model import DeclineReason
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Review, Session
from dispatch.shifts import service as shifts
from dispatch.waitlist import service as waitlist
from dispatch.waitlist.model import Target, Wish
from tests import invariants
from tests.clock import Clock
from tests.fast.world import FastWorld, running
from tests.fault_stories import live, town, wait, waiting
from tests.invariants import picture_of
from tests.stories import complete, take
from tests.world import an_intake

Moves = dict[str, Callable[[], object]]
Scene = Callable[[FastWorld], Moves]

SCENES: dict[str, Scene] = {}


def scene(set_up: Scene) -> Scene:
    SCENES[set_up.__name__] = set_up
    return set_up


def _accept(world: FastWorld, row: str, by: str) -> Callable[[], object]:
    return lambda: world.call(lambda once: sessions.accept_offer(row, by, world.now, once))


def _of_mechanic(world: FastWorld, id_: str) -> Moves:
    return {
        f"{id_} clocks out": lambda: world.call(
            lambda once: shifts.clock_out(id_, world.now, once=once)
        ),
        f"{id_} clocks out when done": lambda: world.call(
            lambda once: shifts.clock_out(id_, world.now, finish=True, once=once)
        ),
        f"{id_} is suspended": lambda: world.call(
            lambda _once: world.mechanic(id_, on_shift=False, status="suspended")
        ),
        f"{id_}'s offers are reviewed": lambda: offers.review_offers(id_, world.now),
        f"{id_}'s shift is over": lambda: shifts.end_overdue_shift(id_, _shift_of(id_), world.now),
    }


def _shift_of(mechanic_id: str) -> str:
    mechanic = mechanics.get(mechanic_id)
    assert mechanic is not None
    return mechanic.shift_id or ""


def _of_session(world: FastWorld, session_id: str) -> Moves:
    def ask(move: Callable[..., object], *args: str) -> Callable[[], object]:
        return lambda: world.call(lambda once: move(session_id, *args, now=world.now, once=once))

    return {
        "the customer cancels": lambda: world.call(
            lambda once: sessions.cancel_session(session_id, "customer", None, world.now, once)
        ),
        "the customer joins": ask(sessions.join_session, "customer"),
        "the mechanic joins": ask(sessions.join_session, "a"),
        "the customer ends it": ask(sessions.end_session, "customer"),
        "the mechanic ends it": ask(sessions.end_session, "a"),
        "an admin calls it off": lambda: world.call(
            lambda once: sessions.call_off_session(session_id, "admin-1", "why", world.now, once)
        ),
        "an admin reassigns it": lambda: world.call(
            lambda once: sessions.reassign_session(session_id, "admin-1", "why", world.now, once)
        ),
        "its time is over": lambda: sessions.close_overdue(session_id, world.now),
    }


def _some(moves: Moves, *words: str) -> Moves:
    return {name: move for name, move in moves.items() if any(word in name for word in words)}


@scene
def offers_are_out(world: FastWorld) -> Moves:
    """Two sessions, both offered to the same three; a fourth is free."""
    town(world, "abcd")
    first, second = world.book(), world.book("other")
    mine = {
        (row.session_id, id_): row.id
        for id_ in "abc"
        for row in offers.queue_of(id_, world.now).mine
    }
    offer = mine[first.id, "a"]
    return {
        "a accepts": _accept(world, offer, "a"),
        "b accepts": _accept(world, mine[first.id, "b"], "b"),
        "a accepts the other session": _accept(world, mine[second.id, "a"], "a"),
        "d takes the broadcast": _accept(world, world.broadcast(first.id).id, "d"),
        "a declines": lambda: world.call(
            lambda once: sessions.decline_offer(offer, "a", DeclineReason.BUSY, world.now, once)
        ),
        "the search goes on": lambda: offers.seek_mechanic(first.id, world.now),
        **_some(_of_session(world, first.id), "cancels"),
        **_some(_of_mechanic(world, "a"), "clocks out", "suspended", "reviewed"),
    }


@scene
def the_time_of_offers_is_up(world: FastWorld) -> Moves:
    town(world, "abcd")
    session = world.book()
    broadcast = world.broadcast(session.id).id
    world.clock.advance(minutes=5)
    return {
        "they expire": lambda: offers.expire_offers(session.id, world.now),
        "a takes the broadcast": _accept(world, broadcast, "a"),
        "d takes the broadcast": _accept(world, broadcast, "d"),
        "the search goes on": lambda: offers.seek_mechanic(session.id, world.now),
        **_some(_of_session(world, session.id), "cancels"),
        **_some(_of_mechanic(world, "a"), "clocks out", "reviewed"),
    }


@scene
def a_session_has_just_become_pending(world: FastWorld) -> Moves:
    """Nobody was asked yet; somebody is about to come."""
    town(world, "ab")
    world.mechanic("new", on_shift=False)
    booked = sessions.book_session(an_intake(), "customer", world.now)
    sessions.sign_waiver(booked.id, "customer", "Jo", world.now)
    broadcast = world.broadcast(booked.id).id
    return {
        "a mechanic is sought": lambda: offers.seek_mechanic(booked.id, world.now),
        "a mechanic is sought once more": lambda: offers.seek_mechanic(booked.id, world.now),
        "somebody clocks in": lambda: world.call(
            lambda once: shifts.clock_in("new", world.now, once=once)
        ),
        "somebody clocks in twice": lambda: world.call(
            lambda once: shifts.clock_in("new", world.now, once=once)
        ),
        "a takes the broadcast": _accept(world, broadcast, "a"),
        **_some(_of_session(world, booked.id), "cancels"),
        **_some(_of_mechanic(world, "a"), "clocks out", "suspended"),
    }


@scene
def the_preferred_mechanic_is_asked(world: FastWorld) -> Moves:
    town(world, "abcd")
    session = world.book(preferred_mechanic_id="a")
    offer = world.offer_to("a").id
    world.clock.advance(minutes=2, seconds=-1)
    return {
        "a accepts": _accept(world, offer, "a"),
        "a declines": lambda: world.call(
            lambda once: sessions.decline_offer(offer, "a", DeclineReason.BUSY, world.now, once)
        ),
        "the search goes on": lambda: offers.seek_mechanic(session.id, world.now),
        "b takes the broadcast": _accept(world, world.broadcast(session.id).id, "b"),
        **_some(_of_session(world, session.id), "cancels"),
        **_some(_of_mechanic(world, "a"), "clocks out", "reviewed"),
    }


@scene
def a_mechanic_has_accepted(world: FastWorld) -> Moves:
    town(world, "ab")
    session = waiting(world)
    row = session.assignment_id or ""
    return {
        "a gives it back": lambda: world.call(
            lambda once: sessions.release_session(row, "a", "why", world.now, once)
        ),
        "a accepts once more": _accept(world, row, "a"),
        **_some(_of_session(world, session.id), "joins", "cancels", "admin"),
        **_some(_of_mechanic(world, "a"), "clocks out", "suspended"),
    }


@scene
def nobody_has_come_in_time(world: FastWorld) -> Moves:
    town(world, "ab")
    session = waiting(world)
    world.clock.advance(minutes=5)
    return _some(_of_session(world, session.id), "joins", "cancels", "over")


@scene
def the_customer_has_not_come_in_time(world: FastWorld) -> Moves:
    town(world, "ab")
    session = waiting(world)
    sessions.join_session(session.id, "a", world.now)
    world.drain()
    world.clock.advance(minutes=10)
    return {
        **_some(_of_session(world, session.id), "joins", "cancels", "over"),
        **_some(_of_mechanic(world, "a"), "clocks out when done"),
    }


@scene
def a_session_is_live(world: FastWorld) -> Moves:
    town(world, "ab")
    session = live(world)
    world.clock.advance(minutes=25)
    return {
        **_some(_of_session(world, session.id), "ends", "over"),
        **_some(_of_mechanic(world, "a"), "clocks out when done", "suspended"),
    }


@scene
def a_session_is_over(world: FastWorld) -> Moves:
    """Both tabs of its customer rate it, and so does the customer of another one."""
    town(world, "a")
    session = live(world)
    sessions.end_session(session.id, "customer", world.now)
    world.drain()
    other = complete(world, take(world, "a", world.book("other")))

    def rate(session: Session, by: str, stars: int) -> Callable[[], object]:
        review = Review(stars, "In words, too")
        return lambda: world.call(
            lambda once: sessions.rate_session(session.id, by, review, world.now, once)
        )

    return {
        "the customer gives five stars": rate(session, "customer", 5),
        "the customer gives one": rate(session, "customer", 1),
        "the other customer gives two": rate(other, "other", 2),
        **_some(_of_mechanic(world, "a"), "clocks out"),
    }


@scene
def a_mechanic_is_new_and_two_sessions_wait(world: FastWorld) -> Moves:
    world.mechanic("a", on_shift=False)
    first, second = world.book("one"), world.book("two")
    shifts.clock_in("a", world.now)
    return {
        "a is placed": lambda: offers.place_capacity("a", world.now),
        "a is placed once more": lambda: offers.place_capacity("a", world.now),
        "a takes the first": _accept(world, world.broadcast(first.id).id, "a"),
        "a takes the second": _accept(world, world.broadcast(second.id).id, "a"),
        "the first cancels": lambda: world.call(
            lambda once: sessions.cancel_session(first.id, "one", None, world.now, once)
        ),
        **_some(_of_mechanic(world, "a"), "clocks out", "suspended"),
    }


@scene
def a_customer_is_impatient(world: FastWorld) -> Moves:
    def book() -> None:
        world.call(lambda once: sessions.book_session(an_intake(), "customer", world.now, once))

    def stand_in_line() -> None:
        world.call(lambda once: waitlist.join(Wish(Target.ANY), "customer", world.now, once))

    return {
        "they book": book,
        "they book once more": book,
        "they wait": stand_in_line,
        "they wait once more": stand_in_line,
    }


@scene
def somebody_waits_and_somebody_comes(world: FastWorld) -> Moves:
    world.mechanic("a", on_shift=False)
    wait(world, "one", "two")
    shifts.clock_in("a", world.now)
    offers.place_capacity("a", world.now)
    (left,) = world.facts("CapacityLeft")
    (entry,) = [each.entry for each in waitlist.entries_of("one", world.now, 10, None).items]
    return {
        "the first is told": lambda: waitlist.hear(left, world.now),
        "the first is told once more": lambda: waitlist.hear(left, world.now),
        "the first leaves": lambda: world.call(
            lambda _once: waitlist.leave(entry.id, "one", world.now)
        ),
        "the first books": lambda: world.call(
            lambda once: sessions.book_session(an_intake(), "one", world.now, once)
        ),
        **_some(_of_mechanic(world, "a"), "clocks out", "suspended"),
    }


class Pairs:
    """Every two moves of one scene."""

    def __init__(self, world: FastWorld, name: str) -> None:
        self.world = world
        self._moves = SCENES[name](world)
        self._back = world.save()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((a, b) for a, b in product(self._moves, repeat=2) if a != b)

    def calls_of(self, first: str) -> list[str]:
        self._back()
        self.world.faults.arm()
        self._moves[first]()
        self.world.faults.disarm()
        return self.world.faults.calls

    def why_not(self, first: str, second: str, at: int) -> str | None:
        """What does not hold when the second comes before that call of the first."""
        world = self.world
        self._back()
        world.interrupt(at, self._moves[second])  # type: ignore[arg-type]
        try:
            self._moves[first]()
            world.faults.disarm()
            world.drain()
            invariants.check(picture_of(world))
        except Exception as error:  # noqa: BLE001 - told beside all others
            return f"{first}, before call {at} {second}: {type(error).__name__} {error}"
        if world.failures or world.dead_letters:
            return f"{first}, before call {at} {second}: {world.failures}"
        return None


@pytest.fixture
def world() -> Iterator[FastWorld]:
    with running(Clock()) as world:
        yield world


def _wrong(pairs: Pairs, before: str) -> Iterator[str]:
    for first, second in pairs:
        for at, call in enumerate(pairs.calls_of(first)):
            if call.startswith(before) and (why := pairs.why_not(first, second, at)):
                yield why


@pytest.mark.parametrize("name", SCENES)
def test_who_was_quicker_is_minded(world: FastWorld, name: str) -> None:
    wrong = list(_wrong(Pairs(world, name), before="dynamodb.transact"))
    assert not wrong, "\n".join(wrong)


@pytest.mark.long
@pytest.mark.parametrize("name", SCENES)
def test_whenever_the_other_comes(world: FastWorld, name: str) -> None:
    wrong = list(_wrong(Pairs(world, name), before=""))
    assert not wrong, "\n".join(wrong)
