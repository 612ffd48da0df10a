"""What happens when people do not do what they were asked to: fallbacks, deadlines, the clock.

Deadlines are approached in two steps, since real time passes too: well before, then past.
"""

import pytest

from dispatch.core.time import parse_time
from tests.e2e.people import SIGNATURE, Person, Town, answer, refused

MINUTE = 60


def _with_device(person: Person) -> Person:
    device = {"platform": "fcm", "token": f"token-of-{person.id}"}
    answer(person.call("PUT", "/devices/phone", device))
    return person


def _live_session(town: Town, customer: Person, mechanic: Person) -> str:
    session_id = town.seek(customer)
    answer(mechanic.accept(mechanic.offer(session_id)))
    answer(mechanic.act(session_id, "join"))
    answer(customer.act(session_id, "join"))
    return session_id


# Nobody answers


def test_offers_nobody_answers_fall_back_to_the_broadcast(town: Town) -> None:
    busy = _with_device(town.mechanic())
    _live_session(town, town.customer(), busy)
    *asked, free, off = (
        _with_device(person)
        for person in town.mechanics(
            {"rating": 4.9},
            {"rating": 4.8},
            {"rating": 4.7},
            {},
            {"rating": 5.0, "currently_on_shift": False},
        )
    )
    customer = town.customer()
    session_id = town.seek(customer)
    offer = asked[0].offer(session_id)

    town.stack.advance(3 * MINUTE)
    assert all(mechanic.was_asked(session_id) for mechanic in asked)
    assert not any(town.pushes(mechanic, "broadcast_announced") for mechanic in asked)

    town.stack.advance(2 * MINUTE)
    assert customer.events(session_id)[-2:] == ["OffersExpired", "BroadcastAnnounced"]
    told = {
        mechanic.id: len(town.pushes(mechanic, "broadcast_announced"))
        for mechanic in (*asked, free, busy, off)
    }
    assert told == {mechanic.id: 1 for mechanic in (*asked, free)} | {busy.id: 0, off.id: 0}
    refused(asked[0].accept(offer), 409, "expired")
    for mechanic in (*asked, free):
        assert mechanic.queue()["mine"] == []

    row = free.broadcast(session_id)
    assert (row["status"], row["badge"], row["priority"]) == ("queued", "general", "normal")
    assert (row["match_score"], row["match_reasons"], row["mechanic_id"]) == (None, None, None)
    assert (row["expires_at"], row["expires_in_s"]) == (None, None)
    assert row["metadata"] == {
        "match_type": "broadcast",
        "reason": None,
        "is_brand_specialist": False,
        "is_local_match": False,
    }
    assert off.queue()["unassigned"] == []
    assert asked[0].broadcast(session_id)["id"] == row["id"]  # a miss hides nothing

    refused(off.accept(row), 409, "off_shift")
    refused(busy.accept(row), 409, "at_capacity")
    assert answer(free.accept(row))["mechanic"]["id"] == free.id
    refused(asked[0].accept(row), 409, "taken")
    (mine,) = free.queue()["mine"]
    assert (mine["id"], mine["status"], mine["badge"]) == (row["id"], "accepted", "general")
    assert asked[0].queue()["unassigned"] == []
    assert (free.load(), asked[0].load()) == (1, 0)


def test_with_nobody_free_the_broadcast_waits_for_whoever_clocks_in(town: Town) -> None:
    mechanic = town.mechanic(currently_on_shift=False)
    customer = town.customer()
    session_id = town.seek(customer)
    assert customer.session(session_id)["status"] == "pending"
    assert mechanic.queue()["unassigned"] == []
    answer(mechanic.clock("clock_in"))
    assert answer(mechanic.accept(mechanic.broadcast(session_id)))["status"] == "waiting"


def test_only_the_eligible_see_or_take_a_broadcast(town: Town) -> None:
    specialist = town.mechanic(currently_on_shift=False)
    stranger = town.mechanic(brand_specializations=[])
    unapproved = town.mechanic(status="suspended")
    session_id = town.seek(town.customer())
    for mechanic in (stranger, unapproved):
        assert mechanic.queue()["total"] == 0
    answer(specialist.clock("clock_in"))
    row = specialist.broadcast(session_id)
    for mechanic in (stranger, unapproved):
        refused(mechanic.accept(row), 409, "not_eligible")


