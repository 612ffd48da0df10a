"""The bad minutes over HTTP: who is asked and does not answer, who leaves, who never comes."""

import pytest

from tests.e2e.people import Person, Town, answer, pointers, refused


def _prefers(town: Town, mechanic: Person, **fields: object) -> tuple[Person, str]:
    """A customer who has booked with this mechanic, and everybody told."""
    customer = town.customer()
    return customer, town.seek(customer, preferred_mechanic_id=mechanic.id, **fields)


def _outcome(customer: Person, session_id: str) -> str:
    return str(customer.session(session_id)["preferred"]["outcome"])


# The preferred mechanic


def test_the_preferred_mechanic_is_asked_alone_and_accepts(town: Town) -> None:
    preferred, *others = town.mechanics({"rating": 1.0}, {"rating": 5.0}, {"rating": 4.9})
    customer, session_id = _prefers(town, preferred)
    offer = preferred.offer(session_id)
    assert (offer["priority"], offer["metadata"]["match_type"]) == ("high", "targeted")
    assert 100 < offer["expires_in_s"] <= 120
    for other in others:
        assert other.queue()["total"] == 0, "the broadcast is held"
    assert _outcome(customer, session_id) == "offered"
    answer(preferred.accept(offer))
    assert _outcome(customer, session_id) == "accepted"


def test_the_preferred_mechanic_declines_and_the_others_are_asked_at_once(town: Town) -> None:
    preferred, *others = town.mechanics({}, {"rating": 5.0}, {"rating": 4.9})
    customer, session_id = _prefers(town, preferred)
    answer(preferred.decline(preferred.offer(session_id)))
    town.stack.drain()
    assert _outcome(customer, session_id) == "declined"
    assert all(other.was_asked(session_id) for other in others)
    assert not preferred.was_asked(session_id)
    answer(others[1].accept(others[1].offer(session_id)))


def test_the_preferred_mechanic_sleeps_for_two_minutes(town: Town) -> None:
    preferred, other = town.mechanics({}, {"rating": 5.0})
    customer, session_id = _prefers(town, preferred)
    town.stack.advance(110)
    assert not other.was_asked(session_id)
    town.stack.advance(10)
    assert _outcome(customer, session_id) == "expired"
    assert other.was_asked(session_id)
    assert preferred.broadcast(session_id)["badge"] == "general", "after a miss it is there to take"
    assert "PreferredPassedOver" in customer.events(session_id)


def test_the_preferred_mechanic_clocks_out(town: Town) -> None:
    preferred, other = town.mechanics({}, {})
    customer, session_id = _prefers(town, preferred)
    answer(preferred.clock("clock_out"))
    town.stack.drain()
    assert _outcome(customer, session_id) == "clocked_out"
    assert other.was_asked(session_id)


@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        ({"currently_on_shift": False}, "off_shift"),
        ({"brand_specializations": []}, "not_eligible"),
        ({"profile_completion": 79}, "not_eligible"),
    ],
)
def test_who_cannot_be_asked_is_passed_over_and_the_customer_told_why(
    town: Town, record: dict[str, object], outcome: str
) -> None:
    preferred, other = town.mechanics(record, {})
    customer, session_id = _prefers(town, preferred)
    assert _outcome(customer, session_id) == outcome
    assert other.was_asked(session_id)
    (told,) = [f for f in customer.timeline(session_id) if f["type"] == "PreferredPassedOver"]
    assert told["detail"]["outcome"] == outcome


def test_who_is_busy_is_passed_over(town: Town) -> None:
    preferred, other = town.mechanics({"rating": 5.0}, {})
    first = town.seek(town.customer())
    answer(preferred.accept(preferred.offer(first)))
    customer, session_id = _prefers(town, preferred)
    assert _outcome(customer, session_id) == "at_capacity"
    assert other.was_asked(session_id)


