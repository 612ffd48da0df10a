"""``Idempotency-Key``: a repeat gets the answer that the first call committed, for 24 hours."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.e2e.people import SIGNATURE, Person, Town, answer, refused

DAY = 24 * 3600


def _key() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Call:
    """A call that takes a key, another body for it, and what changes the state afterwards."""

    who: Person
    path: str
    body: Any
    other_body: Any
    move_on: Callable[[], httpx.Response]

    def make(self, key: str) -> httpx.Response:
        return self.who.post(self.path, self.body, key=key)

    def make_with_another_body(self, key: str) -> httpx.Response:
        return self.who.post(self.path, self.other_body, key=key)


def _booking(town: Town) -> Call:
    customer = town.customer()

    def cancel() -> httpx.Response:
        (session,) = answer(customer.get("/sessions"))["items"]
        return customer.act(session["id"], "cancel")

    body, other = town.intake(), town.intake(concern="It does not start")
    return Call(customer, "/intake/start", body, other, cancel)


def _waiver(town: Town) -> Call:
    customer = town.customer()
    session_id = town.book(customer)
    other = SIGNATURE | {"full_name": "Somebody Else"}
    path = f"/sessions/{session_id}/waiver"
    return Call(customer, path, SIGNATURE, other, lambda: customer.act(session_id, "cancel"))


def _answer_to_offer(move: str, body: Any, other_body: Any) -> Callable[[Town], Call]:
    def call(town: Town) -> Call:
        mechanic, customer = town.mechanic(), town.customer()
        session_id = town.seek(customer)
        row = mechanic.offer(session_id)
        if move == "release":
            answer(mechanic.accept(row))
        path = f"/mechanic/assignments/{row['id']}/{move}"
        return Call(mechanic, path, body, other_body, lambda: customer.act(session_id, "cancel"))

    return call


def _join(town: Town) -> Call:
    mechanic, customer, session_id = _waiting(town)
    path = f"/sessions/{session_id}/join"
    return Call(mechanic, path, None, {}, lambda: customer.act(session_id, "join"))


def _end(town: Town) -> Call:
    mechanic, customer, session_id = _waiting(town)
    for side in (mechanic, customer):
        answer(side.act(session_id, "join"))
    path = f"/sessions/{session_id}/end"
    return Call(customer, path, None, {}, lambda: _book_anew(town, customer))


def _cancel(town: Town) -> Call:
    customer = town.customer()
    path = f"/sessions/{town.seek(customer)}/cancel"
    body, other = {"reason": "fixed it"}, {"reason": "sold it"}
    return Call(customer, path, body, other, lambda: _book_anew(town, customer))


def _clock(town: Town) -> Call:
    mechanic = town.mechanic(currently_on_shift=False)
    body, other = {"action": "clock_in"}, {"action": "clock_in", "notes": "late"}
    return Call(mechanic, "/mechanic/clock", body, other, lambda: mechanic.clock("clock_out"))


def _waiting(town: Town) -> tuple[Person, Person, str]:
    mechanic, customer = town.mechanic(), town.customer()
    session_id = town.seek(customer)
    answer(mechanic.accept(mechanic.offer(session_id)))
    return mechanic, customer, session_id


def _book_anew(town: Town, customer: Person) -> httpx.Response:
    return customer.post("/intake/start", town.intake())


CALLS = {
    "book": _booking,
    "sign": _waiver,
    "accept": _answer_to_offer("accept", None, {}),
    "decline": _answer_to_offer("decline", {"reason": "busy"}, {"reason": "price"}),
    "release": _answer_to_offer("release", {"reason": "ill"}, {"reason": "power cut"}),
    "join": _join,
    "end": _end,
    "cancel": _cancel,
    "clock in": _clock,
}


@pytest.mark.parametrize("name", CALLS)
def test_the_first_answer_is_repeated_though_the_state_has_moved_on(town: Town, name: str) -> None:
    call, key = CALLS[name](town), _key()
    first = call.make(key)
    assert first.is_success, first.text
    assert call.move_on().is_success
    again = call.make(key)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    refused(call.make_with_another_body(key), 409, "idempotency_mismatch")


def test_a_key_is_its_callers(town: Town) -> None:
    key, body = _key(), town.intake()
    sessions = {
        answer(town.customer().post("/intake/start", body, key=key), 201)["session_id"]
        for _ in range(2)
    }
    assert len(sessions) == 2


def test_a_key_is_its_routes(town: Town) -> None:
    customer, key = town.customer(), _key()
    booked = answer(customer.post("/intake/start", town.intake(), key=key), 201)
    signed = answer(customer.act(booked["session_id"], "waiver", SIGNATURE, key=key))
    assert signed["status"] == "pending"
    assert answer(customer.act(booked["session_id"], "cancel", key=key))["status"] == "cancelled"


def test_another_key_is_another_call(town: Town) -> None:
    customer = town.customer()
    first = answer(customer.post("/intake/start", town.intake(), key=_key()), 201)
    problem = refused(
        customer.post("/intake/start", town.intake(), key=_key()), 409, "active_session"
    )
    assert problem["session_id"] == first["session_id"]


def test_a_refusal_is_not_kept(town: Town) -> None:
    mechanic, key = town.mechanic(currently_on_shift=False), _key()
    refused(mechanic.clock("clock_out", key=key), 409, "not_clocked_in")
    answer(mechanic.clock("clock_in"))
    assert answer(mechanic.clock("clock_out", key=key))["currently_on_shift"] is False


def test_a_wrong_body_is_not_kept(town: Town) -> None:
    customer, key = town.customer(), _key()
    refused(customer.post("/intake/start", town.intake(plan=7), key=key), 422)
    answer(customer.post("/intake/start", town.intake(), key=key), 201)


@pytest.mark.long  # told in a second by tests/integration/test_idempotency.py
def test_after_24_hours_a_key_is_new(town: Town) -> None:
    customer, key, body = town.customer(), _key(), town.intake()
    first = answer(customer.post("/intake/start", body, key=key), 201)
    town.stack.advance(DAY + 1)
    second = answer(customer.post("/intake/start", body, key=key), 201)
    assert second["session_id"] != first["session_id"]
    assert answer(customer.post("/intake/start", body, key=key), 201) == second


def test_twins_at_once_are_one_booking(town: Town) -> None:
    customer, key, body = town.customer(), _key(), town.intake()
    with ThreadPoolExecutor(10) as pool:
        calls = [pool.submit(customer.post, "/intake/start", body, key=key) for _ in range(10)]
    answers = [answer(call.result(), 201) for call in calls]
    assert all(each == answers[0] for each in answers)
    (session,) = answer(customer.get("/sessions"))["items"]
    assert session["id"] == answers[0]["session_id"]


def test_twins_with_different_bodies_are_one_booking_and_a_mismatch(town: Town) -> None:
    customer, key = town.customer(), _key()
    bodies = [town.intake(concern=f"It rattles, try {number}") for number in range(5)]
    with ThreadPoolExecutor(5) as pool:
        calls = [pool.submit(customer.post, "/intake/start", body, key=key) for body in bodies]
    answers = [call.result() for call in calls]
    assert [each.status_code for each in answers].count(201) == 1
    for each in answers:
        if each.status_code != 201:
            refused(each, 409, "idempotency_mismatch")
