"""The waitlist: who is told of what is free, when, and what becomes of them.

Facts of free capacity are handed over as ``offers`` records them, without the rest of the backend,
so that a test says itself what is free and when.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from dispatch.core import aws
from dispatch.core.due import overdue
from dispatch.core.errors import Invalid, NotFound
from dispatch.core.events import Event, EventType
from dispatch.core.idempotency import AlreadyAnswered, Once
from dispatch.core.ids import new_id
from dispatch.core.logging import metrics
from dispatch.core.table import Key, Transaction
from dispatch.core.table import get as get_item
from dispatch.core.time import format_time, parse_time
from dispatch.customers import service as customers
from dispatch.customers.model import Location
from dispatch.policy import service as policies
from dispatch.policy import store as policy_items
from dispatch.policy.model import Policy
from dispatch.sessions import service as sessions
from dispatch.shifts import service as shifts
from dispatch.waitlist import service as waitlist
from dispatch.waitlist.model import EntryStatus, Target, Wish
from dispatch.waitlist.service import Listed
from tests.world import World, an_intake

ANYBODY = Wish(Target.ANY)
ADA = Wish(Target.MECHANIC, mechanic_id="ada")
HONDA = Wish(Target.BRAND, brand="Honda")
NO_SUCH_ID = "01K00000000000000000000W01"


def in_canada(*customer_ids: str) -> None:
    for id_ in customer_ids:
        customers.upsert({"id": id_, "country": "Canada"})


def join(world: World, customer_id: str, wish: Wish = ANYBODY) -> Listed:
    """A second passes, so that the next one stands behind."""
    listed = waitlist.join(wish, customer_id, world.now)
    world.clock.advance(seconds=1)
    return listed


def line_up(world: World, *customer_ids: str) -> None:
    """They join for anybody in Canada, one after the other."""
    in_canada(*customer_ids)
    for id_ in customer_ids:
        join(world, id_)


def entries(world: World, customer_id: str) -> list[Listed]:
    return waitlist.entries_of(customer_id, world.now, 100, None).items


def latest(world: World, customer_id: str) -> Listed:
    return entries(world, customer_id)[0]


def status(world: World, customer_id: str) -> EntryStatus:
    return latest(world, customer_id).entry.status


def standing(world: World, *customer_ids: str) -> dict[str, int | str]:
    """Of each customer the place in line, or the status of who does not wait."""
    found = {id_: latest(world, id_) for id_ in customer_ids}
    return {id_: listed.place or str(listed.entry.status) for id_, listed in found.items()}


def capacity(world: World, mechanic_id: str = "ada", room: int = 1) -> dict[str, Any]:
    """The fact that no session waits for what is free at this mechanic's."""
    return {
        "id": new_id(world.now),
        "type": "CapacityLeft",
        "at": format_time(world.now),
        "mechanic_id": mechanic_id,
        "room": room,
    }


def comes_free(world: World, mechanic_id: str = "ada", room: int = 1) -> dict[str, Any]:
    fact = capacity(world, mechanic_id, room)
    waitlist.capacity_left(fact, world.now)
    return fact


def told(world: World) -> list[str]:
    """Everybody who was told, in turn."""
    return [fact["customer_id"] for fact in world.facts("WaitlistTold")]


def ring(world: World) -> None:
    """Let every ring ring that is due, and those that have rung before, in the facts' order."""
    for fact in world.facts("WaitlistJoined", "WaitlistTold"):
        due_at = parse_time(fact.get("claim_until") or fact["expires_at"])
        if due_at <= world.now:
            waitlist.settle(fact["customer_id"], fact["entry_id"], world.now)


def five_minutes_later(world: World) -> None:
    world.clock.advance(minutes=5)
    ring(world)


def ended(world: World, customer_id: str) -> list[str]:
    facts = world.facts("WaitlistEnded")
    return [fact["outcome"] for fact in facts if fact["customer_id"] == customer_id]


def accepted(world: World, customer_id: str) -> dict[str, Any]:
    return {
        "id": new_id(world.now),
        "type": "OfferAccepted",
        "at": format_time(world.now),
        "session_id": NO_SUCH_ID,
        "customer_id": customer_id,
        "mechanic_id": "bob",
    }


def under(policy: Policy) -> None:
    """From the very first policy on; nothing must have been read yet."""
    policy_items.add_first(policy)
    policies.forget()


# Joining


def test_who_joins_waits_at_the_back_for_24_hours(world: World) -> None:
    in_canada("jo", "kim")
    first = waitlist.join(ANYBODY, "jo", world.now)
    second = waitlist.join(ANYBODY, "kim", world.clock.advance(minutes=1))
    assert (first.entry.status, first.place, first.sleeping) == (EntryStatus.WAITING, 1, False)
    assert second.place == 2
    assert first.entry.expires_at - first.entry.joined_at == timedelta(hours=24)
    fact = world.facts("WaitlistJoined")[0]
    assert fact["entry_id"] == first.entry.id
    assert fact["customer_id"] == "jo"
    assert fact["expires_at"] == "2026-07-02T12:00:00.000Z"
    assert "session_id" not in fact


def test_joining_again_keeps_entry_and_place(world: World) -> None:
    line_up(world, "jo", "kim")
    again = join(world, "jo")
    assert (again.entry, again.place) == (latest(world, "jo").entry, 1)
    assert len(world.facts("WaitlistJoined")) == 2