def test_a_mechanic_whom_nobody_knows_cannot_be_preferred(town: Town) -> None:
    body = town.intake(preferred_mechanic_id="nobody-of-this-name")
    assert pointers(town.customer().post("/intake/start", body)) == ["/preferred_mechanic_id"]


def test_a_held_broadcast_is_nobody_elses_to_take(town: Town) -> None:
    preferred, other = town.mechanics({}, {})
    _, session_id = _prefers(town, preferred)
    town.stack.advance(120)
    row = preferred.broadcast(session_id)
    customer, held = _prefers(town, preferred)
    assert other.queue()["unassigned"] == []
    answer(customer.act(held, "cancel"))
    answer(preferred.accept(row))


# Passing on


def test_an_offer_goes_from_one_to_the_next_through_ten_mechanics(town: Town) -> None:
    """Three are asked at a time; every decline asks the next best, and nobody is asked twice."""
    crowd = town.mechanics(*({"rating": 5 - number / 10} for number in range(10)))
    customer = town.customer()
    session_id = town.seek(customer)
    for number, mechanic in enumerate(crowd):
        asked = [each.was_asked(session_id) for each in crowd]
        assert asked == [number <= each < number + 3 for each in range(10)]
        answer(mechanic.decline(mechanic.offer(session_id)))
        town.stack.drain()
    assert not any(each.was_asked(session_id) for each in crowd)
    assert customer.session(session_id)["options"] == [], "they are there, and do not want it"


def test_whoever_takes_another_session_passes_their_offer_on(town: Town) -> None:
    *asked, next_best = town.mechanics({"rating": 4.9}, {"rating": 4.8}, {"rating": 4.7}, {})
    first, second = town.seek(town.customer()), town.seek(town.customer())
    assert not next_best.was_asked(second)
    answer(asked[0].accept(asked[0].offer(first)))
    town.stack.drain()
    assert next_best.was_asked(second)
    assert [row["session_id"] for row in asked[0].queue()["mine"]] == [first]


def test_whoever_clocks_out_passes_their_offer_on(town: Town) -> None:
    *asked, next_best = town.mechanics({"rating": 4.9}, {"rating": 4.8}, {"rating": 4.7}, {})
    session_id = town.seek(town.customer())
    answer(asked[1].clock("clock_out"))
    town.stack.drain()
    assert next_best.was_asked(session_id)


def test_a_mechanic_who_clocks_in_is_offered_the_oldest_session_that_waits(town: Town) -> None:
    mechanic = town.mechanic(currently_on_shift=False)
    customers = [town.customer(), town.customer()]
    oldest, newest = (town.seek(customer) for customer in customers)
    assert customers[0].session(oldest)["options"] == [
        "schedule",
        "browse_offline",
        "join_waitlist",
    ]
    answer(mechanic.clock("clock_in"))
    town.stack.drain()
    assert mechanic.was_asked(oldest)
    assert not mechanic.was_asked(newest)
    assert customers[0].session(oldest)["options"] == []


# Nobody waits for who does not come


def _waiting(town: Town, mechanic: Person) -> tuple[Person, str]:
    customer = town.customer()
    session_id = town.seek(customer)
    answer(mechanic.accept(mechanic.offer(session_id)))
    town.stack.drain()
    return customer, session_id


def test_a_mechanic_who_does_not_join_loses_the_session(town: Town) -> None:
    best, other = town.mechanics({"rating": 5.0}, {"rating": 4.0})
    customer, session_id = _waiting(town, best)
    answer(customer.act(session_id, "join"))
    town.stack.advance(290)
    assert customer.session(session_id)["status"] == "waiting"
    town.stack.advance(10)
    assert customer.session(session_id)["status"] == "pending"
    assert best.load() == 0
    refused(best.act(session_id, "join"), 404)
    assert best.queue()["total"] == 0, "nor may they take it again"
    broadcast = other.broadcast(session_id)
    refused(best.accept(broadcast), 409, "not_eligible")
    answer(other.accept(broadcast))
    assert customer.session(session_id)["next"] == "join", "the customer comes anew"