# Declining and releasing


def test_when_all_but_one_have_declined_and_that_one_sleeps_they_are_told_again(
    town: Town,
) -> None:
    mechanics = town.mechanics({"rating": 4.9}, {"rating": 4.8}, {"rating": 4.7}, {})
    *asked, free = (_with_device(person) for person in mechanics)
    customer = town.customer()
    session_id = town.seek(customer)
    for mechanic in asked:
        assert answer(mechanic.decline(mechanic.offer(session_id)))["status"] == "pending"
        town.stack.drain()
        assert free.was_asked(session_id), "the first decline passes the offer on"
    town.stack.advance(300)
    assert customer.events(session_id)[-1] == "BroadcastAnnounced"
    assert len(town.pushes(free, "broadcast_announced")) == 1
    for mechanic in asked:
        assert mechanic.queue()["total"] == 0
        assert town.pushes(mechanic, "broadcast_announced") == []
    answer(free.accept(free.broadcast(session_id)))


def test_declined_is_over_for_the_one_who_declined(town: Town) -> None:
    mechanic = town.mechanic()
    session_id = town.seek(town.customer())
    offer = mechanic.offer(session_id)
    answer(mechanic.decline(offer))
    answer(mechanic.decline(offer))  # twice is once
    refused(mechanic.accept(offer), 409, "expired")


def test_a_released_session_goes_to_who_was_not_asked_yet(town: Town) -> None:
    first, *others, fourth = town.mechanics({"rating": 4.9}, {"rating": 4.8}, {"rating": 4.7}, {})
    _with_device(fourth)
    customer = _with_device(town.customer())
    session_id = town.seek(customer)
    row = first.offer(session_id)
    answer(first.accept(row))
    answer(first.act(session_id, "join"))

    assert answer(first.release(row))["status"] == "pending"
    town.stack.drain()
    assert (first.load(), first.queue()["total"]) == (0, 0)
    assert len(town.pushes(customer, "offer_released")) == 1
    again = customer.session(session_id)
    assert (again["status"], again["mechanic"], again["mechanic_joined_at"]) == (
        "pending",
        None,
        None,
    )
    assert not any(mechanic.was_asked(session_id) for mechanic in others)
    assert len(town.pushes(fourth, "offer_made")) == 1
    refused(first.accept(others[0].broadcast(session_id)), 409, "not_eligible")
    refused(first.accept(row), 409, "expired")

    assert answer(fourth.accept(fourth.offer(session_id)))["mechanic"]["id"] == fourth.id
    answer(customer.act(session_id, "join"))
    live = answer(fourth.act(session_id, "join"))
    assert live["status"] == "live"
    refused(fourth.release(fourth.offer(session_id)), 409, "illegal_move")
    assert customer.events(session_id).count("OfferReleased") == 1


def test_with_nobody_left_to_ask_a_released_session_is_open_to_all_but_one(town: Town) -> None:
    first, second = town.mechanics({"rating": 4.9}, {"rating": 4.8})
    _with_device(second)
    session_id = town.seek(town.customer())
    row = first.offer(session_id)
    answer(first.accept(row))
    answer(first.release(row))
    town.stack.drain()
    assert len(town.pushes(second, "broadcast_announced")) == 1
    assert first.queue()["unassigned"] == []
    answer(second.accept(second.broadcast(session_id)))


# Sessions that end by themselves


def test_a_booking_never_signed_closes_itself_after_half_an_hour(town: Town) -> None:
    customer = _with_device(town.customer())
    session_id = town.book(customer)
    town.stack.advance(27 * MINUTE)
    assert customer.session(session_id)["status"] == "awaiting_waiver"
    town.stack.advance(4 * MINUTE)  # half an hour off a timer rings to the minute
    closed = customer.session(session_id)
    assert (closed["status"], closed["ended_by"]) == ("cancelled", "timer")
    assert closed["end_reason"] == "not_signed_in_time"
    assert closed["refund"]["percent"] == 100
    assert customer.events(session_id) == ["SessionBooked", "SessionCancelled"]
    assert len(town.pushes(customer, "session_cancelled")) == 1
    refused(customer.act(session_id, "waiver", SIGNATURE), 409, "illegal_move")
    town.book(customer)