def test_joining_again_while_told_shows_the_turn(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo")
    comes_free(world)
    again = join(world, "jo")
    assert (again.entry.status, again.place) == (EntryStatus.TOLD, None)
    assert again.entry.turn is not None


def test_each_target_is_an_entry_of_its_own_and_a_line_of_its_own(world: World) -> None:
    world.mechanic("ada", on_shift=False)
    in_canada("jo", "kim")
    for customer_id in ("jo", "kim"):
        for wish in (ANYBODY, ADA, HONDA):
            join(world, customer_id, wish)
    assert [listed.place for listed in entries(world, "jo")] == [1, 1, 1]
    assert [listed.place for listed in entries(world, "kim")] == [2, 2, 2]


def test_who_left_and_joins_again_stands_at_the_back_under_a_new_id(world: World) -> None:
    line_up(world, "jo", "kim")
    before = latest(world, "jo").entry
    waitlist.leave(before.id, "jo", world.now)
    again = join(world, "jo")
    assert again.entry.id != before.id
    assert standing(world, "jo", "kim") == {"jo": 2, "kim": 1}
    assert len(entries(world, "jo")) == 1


def test_who_joins_again_after_24_hours_without_a_ring_waits_anew(world: World) -> None:
    line_up(world, "jo")
    before = latest(world, "jo").entry
    world.clock.advance(hours=24)
    again = join(world, "jo")
    assert again.entry.id != before.id
    assert (again.entry.status, again.place) == (EntryStatus.WAITING, 1)
    assert ended(world, "jo") == ["expired"]
    assert again.entry.expires_at - again.entry.joined_at == timedelta(hours=24)


def test_two_joins_at_once_are_one_entry(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    in_canada("jo")
    policies.current(world.now)
    meanwhile(monkeypatch, lambda: waitlist.join(ANYBODY, "jo", world.now))
    joined = waitlist.join(ANYBODY, "jo", world.now)
    assert [listed.entry.id for listed in entries(world, "jo")] == [joined.entry.id]
    assert len(world.facts("WaitlistJoined")) == 1


@pytest.mark.parametrize("fields", [{"status": "suspended"}, {"status": "pending"}])
def test_a_mechanic_whom_others_cannot_see_cannot_be_waited_for(
    world: World, fields: dict[str, str]
) -> None:
    world.mechanic("ada", on_shift=False, **fields)
    with pytest.raises(Invalid, match="/mechanic_id: There is no such mechanic"):
        join(world, "jo", ADA)
    assert entries(world, "jo") == []


def test_a_mechanic_who_is_not_there_cannot_be_waited_for(world: World) -> None:
    with pytest.raises(Invalid, match="/mechanic_id: There is no such mechanic"):
        join(world, "jo", ADA)


def test_nobody_waits_for_themselves(world: World) -> None:
    world.mechanic("ada")
    with pytest.raises(Invalid, match="/mechanic_id"):
        join(world, "ada", ADA)


# Where anybody is waited for


def test_the_country_is_the_profiles(world: World) -> None:
    customers.upsert({"id": "jo", "country": "Iceland"})
    sessions.book_session(an_intake(location=Location("CA")), "jo", world.now)
    assert join(world, "jo").entry.line == "any#IS"


def test_without_a_profile_it_is_that_of_the_last_booking(world: World) -> None:
    for country in ("IS", "CA"):
        session = sessions.book_session(an_intake(location=Location(country)), "jo", world.now)
        sessions.cancel_session(session.id, "jo", None, world.now)
        world.clock.advance(minutes=1)
    assert join(world, "jo").entry.line == "any#CA"


@pytest.mark.parametrize("record", [{"id": "jo"}, {"id": "jo", "city": "Toronto"}])
def test_a_profile_without_a_country_says_nothing(world: World, record: dict[str, str]) -> None:
    customers.upsert(record)
    sessions.book_session(an_intake(location=Location("CA")), "jo", world.now)
    assert join(world, "jo").entry.line == "any#CA"


def test_who_is_nowhere_waits_for_anybody_anywhere(world: World) -> None:
    assert join(world, "jo").entry.line == "any#??"


# Leaving


def test_who_leaves_makes_room_in_line(world: World) -> None:
    line_up(world, "jo", "kim")
    waitlist.leave(latest(world, "jo").entry.id, "jo", world.now)
    assert standing(world, "jo", "kim") == {"jo": "left", "kim": 1}
    assert latest(world, "jo").entry.ended_at == world.now
    assert ended(world, "jo") == ["left"]


def test_leaving_twice_is_leaving_once(world: World) -> None:
    line_up(world, "jo")
    for _ in range(2):
        waitlist.leave(latest(world, "jo").entry.id, "jo", world.now)
    assert ended(world, "jo") == ["left"]


def test_nobody_leaves_for_another(world: World) -> None:
    line_up(world, "jo", "kim")
    for entry_id in (latest(world, "jo").entry.id, NO_SUCH_ID, "", "x" * 5000):
        with pytest.raises(NotFound):
            waitlist.leave(entry_id, "kim", world.now)
    assert standing(world, "jo", "kim") == {"jo": 1, "kim": 2}


def test_who_leaves_by_the_id_of_an_earlier_entry_stays(world: World) -> None:
    line_up(world, "jo")
    before = latest(world, "jo").entry
    waitlist.leave(before.id, "jo", world.now)
    join(world, "jo")
    with pytest.raises(NotFound):
        waitlist.leave(before.id, "jo", world.now)
    assert status(world, "jo") is EntryStatus.WAITING


def test_leaving_what_has_expired_leaves_it_expired(world: World) -> None:
    line_up(world, "jo")
    world.clock.advance(hours=24)
    waitlist.leave(latest(world, "jo").entry.id, "jo", world.now)
    assert status(world, "jo") is EntryStatus.EXPIRED
    assert ended(world, "jo") == ["expired"]


def test_who_leaves_in_their_turn_passes_it_on_at_once(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    comes_free(world)
    world.clock.advance(minutes=1)
    waitlist.leave(latest(world, "jo").entry.id, "jo", world.now)
    assert standing(world, "jo", "kim") == {"jo": "left", "kim": "told"}
    turn = latest(world, "kim").entry.turn
    assert turn is not None
    assert turn.until == world.now + timedelta(minutes=5)


def test_what_was_left_with_nobody_to_pass_it_on_to_is_free_for_the_next_who_comes(
    world: World,
) -> None:
    world.mechanic("ada")
    line_up(world, "jo")
    comes_free(world)
    waitlist.leave(latest(world, "jo").entry.id, "jo", world.now)
    line_up(world, "kim")
    comes_free(world)
    assert told(world) == ["jo", "kim"]


# The list


def test_entries_are_listed_newest_first_page_by_page(world: World) -> None:
    world.mechanic("ada", on_shift=False)
    joined = [join(world, "jo", wish).entry.id for wish in (ANYBODY, ADA, HONDA)]
    waitlist.leave(joined[1], "jo", world.now)
    first = waitlist.entries_of("jo", world.now, 2, None)
    rest = waitlist.entries_of("jo", world.now, 2, first.cursor)
    assert [listed.entry.id for listed in first.items + rest.items] == joined[::-1]
    assert rest.cursor is None
    assert [listed.place for listed in first.items + rest.items] == [1, None, 1]


def test_a_customer_sees_their_own_entries_alone(world: World) -> None:
    line_up(world, "jo", "kim")
    sessions.book_session(an_intake(), "jo", world.now)
    assert len(entries(world, "jo")) == 1
    assert entries(world, "lou") == []


def test_a_cursor_of_another_list_is_refused(world: World) -> None:
    for _ in range(2):
        session = sessions.book_session(an_intake(), "jo", world.now)
        sessions.cancel_session(session.id, "jo", None, world.now)
    cursor = sessions.sessions_of("jo", True, world.now, 1, None).cursor
    with pytest.raises(Invalid, match="/cursor"):
        waitlist.entries_of("jo", world.now, 1, cursor)


def test_what_is_over_is_kept_for_30_days(world: World) -> None:
    line_up(world, "jo")
    key = Key("CUSTOMER#jo", "WAITLIST#any")
    item = get_item(key)
    assert item is not None
    assert "expires_ttl" not in item
    waitlist.leave(latest(world, "jo").entry.id, "jo", world.now)
    item = get_item(key)
    assert item is not None
    assert item["expires_ttl"] == int((world.now + timedelta(days=30)).timestamp())


# Being told


def test_who_waits_longest_is_told_and_has_five_minutes(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    comes_free(world)
    assert standing(world, "jo", "kim") == {"jo": "told", "kim": 1}
    (fact,) = world.facts("WaitlistTold")
    entry = latest(world, "jo").entry
    assert entry.turn is not None
    assert fact["entry_id"] == entry.id
    assert fact["customer_id"] == "jo"
    assert fact["mechanic_id"] == "ada"
    assert fact["claim_until"] == format_time(entry.turn.until)
    assert entry.turn.until == world.now + timedelta(minutes=5)


def test_the_oldest_is_told_whatever_line_they_wait_in(world: World) -> None:
    """Of those in lines that the mechanic serves: the others are passed over."""
    under(Policy(capacity=9))
    world.mechanic("ada", brand_specializations=["hónda"])
    world.mechanic("bob")
    customers.upsert({"id": "reykjavik", "country": "Iceland"})
    in_canada("toronto")
    join(world, "reykjavik")
    join(world, "of-bob", Wish(Target.MECHANIC, mechanic_id="bob"))
    join(world, "kia", Wish(Target.BRAND, brand="Kia"))
    join(world, "honda", HONDA)
    join(world, "toronto")
    join(world, "of-ada", ADA)
    join(world, "nowhere")
    comes_free(world, room=9)
    assert told(world) == ["honda", "toronto", "of-ada", "nowhere"]
    assert standing(world, "reykjavik", "of-bob", "kia") == {"reykjavik": 1, "of-bob": 1, "kia": 1}


def test_a_mechanic_of_unknown_country_is_told_to_who_is_nowhere(world: World) -> None:
    world.mechanic("ada", country=None)
    line_up(world, "toronto")
    join(world, "nowhere")
    comes_free(world)
    assert told(world) == ["nowhere"]


def test_as_many_are_told_as_there_is_room(world: World) -> None:
    under(Policy(capacity=2))
    world.mechanic("ada")
    line_up(world, "jo", "kim", "lou")
    comes_free(world, room=2)
    assert told(world) == ["jo", "kim"]
    assert standing(world, "lou") == {"lou": 1}


def test_no_more_are_told_than_the_fact_says_though_there_were_room(world: World) -> None:
    """The rest of the room is offered to a pending session."""
    under(Policy(capacity=2))
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    comes_free(world, room=1)
    assert told(world) == ["jo"]


def test_no_more_are_told_than_there_is_room_though_the_fact_says_more(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    comes_free(world, room=2)
    assert told(world) == ["jo"]


def test_a_long_line_is_read_past_its_first_page(world: World) -> None:
    world.mechanic("ada")
    many = [f"customer-{n}" for n in range(27)]
    line_up(world, *many)
    for id_ in many[:26]:
        sessions.book_session(an_intake(), id_, world.now)
    assert standing(world, many[-1]) == {many[-1]: 27}
    comes_free(world)
    assert told(world) == many[-1:]


def test_with_nobody_waiting_nobody_is_told(world: World) -> None:
    world.mechanic("ada")
    comes_free(world)
    assert world.facts("WaitlistTold") == []


def test_nobody_is_told_of_themselves(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "ada", "jo")
    comes_free(world)
    assert standing(world, "ada", "jo") == {"ada": 1, "jo": "told"}


def test_nobody_is_told_of_two_at_once(world: World) -> None:
    for id_ in ("ada", "bob"):
        world.mechanic(id_)
    line_up(world, "jo")
    join(world, "jo", ADA)
    join(world, "kim", ADA)
    comes_free(world, "bob")
    comes_free(world, "ada")
    assert told(world) == ["jo", "kim"]
    assert [listed.entry.status for listed in entries(world, "jo")] == ["waiting", "told"]


def test_who_waits_twice_is_told_of_the_next_once_the_turn_is_over(world: World) -> None:
    for id_ in ("ada", "bob"):
        world.mechanic(id_)
    line_up(world, "jo")
    join(world, "jo", ADA)
    comes_free(world, "bob")
    five_minutes_later(world)
    comes_free(world, "ada")
    assert told(world) == ["jo", "jo"]
    assert len({fact["entry_id"] for fact in world.facts("WaitlistTold")}) == 2


# Sleeping


def test_who_has_a_session_sleeps_and_keeps_the_place(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    session = sessions.book_session(an_intake(), "jo", world.now)
    assert latest(world, "jo").sleeping
    comes_free(world)
    assert standing(world, "jo", "kim") == {"jo": 1, "kim": "told"}
    sessions.cancel_session(session.id, "jo", None, world.now)
    assert not latest(world, "jo").sleeping
    five_minutes_later(world)
    assert told(world) == ["kim", "jo"]


def test_who_has_a_session_may_join_and_sleeps_from_the_start(world: World) -> None:
    session = sessions.book_session(an_intake(), "jo", world.now)
    assert join(world, "jo").sleeping
    sessions.cancel_session(session.id, "jo", None, world.now)
    assert not latest(world, "jo").sleeping


def test_a_session_that_is_over_by_its_deadline_lets_nobody_sleep(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo")
    sessions.book_session(an_intake(), "jo", world.now)
    world.clock.advance(minutes=30)
    assert not latest(world, "jo").sleeping
    comes_free(world)
    assert told(world) == ["jo"]


def test_who_is_told_or_gone_does_not_sleep(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo")
    comes_free(world)
    sessions.book_session(an_intake(), "jo", world.now)
    assert (latest(world, "jo").entry.status, latest(world, "jo").sleeping) == ("told", False)
    waitlist.leave(latest(world, "jo").entry.id, "jo", world.now)
    assert (latest(world, "jo").entry.status, latest(world, "jo").sleeping) == ("left", False)


# One at a time


def test_the_same_message_twice_tells_one(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    fact = comes_free(world)
    waitlist.capacity_left(fact, world.now)
    waitlist.capacity_left(fact, world.clock.advance(minutes=4))
    assert told(world) == ["jo"]


def test_a_message_that_comes_again_after_its_turns_tells_nobody(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo")
    fact = comes_free(world)
    five_minutes_later(world)
    waitlist.capacity_left(fact, world.now)
    assert told(world) == ["jo"]
    assert standing(world, "jo") == {"jo": 1}


def test_a_second_fact_of_the_same_room_waits_for_the_turn(world: World) -> None:
    """A mechanic may be looked at twice for one clock-in: what is promised is not free."""
    world.mechanic("ada")
    line_up(world, "jo", "kim", "lou")
    comes_free(world)
    world.clock.advance(seconds=10)
    comes_free(world)
    assert told(world) == ["jo"]
    world.clock.advance(seconds=290)
    ring(world)
    assert told(world) == ["jo", "kim"]


def test_a_fact_that_a_newer_one_has_overtaken_tells_nobody(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    older = capacity(world)
    world.clock.advance(seconds=1)
    comes_free(world)
    waitlist.leave(latest(world, "jo").entry.id, "jo", world.now)
    waitlist.leave(latest(world, "kim").entry.id, "kim", world.now)
    line_up(world, "lou")
    waitlist.capacity_left(older, world.now)
    assert told(world) == ["jo", "kim"]


def test_two_messages_at_once_tell_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    fact = capacity(world)
    meanwhile(monkeypatch, lambda: waitlist.capacity_left(fact, world.now))
    waitlist.capacity_left(fact, world.now)
    assert told(world) == ["jo"]


def test_two_messages_at_once_tell_one_though_they_choose_differently(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first has chosen who then books; the second, meanwhile, who stands behind them."""
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    fact = capacity(world)

    def jo_books_and_the_fact_comes_again() -> None:
        sessions.book_session(an_intake(), "jo", world.now)
        waitlist.capacity_left(fact, world.now)

    meanwhile(monkeypatch, jo_books_and_the_fact_comes_again)
    waitlist.capacity_left(fact, world.now)
    assert told(world) == ["kim"]


def test_two_mechanics_at_once_tell_two(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for id_ in ("ada", "bob"):
        world.mechanic(id_)
    line_up(world, "jo", "kim")
    meanwhile(monkeypatch, lambda: comes_free(world, "bob"))
    comes_free(world, "ada")
    assert sorted(told(world)) == ["jo", "kim"]
    assert standing(world, "jo", "kim") == {"jo": "told", "kim": "told"}


def test_two_mechanics_at_once_do_not_tell_one_who_waits_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for id_ in ("ada", "bob"):
        world.mechanic(id_)
    join(world, "jo", ADA)
    join(world, "jo", Wish(Target.MECHANIC, mechanic_id="bob"))
    meanwhile(monkeypatch, lambda: comes_free(world, "bob"))
    comes_free(world, "ada")
    assert told(world) == ["jo"]


def test_who_leaves_while_they_are_chosen_is_not_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    entry_id = latest(world, "jo").entry.id
    meanwhile(monkeypatch, lambda: waitlist.leave(entry_id, "jo", world.now))
    comes_free(world)
    assert standing(world, "jo", "kim") == {"jo": "left", "kim": "told"}


# From turn to turn


def test_after_five_minutes_the_next_is_told(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim", "lou")
    comes_free(world)
    world.clock.advance(minutes=4, seconds=59)
    ring(world)
    assert told(world) == ["jo"]
    world.clock.advance(seconds=1)
    ring(world)
    assert told(world) == ["jo", "kim"]
    assert standing(world, "lou", "jo") == {"lou": 1, "jo": 2}


def test_an_unclaimed_turn_sends_to_the_back_once_and_then_it_is_over(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    comes_free(world)
    for standing_then in (
        {"jo": 1, "kim": "told"},
        {"jo": "told", "kim": 1},
        {"jo": "expired", "kim": "told"},
        {"jo": "expired", "kim": "expired"},
    ):
        five_minutes_later(world)
        assert standing(world, "jo", "kim") == standing_then
    assert told(world) == ["jo", "kim", "jo", "kim"]
    assert (ended(world, "jo"), ended(world, "kim")) == (["expired"], ["expired"])


def test_who_joined_during_the_turn_is_ahead_of_who_let_it_pass(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo")
    comes_free(world)
    line_up(world, "kim")
    world.clock.advance(minutes=5)
    line_up(world, "lou")
    assert standing(world, "kim", "jo") == {"kim": 1, "jo": 2}
    ring(world)
    assert standing(world, "kim", "jo", "lou") == {"kim": "told", "jo": 1, "lou": 2}


def test_who_waits_alone_is_not_told_of_what_they_have_just_let_pass(world: World) -> None:
    """The next is somebody else. Another capacity is another chance."""
    for id_ in ("ada", "bob"):
        world.mechanic(id_)
    line_up(world, "jo")
    comes_free(world)
    five_minutes_later(world)
    assert standing(world, "jo") == {"jo": 1}
    assert told(world) == ["jo"]
    comes_free(world, "bob")
    assert told(world) == ["jo", "jo"]
    five_minutes_later(world)
    assert standing(world, "jo") == {"jo": "expired"}


def test_the_next_is_somebody_else_though_the_customer_waits_twice(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo")
    join(world, "jo", ADA)
    comes_free(world)
    five_minutes_later(world)
    assert told(world) == ["jo"]
    line_up(world, "kim")
    comes_free(world)
    five_minutes_later(world)
    assert told(world) == ["jo", "jo", "kim"]


def test_once_the_capacity_is_gone_the_line_stops(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    comes_free(world)
    shifts.clock_out("ada", world.now)
    five_minutes_later(world)
    assert told(world) == ["jo"]


def test_when_the_line_stopped_the_next_capacity_starts_it_again(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    comes_free(world)
    shifts.clock_out("ada", world.now)
    five_minutes_later(world)
    shifts.clock_in("ada", world.now)
    comes_free(world)
    five_minutes_later(world)
    assert told(world) == ["jo", "jo", "kim"]


def test_a_turn_that_is_over_does_not_wait_for_its_ring(world: World) -> None:
    """Deadlines count without a ring; the late ring then passes nothing on a second time."""
    world.mechanic("ada")
    line_up(world, "jo", "kim", "lou")
    comes_free(world)
    world.clock.advance(minutes=5)
    assert standing(world, "jo") == {"jo": 3}
    comes_free(world)
    assert told(world) == ["jo", "kim"]
    ring(world)
    assert told(world) == ["jo", "kim"]
    assert standing(world, "kim", "lou", "jo") == {"kim": "told", "lou": 1, "jo": 2}


def test_what_a_fact_has_given_on_a_late_ring_does_not_give_again(world: World) -> None:
    """Though there were room: the rest of it is offered to a pending session."""
    under(Policy(capacity=2))
    world.mechanic("ada")
    line_up(world, "jo", "kim", "lou")
    comes_free(world)
    world.clock.advance(minutes=5)
    comes_free(world)
    ring(world)
    assert told(world) == ["jo", "kim"]
    assert standing(world, "lou", "jo") == {"lou": 1, "jo": 2}


def test_each_unit_goes_from_turn_to_turn_by_itself(world: World) -> None:
    under(Policy(capacity=2))
    world.mechanic("ada")
    line_up(world, "jo", "kim", "lou", "max")
    comes_free(world, room=2)
    five_minutes_later(world)
    assert told(world) == ["jo", "kim", "lou", "max"]


# Claiming


def test_who_books_in_their_turn_keeps_the_place_until_a_mechanic_accepts(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    comes_free(world)
    session = world.book("jo")
    five_minutes_later(world)
    assert standing(world, "jo", "kim") == {"jo": 1, "kim": "told"}
    assert latest(world, "jo").sleeping
    world.accept(world.broadcast(session.id).id, "ada")
    assert world.session(session.id).mechanic_id == "ada"
    assert status(world, "jo") is EntryStatus.CLAIMED
    assert ended(world, "jo") == ["claimed"]


def test_who_loses_the_race_is_told_again_at_their_old_place(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    comes_free(world)
    session = world.book("jo")
    shifts.clock_out("ada", world.now)
    five_minutes_later(world)
    sessions.cancel_session(session.id, "jo", None, world.now)
    assert standing(world, "jo", "kim") == {"jo": 1, "kim": 2}
    shifts.clock_in("ada", world.now)
    comes_free(world)
    assert told(world) == ["jo", "jo"]
    five_minutes_later(world)
    assert standing(world, "jo") == {"jo": 1}  # the first turn was used: this is the once


def test_an_accept_claims_all_that_waited_and_lets_the_line_go_on_elsewhere(world: World) -> None:
    """Bob has accepted: what is free at Ada's is the next one's at once."""
    for id_ in ("ada", "bob"):
        world.mechanic(id_)
    line_up(world, "jo", "kim")
    join(world, "jo", ADA)
    join(world, "jo", HONDA)
    comes_free(world)
    world.clock.advance(minutes=1)
    waitlist.session_accepted(accepted(world, "jo"), world.now)
    assert {listed.entry.status for listed in entries(world, "jo")} == {EntryStatus.CLAIMED}
    assert ended(world, "jo") == ["claimed"] * 3
    assert told(world) == ["jo", "kim"]


def test_what_the_accepting_mechanic_had_free_is_nobodys_turn_any_more(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    comes_free(world)
    world.book("jo")
    world.accept(world.offer_to("ada").id, "ada")
    assert told(world) == ["jo"]
    five_minutes_later(world)
    assert standing(world, "jo", "kim") == {"jo": "claimed", "kim": 1}


def test_an_accept_heard_again_claims_nothing_that_was_joined_since(world: World) -> None:
    line_up(world, "jo")
    fact = accepted(world, "jo")
    world.clock.advance(seconds=1)
    waitlist.session_accepted(fact, world.now)
    again = join(world, "jo")
    waitlist.session_accepted(fact, world.now)
    assert latest(world, "jo").entry == again.entry
    assert ended(world, "jo") == ["claimed"]


def test_an_accept_after_24_hours_finds_the_entry_expired(world: World) -> None:
    line_up(world, "jo")
    world.clock.advance(hours=24)
    waitlist.session_accepted(accepted(world, "jo"), world.now)
    assert status(world, "jo") is EntryStatus.EXPIRED
    ring(world)
    assert ended(world, "jo") == ["expired"]


def test_an_accept_heard_late_claims_what_was_open_when_it_was_made(world: World) -> None:
    line_up(world, "jo")
    world.clock.advance(hours=23)
    fact = accepted(world, "jo")
    world.clock.advance(hours=2)
    waitlist.session_accepted(fact, world.now)
    assert status(world, "jo") is EntryStatus.CLAIMED


def test_an_accept_of_who_waits_for_nothing_is_quiet(world: World) -> None:
    waitlist.session_accepted(accepted(world, "jo"), world.now)
    assert world.facts() == []


# 24 hours


def test_after_24_hours_an_entry_is_over_ring_or_no_ring(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo")
    joined_at = latest(world, "jo").entry.joined_at
    world.clock.advance(hours=23, minutes=59, seconds=58)
    assert standing(world, "jo") == {"jo": 1}
    world.clock.advance(seconds=1)
    assert standing(world, "jo") == {"jo": "expired"}
    assert latest(world, "jo").entry.ended_at == joined_at + timedelta(hours=24)
    assert world.facts("WaitlistEnded") == []
    ring(world)
    assert ended(world, "jo") == ["expired"]
    assert standing(world, "jo") == {"jo": "expired"}


def test_who_is_past_24_hours_is_not_told_nor_in_the_way(world: World) -> None:
    line_up(world, "jo")
    world.clock.advance(hours=23)
    world.mechanic("ada")
    line_up(world, "kim")
    world.clock.advance(hours=1)
    assert standing(world, "jo", "kim") == {"jo": "expired", "kim": 1}
    comes_free(world)
    assert told(world) == ["kim"]
    assert ended(world, "jo") == ["expired"]


def test_a_turn_is_honoured_past_the_24_hours(world: World) -> None:
    line_up(world, "jo")
    world.clock.advance(hours=23, minutes=58)
    world.mechanic("ada")
    comes_free(world)
    world.clock.advance(minutes=3)
    ring(world)
    assert status(world, "jo") is EntryStatus.TOLD
    world.clock.advance(minutes=2)
    ring(world)
    assert status(world, "jo") is EntryStatus.EXPIRED
    assert ended(world, "jo") == ["expired"]


# The mechanic


def _goes_off_shift(world: World) -> None:
    shifts.clock_out("ada", world.now)


def _is_suspended(world: World) -> None:
    world.mechanic("ada", on_shift=False, status="suspended")


def _has_a_session(world: World) -> None:
    world.book("somebody")
    sessions.accept_offer(world.offer_to("ada").id, "ada", world.now)


LEAVES: list[Callable[[World], None]] = [_goes_off_shift, _is_suspended, _has_a_session]


@pytest.mark.parametrize("leaves", LEAVES)
def test_nobody_is_told_of_a_mechanic_who_is_gone(
    world: World, leaves: Callable[[World], None]
) -> None:
    world.mechanic("ada")
    line_up(world, "jo")
    fact = capacity(world)
    leaves(world)
    waitlist.capacity_left(fact, world.now)
    assert told(world) == []
    assert standing(world, "jo") == {"jo": 1}


@pytest.mark.parametrize("leaves", LEAVES)
def test_nobody_is_told_of_a_mechanic_who_goes_at_that_moment(
    world: World, monkeypatch: pytest.MonkeyPatch, leaves: Callable[[World], None]
) -> None:
    world.mechanic("ada")
    line_up(world, "jo")
    fact = capacity(world)
    meanwhile(monkeypatch, lambda: leaves(world))
    waitlist.capacity_left(fact, world.now)
    assert told(world) == []


def test_a_turn_that_ends_as_the_mechanic_goes_is_passed_on_to_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    comes_free(world)
    world.clock.advance(minutes=5)
    meanwhile(monkeypatch, lambda: _goes_off_shift(world))
    ring(world)
    assert told(world) == ["jo"]
    assert standing(world, "jo", "kim") == {"jo": 1, "kim": 2}


def test_who_waits_for_a_brand_is_not_told_of_who_gives_it_up_at_that_moment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.mechanic("ada", brand_specializations=["Honda"])
    join(world, "jo", HONDA)
    meanwhile(monkeypatch, lambda: world.mechanic("ada", on_shift=False))
    comes_free(world)
    assert told(world) == []


@pytest.mark.parametrize("leaves", LEAVES)
def test_who_finds_the_mechanic_taken_or_gone_has_lost_a_race_and_keeps_the_place(
    world: World, leaves: Callable[[World], None]
) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    comes_free(world)
    leaves(world)
    world.clock.advance(minutes=5)
    assert standing(world, "jo") == {"jo": 1}
    ring(world)
    assert standing(world, "jo", "kim") == {"jo": 1, "kim": 2}
    assert not latest(world, "jo").entry.was_sent_back


def test_nobody_is_told_of_a_mechanic_who_is_not_there(world: World) -> None:
    line_up(world, "jo")
    comes_free(world, "nobody")
    assert told(world) == []


# Rings and the sweeper


def test_a_ring_twice_is_a_ring_once(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim", "lou")
    comes_free(world)
    for _ in range(3):
        world.clock.advance(minutes=0)
        ring(world)
    world.clock.advance(minutes=5)
    for _ in range(3):
        ring(world)
    assert told(world) == ["jo", "kim"]
    assert standing(world, "jo", "kim") == {"jo": 2, "kim": "told"}


def test_a_ring_for_what_is_not_there_is_quiet(world: World) -> None:
    line_up(world, "jo")
    facts = world.facts()
    waitlist.settle("jo", NO_SUCH_ID, world.now)
    waitlist.settle("nobody", latest(world, "jo").entry.id, world.now)
    waitlist.settle_at(Key("CUSTOMER#jo", "WAITLIST#brand#honda"), world.now)
    assert world.facts() == facts


def test_a_ring_of_an_earlier_entry_leaves_the_one_in_its_place_alone(world: World) -> None:
    line_up(world, "jo")
    before = latest(world, "jo").entry
    waitlist.leave(before.id, "jo", world.now)
    again = join(world, "jo")
    world.clock.advance(hours=24)
    waitlist.settle("jo", before.id, world.now)
    assert ended(world, "jo") == ["left"]
    waitlist.settle("jo", again.entry.id, world.now)
    assert ended(world, "jo") == ["left", "expired"]


def test_two_rings_at_once_pass_the_turn_on_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim", "lou")
    comes_free(world)
    world.clock.advance(minutes=5)
    meanwhile(monkeypatch, lambda: ring(world))
    ring(world)
    assert told(world) == ["jo", "kim"]


def sweep(world: World) -> list[str]:
    """What the sweeper does for the waitlist; answers whose entries it found."""
    found = [one for one in overdue(world.now) if one.entity == "waitlist_entry"]
    for one in found:
        waitlist.settle_at(one.key, world.now)
    return [one.key.pk for one in found]


def test_without_any_ring_the_sweeper_finds_turns_and_entries_run_out(world: World) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    comes_free(world)
    assert sweep(world) == []
    world.clock.advance(minutes=6)
    assert sweep(world) == ["CUSTOMER#jo"]
    assert told(world) == ["jo", "kim"]
    assert sweep(world) == []
    world.clock.advance(hours=24)
    assert sorted(sweep(world)) == ["CUSTOMER#jo", "CUSTOMER#kim"]
    assert sweep(world) == []
    assert (ended(world, "jo"), ended(world, "kim")) == (["expired"], ["expired"])


# Told through the topic


def test_facts_reach_the_waitlist_by_its_subscription(world: World) -> None:
    world.mechanic("ada", on_shift=False)
    line_up(world, "jo")
    shifts.clock_in("ada", world.now)
    with Transaction() as tx:
        facts = {"mechanic_id": "ada", "room": 1}
        tx.record(Event(EventType.CAPACITY_LEFT, "MECHANIC#ada", world.now, facts))
    world.drain()
    assert told(world) == ["jo"]
    world.book("jo")
    world.accept(world.offer_to("ada").id, "ada")
    assert ended(world, "jo") == ["claimed"]
    before = world.facts()
    world.tell_again()
    assert world.facts() == before


def test_a_fact_that_is_none_of_its_own_is_passed_over(world: World) -> None:
    """New filter policies take up to 15 minutes."""
    line_up(world, "jo")
    waitlist.hear({**accepted(world, "jo"), "type": "OfferReleased"}, world.now)
    assert standing(world, "jo") == {"jo": 1}


# Metrics


def test_what_happens_is_counted(world: World) -> None:
    metrics.clear_metrics()
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    comes_free(world)
    five_minutes_later(world)
    waitlist.session_accepted(accepted(world, "jo"), world.now)
    five_minutes_later(world)
    five_minutes_later(world)
    comes_free(world)
    five_minutes_later(world)
    counted = {name: metric["Value"] for name, metric in metrics.metric_set.items()}
    assert counted["WaitlistJoined"] == [1.0, 1.0]
    assert counted["WaitlistTold"] == [1.0, 1.0, 1.0]
    assert counted["SecondsToTell"] == [2.0, 301.0, 901.0]
    assert counted["WaitlistClaimed"] == [1.0]
    assert counted["WaitlistExpired"] == [1.0]
    metrics.clear_metrics()


# Killed after the commit


class Killed(BaseException):
    """The process is gone: nothing catches this."""


def dies_after_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next transaction takes effect, but its caller does not live to see it."""
    client = aws.dynamodb()
    real = client.transact_write_items

    def dying(**request: Any) -> None:
        real(**request)
        monkeypatch.setattr(client, "transact_write_items", real)
        raise Killed

    monkeypatch.setattr(client, "transact_write_items", dying)


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Just before the next transaction, after all its reads, somebody else is quicker."""
    client = aws.dynamodb()
    real = client.transact_write_items

    def overtaken(**request: Any) -> Any:
        monkeypatch.setattr(client, "transact_write_items", real)
        act()
        return real(**request)

    monkeypatch.setattr(client, "transact_write_items", overtaken)


def test_a_join_whose_answer_was_lost_is_repeated_by_its_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def once() -> Once:
        return Once.of(
            caller="jo",
            route="POST /customer/waitlist/join",
            key="k1",
            body=b"{}",
            show=lambda listed: {"status": 201, "body": {"id": listed.entry.id}},
        )

    policies.current(world.now)
    dies_after_commit(monkeypatch)
    with pytest.raises(Killed):
        waitlist.join(ANYBODY, "jo", world.now, once())
    with pytest.raises(AlreadyAnswered) as repeat:
        once().check(world.now)
    assert repeat.value.answer["body"] == {"id": latest(world, "jo").entry.id}
    assert join(world, "jo").entry.id == latest(world, "jo").entry.id


def test_killed_after_telling_it_tells_nobody_else_when_the_fact_comes_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    fact = capacity(world)
    dies_after_commit(monkeypatch)
    with pytest.raises(Killed):
        waitlist.capacity_left(fact, world.now)
    waitlist.capacity_left(fact, world.now)
    assert told(world) == ["jo"]


def test_killed_between_two_units_it_tells_the_rest_when_the_fact_comes_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    under(Policy(capacity=3))
    world.mechanic("ada")
    line_up(world, "jo", "kim", "lou", "max")
    fact = capacity(world, room=3)
    dies_after_commit(monkeypatch)
    with pytest.raises(Killed):
        waitlist.capacity_left(fact, world.now)
    assert told(world) == ["jo"]
    waitlist.capacity_left(fact, world.now)
    assert told(world) == ["jo", "kim", "lou"]


def test_killed_as_a_turn_ends_the_next_has_begun_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim", "lou")
    comes_free(world)
    world.clock.advance(minutes=5)
    dies_after_commit(monkeypatch)
    with pytest.raises(Killed):
        ring(world)
    ring(world)
    assert told(world) == ["jo", "kim"]
    assert standing(world, "lou", "jo") == {"lou": 1, "jo": 2}


def test_killed_between_two_claims_the_rest_is_claimed_when_the_fact_comes_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    line_up(world, "jo")
    join(world, "jo", HONDA)
    fact = accepted(world, "jo")
    dies_after_commit(monkeypatch)
    with pytest.raises(Killed):
        waitlist.session_accepted(fact, world.now)
    assert len(ended(world, "jo")) == 1
    waitlist.session_accepted(fact, world.now)
    assert ended(world, "jo") == ["claimed", "claimed"]


def test_killed_as_somebody_left_in_their_turn_it_has_been_passed_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.mechanic("ada")
    line_up(world, "jo", "kim")
    comes_free(world)
    entry_id = latest(world, "jo").entry.id
    dies_after_commit(monkeypatch)
    with pytest.raises(Killed):
        waitlist.leave(entry_id, "jo", world.now)
    waitlist.leave(entry_id, "jo", world.now)
    assert standing(world, "jo", "kim") == {"jo": "left", "kim": "told"}
    assert told(world) == ["jo", "kim"]
