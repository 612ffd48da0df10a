"""Races through the running stack: whatever comes at once, one wins and nothing is doubled.

Calls leave together, one thread each. The stack runs a few instances of every function and lets the
rest wait, so that some calls meet in the table and all others meet what came of it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import httpx
import pytest

from tests.e2e.people import SIGNATURE, Document, Person, Town, answer, refused

CROWD = 50
LONG = pytest.param(20, marks=pytest.mark.long)
rounds = pytest.mark.parametrize("rounds", [3, LONG])
once = pytest.mark.parametrize("rounds", [1, LONG])
"""For what tests/integration/test_two_at_once.py tries in every order."""


def at_once(calls: Sequence[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    """The answers of calls that all begin together."""
    start = Barrier(len(calls))

    def run(call: Callable[[], httpx.Response]) -> httpx.Response:
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.fixture
def crowd(town: Town) -> list[Person]:
    """Three whom every driver's offers go to, and fifty more; all on shift."""
    best = [{"rating": 5.0}, {"rating": 4.9}, {"rating": 4.8}]
    return town.mechanics(*best, *({} for _ in range(CROWD)))


def _loads(people: list[Person]) -> dict[str, int]:
    with ThreadPoolExecutor(8) as pool:
        loads = pool.map(Person.load, people)
        return {person.id: load for person, load in zip(people, loads, strict=True) if load}


def _accepts(customer: Person, session_id: str) -> list[Document]:
    """What the timeline tells of accepts."""
    timeline = customer.timeline(session_id)
    return [fact["detail"] for fact in timeline if fact["type"] == "OfferAccepted"]


@rounds
def test_fifty_repeats_of_one_accept_are_one_accept(town: Town, rounds: int) -> None:
    mechanic = town.mechanic()
    for _ in range(rounds):
        customer = town.customer()
        session_id = town.seek(customer)
        row = mechanic.offer(session_id)
        answers = at_once([partial(mechanic.accept, row)] * CROWD)
        assert Counter(each.status_code for each in answers) == {200: CROWD}
        assert len({each.text for each in answers}) == 1
        (accepted,) = _accepts(customer, session_id)
        assert accepted["mechanic_id"] == mechanic.id
        assert mechanic.load() == 1
        answer(customer.act(session_id, "cancel"))
        assert mechanic.load() == 0


@rounds
def test_of_fifty_on_the_broadcast_and_three_with_offers_one_wins(
    town: Town, crowd: list[Person], rounds: int
) -> None:
    asked, others = crowd[:3], crowd[3:]
    for _ in range(rounds):
        customer = town.customer()
        session_id = town.seek(customer)
        broadcast = others[0].broadcast(session_id)
        rows = [mechanic.offer(session_id) for mechanic in asked] + [broadcast] * CROWD
        answers = at_once(
            [partial(mechanic.accept, row) for mechanic, row in zip(crowd, rows, strict=True)]
        )
        (winner,) = [
            mechanic
            for mechanic, each in zip(crowd, answers, strict=True)
            if each.status_code == 200
        ]
        losses = [refused(each, 409, "taken") for each in answers if each.status_code != 200]
        assert len(losses) == len(crowd) - 1

        assert _loads(crowd) == {winner.id: 1}
        session = customer.session(session_id)
        assert (session["status"], session["mechanic"]["id"]) == ("waiting", winner.id)
        (accepted,) = _accepts(customer, session_id)
        assert accepted["mechanic_id"] == winner.id
        for mechanic in {person.id: person for person in (*asked, others[0], winner)}.values():
            queue = mechanic.queue()
            mine = [row["status"] for row in queue["mine"]]
            assert mine == (["accepted"] if mechanic is winner else [])
            assert queue["unassigned"] == []
        answer(customer.act(session_id, "cancel"))


@once
def test_a_mechanic_who_accepts_two_sessions_at_once_gets_one(town: Town, rounds: int) -> None:
    """Capacity is one: load never exceeds it, whichever of the two comes first."""
    mechanic = town.mechanic()
    for _ in range(rounds):
        customers = [town.customer(), town.customer()]
        rows = [mechanic.offer(town.seek(customer)) for customer in customers]
        calls = [partial(mechanic.accept, row) for row in rows]
        answers = at_once(calls * 5)
        assert mechanic.load() == 1
        won = {each.json()["id"] for each in answers if each.status_code == 200}
        assert len(won) == 1
        for each in answers:
            if each.status_code != 200:
                # Once the other is won, this offer passes on; then it is over.
                assert answer(each, 409)["reason"] in ("at_capacity", "expired")
        for customer, row in zip(customers, rows, strict=True):
            answer(customer.act(row["session_id"], "cancel"))
        assert mechanic.load() == 0