def test_a_customer_who_does_not_come_has_missed_it(town: Town) -> None:
    mechanic = town.mechanic()
    customer, session_id = _waiting(town, mechanic)
    town.stack.advance(200)
    answer(mechanic.act(session_id, "join"))
    town.stack.drain()
    town.stack.advance(590)
    assert customer.session(session_id)["status"] == "waiting"
    town.stack.advance(10)
    session = customer.session(session_id)
    assert (session["status"], session["refund"]["percent"]) == ("no_show", 0)
    assert mechanic.load() == 0
    refused(customer.act(session_id, "join"), 409, "illegal_move")
    answer(customer.post("/intake/start", town.intake()), 201)


def test_whom_nobody_takes_in_half_an_hour_has_three_ways_on(town: Town) -> None:
    mechanic = town.mechanic(currently_on_shift=False)
    customer = town.customer()
    session_id = town.seek(customer)
    town.stack.advance(30 * 60 - 10)
    assert customer.session(session_id)["status"] == "pending"
    town.stack.advance(10)
    session = customer.session(session_id)
    assert (session["status"], session["refund"]["percent"]) == ("unfilled", 100)
    assert session["options"] == ["schedule", "browse_offline", "join_waitlist"]
    answer(mechanic.clock("clock_in"))
    town.stack.drain()
    assert mechanic.queue()["total"] == 0
    answer(customer.post("/intake/start", town.intake()), 201)


# Shifts


def test_who_misses_three_offers_in_a_row_is_clocked_out(town: Town) -> None:
    mechanic = town.mechanic()
    for _ in range(3):
        customer = town.customer()
        session_id = town.seek(customer)
        assert mechanic.was_asked(session_id)
        town.stack.advance(300)
        answer(customer.act(session_id, "cancel"))
        town.stack.drain()
    assert not answer(mechanic.get("/mechanic/clock"))["currently_on_shift"]
    (shift,) = answer(mechanic.get("/mechanic/shifts"))["items"]
    assert (shift["cause"], shift["statistics"]["offers_missed"]) == ("three_misses", 3)


def test_a_shift_that_is_to_finish_closes_with_the_session_in_hand(town: Town) -> None:
    mechanic = town.mechanic()
    customer, session_id = _waiting(town, mechanic)
    refused(mechanic.clock("clock_out"), 409, "has_load")
    finish = {"action": "clock_out", "finish_then_clock_out": True}
    state = answer(mechanic.post("/mechanic/clock", finish))
    assert (state["currently_on_shift"], state["closing"]) == (True, True)
    town.stack.drain()
    other = town.seek(town.customer())
    assert not mechanic.was_asked(other)
    refused(mechanic.accept(mechanic.broadcast(other)), 409, "at_capacity")
    for side in (mechanic, customer):
        answer(side.act(session_id, "join"))
    town.stack.advance(600)
    answer(customer.act(session_id, "end"))
    town.stack.drain()
    assert not answer(mechanic.get("/mechanic/clock"))["currently_on_shift"]
    (shift,) = answer(mechanic.get("/mechanic/shifts"))["items"]
    assert (shift["cause"], shift["minutes"]) == ("finished", 10)
    assert shift["statistics"] == {
        "offers_received": 1,
        "offers_accepted": 1,
        "offers_declined": 0,
        "offers_missed": 0,
        "micro_sessions": 1,
        "full_sessions": 0,
    }


def test_a_shift_ends_by_itself_after_twelve_hours(town: Town) -> None:
    mechanic = town.mechanic()
    town.stack.advance(12 * 3600)
    (shift,) = answer(mechanic.get("/mechanic/shifts"))["items"]
    assert (shift["cause"], shift["minutes"]) == ("twelve_hours", 720)