def test_a_live_session_completes_itself_ten_minutes_past_its_plan(town: Town) -> None:
    customer, mechanic = _with_device(town.customer()), _with_device(town.mechanic())
    session_id = _live_session(town, customer, mechanic)
    town.stack.advance(22 * MINUTE)
    assert customer.session(session_id)["status"] == "live"
    town.stack.advance(4 * MINUTE)  # so far off a timer rings to the minute
    ended = customer.session(session_id)
    assert (ended["status"], ended["ended_by"]) == ("completed", "timer")
    assert ended["ended_at"] == ended["ends_by"]
    assert (mechanic.load(), mechanic.queue()["total"]) == (0, 0)
    for side in (customer, mechanic):
        assert len(town.pushes(side, "session_completed")) == 1
    assert town.seek(customer)
    assert mechanic.queue()["mine"]


# The clock


def test_a_shift_from_clock_in_to_clock_out(town: Town) -> None:
    mechanic = town.mechanic(currently_on_shift=False)
    refused(mechanic.clock("clock_out"), 409, "not_clocked_in")
    body = {"action": "clock_in", "location": "Bay 3", "notes": "early"}
    began = answer(mechanic.post("/mechanic/clock", body))
    assert began["currently_on_shift"] is True
    twice = refused(mechanic.clock("clock_in"), 409, "already_clocked_in")
    assert twice["clocked_in_at"] == began["clocked_in_at"]
    assert answer(mechanic.get("/mechanic/clock")) == began

    town.stack.advance(90 * MINUTE)
    ended = answer(mechanic.post("/mechanic/clock", {"action": "clock_out"}))
    assert (ended["currently_on_shift"], ended["clocked_in_at"]) == (False, None)
    shift = ended["shift"]
    assert (shift["location"], shift["notes"], shift["minutes"]) == ("Bay 3", "early", 90)
    assert parse_time(shift["ended_at"]) > parse_time(shift["started_at"])
    refused(mechanic.clock("clock_out"), 409, "not_clocked_in")
    assert answer(mechanic.get("/mechanic/shifts"))["items"] == [shift]


def test_past_shifts_are_listed_newest_first_the_open_one_is_the_clocks(town: Town) -> None:
    mechanic = town.mechanic()
    for action in ("clock_out", "clock_in", "clock_out", "clock_in", "clock_out", "clock_in"):
        answer(mechanic.clock(action))
    page = answer(mechanic.get("/mechanic/shifts?limit=2"))
    rest = answer(mechanic.get(f"/mechanic/shifts?limit=2&cursor={page['next_cursor']}"))
    assert [len(page["items"]), len(rest["items"])] == [2, 1]
    past = page["items"] + rest["items"]
    began = [shift["started_at"] for shift in past]
    assert began == sorted(began, reverse=True)
    assert all(shift["ended_at"] for shift in past)


@pytest.mark.parametrize("joined", [False, True])
def test_with_a_session_in_hand_nobody_clocks_out(town: Town, joined: bool) -> None:
    mechanic, customer = town.mechanic(), town.customer()
    session_id = town.seek(customer)
    answer(mechanic.accept(mechanic.offer(session_id)))
    if joined:
        answer(mechanic.act(session_id, "join"))
        answer(customer.act(session_id, "join"))
    refused(mechanic.clock("clock_out"), 409, "has_load")
    answer(customer.act(session_id, "end" if joined else "cancel"))
    answer(mechanic.clock("clock_out"))


def test_who_has_no_profile_does_not_clock_in(town: Town) -> None:
    nobody = town.person("mechanic")
    refused(nobody.get("/mechanic/clock"), 404)
    refused(nobody.clock("clock_in"), 404)
    assert nobody.queue()["total"] == 0