@once
def test_an_accept_and_a_cancel_at_once_leave_no_load_behind(town: Town, rounds: int) -> None:
    mechanic = town.mechanic()
    for _ in range(rounds):
        customer = town.customer()
        session_id = town.seek(customer)
        row = mechanic.offer(session_id)
        cancelled, accepted = at_once(
            [partial(customer.act, session_id, "cancel"), partial(mechanic.accept, row)]
        )
        assert answer(cancelled)["status"] == "cancelled"
        if accepted.status_code != 200:
            refused(accepted, 409, "cancelled")
        assert customer.session(session_id)["status"] == "cancelled"
        assert mechanic.load() == 0


def test_of_many_bookings_of_one_customer_at_once_one_is_made(town: Town) -> None:
    customer = town.customer()
    answers = at_once([partial(customer.post, "/intake/start", town.intake())] * 10)
    made = [each.json()["session_id"] for each in answers if each.status_code == 201]
    assert len(made) == 1
    for each in answers:
        if each.status_code != 201:
            problem = refused(each, 409, "active_session")
            assert problem["session_id"] == made[0]
    assert len(answer(customer.get("/sessions"))["items"]) == 1


def test_signing_many_times_at_once_starts_one_search(town: Town) -> None:
    town.mechanic()
    customer = town.customer()
    session_id = town.book(customer)
    answers = at_once([partial(customer.act, session_id, "waiver", SIGNATURE)] * 10)
    assert {answer(each)["status"] for each in answers} == {"pending"}
    town.stack.drain()
    assert customer.events(session_id) == [
        "SessionBooked",
        "WaiverSigned",
        "SessionPending",
        "OffersMade",
    ]


@once
def test_releasing_many_times_at_once_is_releasing_once(town: Town, rounds: int) -> None:
    mechanic = town.mechanic()
    for _ in range(rounds):
        customer = town.customer()
        session_id = town.seek(customer)
        row = mechanic.offer(session_id)
        answer(mechanic.accept(row))
        for each in at_once([partial(mechanic.release, row)] * 10):
            assert answer(each)["status"] == "pending"
        assert Counter(customer.events(session_id))["OfferReleased"] == 1
        assert mechanic.load() == 0
        answer(customer.act(session_id, "cancel"))


@once
def test_an_accept_and_a_decline_of_one_offer_at_once_are_one_of_them(
    town: Town, rounds: int
) -> None:
    mechanic = town.mechanic()
    for _ in range(rounds):
        customer = town.customer()
        session_id = town.seek(customer)
        row = mechanic.offer(session_id)
        accepted, declined = at_once(
            [partial(mechanic.accept, row), partial(mechanic.decline, row)]
        )
        if accepted.status_code == 200:
            refused(declined, 409, "illegal_move")
        else:
            refused(accepted, 409, "expired")
            answer(declined)
        assert mechanic.load() == (1 if accepted.status_code == 200 else 0)
        answer(customer.act(session_id, "cancel"))


def test_of_many_clock_ins_at_once_one_opens_a_shift(town: Town) -> None:
    mechanic = town.mechanic(currently_on_shift=False)
    answers = at_once([partial(mechanic.clock, "clock_in")] * 10)
    assert Counter(each.status_code for each in answers) == {200: 1, 409: 9}
    answer(mechanic.clock("clock_out"))
    assert len(answer(mechanic.get("/mechanic/shifts"))["items"]) == 1


def test_both_sides_joining_at_once_make_it_live_once(town: Town) -> None:
    mechanic, customer = town.mechanic(), town.customer()
    session_id = town.seek(customer)
    answer(mechanic.accept(mechanic.offer(session_id)))
    joins = [partial(side.act, session_id, "join") for side in (mechanic, customer)]
    for each in at_once(joins * 5):
        assert answer(each)["status"] in ("waiting", "live")
    assert customer.session(session_id)["status"] == "live"
    assert Counter(customer.events(session_id))["SessionStarted"] == 1
    ends = [partial(side.act, session_id, "end") for side in (mechanic, customer)]
    for each in at_once(ends * 5):
        assert answer(each)["status"] == "completed"
    assert Counter(customer.events(session_id))["SessionCompleted"] == 1
    assert mechanic.load() == 0
