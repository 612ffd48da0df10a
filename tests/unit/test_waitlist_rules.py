"""The waitlist's state machine, deadlines, lines and turns (domain.md, Offline customers)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest

from dispatch.core.errors import IllegalMove
from dispatch.matching.brands import BRANDS
from dispatch.mechanics.model import Profile
from dispatch.policy.model import Policy
from dispatch.waitlist import rules
from dispatch.waitlist.model import (
    OPEN,
    Entry,
    EntryStatus,
    Move,
    Place,
    Target,
    Turn,
    Turns,
    Wish,
)
from tests.builders import CUSTOMER, FIVE_MINUTES, MECHANIC, ONE_MS, RIVAL
from tests.clock import NOON

POLICY = Policy()
ONE_DAY = timedelta(days=1)
ENTRY = "01K00000000000000000000W01"
ANYBODY = Wish(Target.ANY)

# What domain.md allows: from, move, to. Whatever is not here is refused.
TABLE = {
    ("waiting", "tell"): "told",
    ("waiting", "claim"): "claimed",
    ("waiting", "go_to_back"): "waiting",
    ("waiting", "expire"): "expired",
    ("waiting", "leave"): "left",
    ("told", "keep_place"): "waiting",
    ("told", "go_to_back"): "waiting",
    ("told", "claim"): "claimed",
    ("told", "expire"): "expired",
    ("told", "leave"): "left",
}


def a_turn(**fields: Any) -> Turn:
    return Turn(
        **{
            "entry_id": ENTRY,
            "customer_id": CUSTOMER,
            "mechanic_id": MECHANIC,
            "told_at": NOON,
            "until": NOON + FIVE_MINUTES,
            **fields,
        }
    )


def an_entry(status: EntryStatus = EntryStatus.WAITING, **fields: Any) -> Entry:
    """Joined at noon; if told, then at noon, too."""
    return Entry(
        **{
            "id": ENTRY,
            "customer_id": CUSTOMER,
            "wish": ANYBODY,
            "line": "any#CA",
            "joined_at": NOON,
            "expires_at": NOON + ONE_DAY,
            "since": NOON,
            "status": status,
            "turn": a_turn() if status is EntryStatus.TOLD else None,
            "ended_at": None if status in OPEN else NOON,
            **fields,
        }
    )


def as_of(entry: Entry, now: datetime, *, keeps_place: bool = False) -> Entry:
    return rules.as_of(entry, now, keeps_place=keeps_place)


# Moves

MOVES: dict[str, Callable[[Entry], Entry]] = {
    "tell": lambda entry: rules.tell(entry, a_turn()),
    "claim": lambda entry: rules.claim(entry, NOON),
    "leave": lambda entry: rules.leave(entry, NOON),
}


def test_the_table_is_the_domains() -> None:
    assert rules.TRANSITIONS == TABLE


@pytest.mark.parametrize(("status", "move"), list(product(EntryStatus, MOVES)))
def test_a_move_is_made_as_the_table_says_or_refused(status: EntryStatus, move: str) -> None:
    entry = an_entry(status, version=7)
    target = TABLE.get((status, move))
    if target is None:
        with pytest.raises(IllegalMove) as refused:
            MOVES[move](entry)
        assert refused.value.members["current_status"] == status
    else:
        moved = MOVES[move](entry)
        assert (moved.status, moved.version) == (target, 8)


@pytest.mark.parametrize("status", [status for status in EntryStatus if status not in OPEN])
@pytest.mark.parametrize("keeps_place", [True, False])
def test_what_is_closed_stays_closed(status: EntryStatus, keeps_place: bool) -> None:
    entry = an_entry(status)
    assert as_of(entry, NOON + 2 * ONE_DAY, keeps_place=keeps_place) is entry


def test_every_status_can_be_reached_and_every_open_one_left() -> None:
    assert {target for _, target in TABLE.items()} | {"waiting"} == set(EntryStatus)
    assert {status for status, _ in TABLE} == OPEN
    assert {move for _, move in TABLE} == set(Move)


# Joining


def test_an_entry_waits_at_the_back_for_24_hours() -> None:
    entry = rules.join(
        ANYBODY, entry_id=ENTRY, customer_id=CUSTOMER, country="CA", policy=POLICY, now=NOON
    )
    assert entry == an_entry()


def test_an_entry_in_the_place_of_another_is_its_next_version() -> None:
    """So that who has read the old one cannot write over the new."""
    entry = rules.join(
        ANYBODY,
        entry_id=ENTRY,
        customer_id=CUSTOMER,
        country="CA",
        policy=POLICY,
        now=NOON,
        replacing=an_entry(EntryStatus.LEFT, version=4),
    )
    assert entry == an_entry(version=5)


# Deadlines


def test_an_entry_waits_up_to_but_not_at_its_deadline() -> None:
    entry = an_entry()
    assert as_of(entry, NOON + ONE_DAY - ONE_MS) is entry
    late = as_of(entry, NOON + ONE_DAY + FIVE_MINUTES)
    assert (late.status, late.ended_at) == (EntryStatus.EXPIRED, NOON + ONE_DAY)


def test_an_entry_expires_though_it_sleeps() -> None:
    assert as_of(an_entry(), NOON + ONE_DAY, keeps_place=True).status is EntryStatus.EXPIRED


@pytest.mark.parametrize("keeps_place", [True, False])
def test_a_turn_stands_up_to_but_not_at_its_end(keeps_place: bool) -> None:
    entry = an_entry(EntryStatus.TOLD)
    assert as_of(entry, NOON + FIVE_MINUTES - ONE_MS, keeps_place=keeps_place) is entry
    assert as_of(entry, NOON + FIVE_MINUTES, keeps_place=keeps_place).turn is None


def test_who_let_a_turn_pass_goes_to_the_back_as_of_its_end() -> None:
    """However late the timer is: who joined since is behind them."""
    entry = as_of(an_entry(EntryStatus.TOLD), NOON + 2 * FIVE_MINUTES)
    assert (entry.status, entry.since) == (EntryStatus.WAITING, NOON + FIVE_MINUTES)
    assert entry.was_sent_back


def test_who_let_a_second_turn_pass_is_out() -> None:
    entry = as_of(an_entry(EntryStatus.TOLD, was_sent_back=True), NOON + 2 * FIVE_MINUTES)
    assert (entry.status, entry.ended_at) == (EntryStatus.EXPIRED, NOON + FIVE_MINUTES)


@pytest.mark.parametrize("was_sent_back", [True, False])
def test_who_used_or_lost_the_turn_keeps_the_place(was_sent_back: bool) -> None:
    entry = an_entry(EntryStatus.TOLD, since=NOON - ONE_MS, was_sent_back=was_sent_back)
    kept = as_of(entry, NOON + FIVE_MINUTES, keeps_place=True)
    assert (kept.status, kept.since) == (EntryStatus.WAITING, NOON - ONE_MS)
    assert kept.was_sent_back is was_sent_back


@pytest.mark.parametrize("keeps_place", [True, False])
def test_a_turn_is_honoured_past_the_24_hours_and_then_it_is_over(keeps_place: bool) -> None:
    expires_at = NOON + timedelta(minutes=2)
    entry = an_entry(EntryStatus.TOLD, expires_at=expires_at)
    assert as_of(entry, NOON + timedelta(minutes=4), keeps_place=keeps_place) is entry
    over = as_of(entry, NOON + FIVE_MINUTES, keeps_place=keeps_place)
    assert (over.status, over.ended_at) == (EntryStatus.EXPIRED, NOON + FIVE_MINUTES)


@pytest.mark.parametrize("keeps_place", [True, False])
def test_whose_24_hours_pass_after_the_turn_and_before_its_timer_is_out(keeps_place: bool) -> None:
    expires_at = NOON + timedelta(minutes=6)
    over = as_of(
        an_entry(EntryStatus.TOLD, expires_at=expires_at),
        NOON + timedelta(minutes=7),
        keeps_place=keeps_place,
    )
    assert (over.status, over.ended_at) == (EntryStatus.EXPIRED, expires_at)


@pytest.mark.parametrize(
    ("entry", "due"),
    [
        (an_entry(), NOON + ONE_DAY),
        (an_entry(EntryStatus.TOLD), NOON + FIVE_MINUTES),
        (an_entry(EntryStatus.CLAIMED), None),
        (an_entry(EntryStatus.EXPIRED), None),
        (an_entry(EntryStatus.LEFT), None),
    ],
)
def test_what_is_open_is_due_some_day(entry: Entry, due: datetime | None) -> None:
    assert rules.due_at(entry) == due


# What an accepted session claims


@pytest.mark.parametrize(
    ("entry", "at", "was_open"),
    [
        (an_entry(), NOON + FIVE_MINUTES, True),
        (an_entry(EntryStatus.TOLD), NOON + ONE_MS, True),
        (an_entry(EntryStatus.TOLD), NOON + FIVE_MINUTES, True),  # booked in time, accepted after
        (an_entry(joined_at=NOON + ONE_MS), NOON, False),
        (an_entry(), NOON + ONE_DAY, False),
        (an_entry(EntryStatus.LEFT), NOON + ONE_MS, False),
        (an_entry(EntryStatus.CLAIMED), NOON + ONE_MS, False),
    ],
)
def test_an_accept_claims_what_was_open_at_that_instant(
    entry: Entry, at: datetime, was_open: bool
) -> None:
    assert rules.was_open(entry, at) is was_open


# Lines


def served_by(**fields: Any) -> tuple[str, ...]:
    return rules.lines_served(Profile(**{"id": MECHANIC, "name": "Ada", "country": "CA", **fields}))


def test_anybody_is_waited_for_within_a_country() -> None:
    assert rules.line_of(ANYBODY, "CA") == "any#CA"
    assert rules.line_of(ANYBODY, None) == "any#??"


def test_a_favourite_and_a_brand_are_waited_for_everywhere() -> None:
    assert rules.line_of(Wish(Target.MECHANIC, mechanic_id=MECHANIC), "CA") == "mechanic#mechanic-1"
    assert rules.line_of(Wish(Target.BRAND, brand="Land Rover"), "CA") == "brand#land rover"


def test_anybody_is_one_target_in_every_country() -> None:
    assert rules.target_key(ANYBODY) == "any"


def test_a_mechanic_serves_their_country_and_those_of_unknown_one_and_who_wants_just_them() -> None:
    assert served_by() == ("any#CA", "any#??", "mechanic#mechanic-1")


def test_a_mechanic_of_unknown_country_serves_who_is_of_unknown_country() -> None:
    assert served_by(country=None) == ("any#??", "mechanic#mechanic-1")


def test_a_mechanic_serves_the_lines_of_their_brands() -> None:
    lines = served_by(brand_specializations=("bmw", "BMW", "Trabant", "Škoda", "Mini"))
    assert lines[3:] == ("brand#bmw", "brand#mini")


def test_the_line_of_a_brand_is_that_of_its_specialists() -> None:
    for brand in BRANDS:
        line = rules.line_of(Wish(Target.BRAND, brand=brand), None)
        assert line in served_by(brand_specializations=(brand.upper(),))


@pytest.mark.parametrize(
    ("written", "brand"),
    [
        ("Honda", "Honda"),
        ("hOnDa", "Honda"),
        ("  land   rover ", "Land Rover"),
        ("Citroën", None),
        ("Hónda", "Honda"),
        ("Hond", None),
    ],
)
def test_a_brand_is_found_without_case_and_accents(written: str, brand: str | None) -> None:
    assert rules.catalogue_brand(written) == brand


def a_place(entry_id: str, since: datetime) -> Place:
    return Place(
        since=since,
        entry_id=entry_id,
        customer_id=CUSTOMER,
        target_key="any",
        expires_at=NOON + ONE_DAY,
    )


def test_the_oldest_stands_first_and_of_two_at_once_the_lower_id() -> None:
    places = [a_place("b", NOON), a_place("c", NOON - ONE_MS), a_place("a", NOON)]
    assert [place.entry_id for place in sorted(places, key=rules.order)] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("entry", "stands"),
    [
        (an_entry(), True),
        (an_entry(since=NOON + ONE_MS), False),
        (an_entry(id="another"), False),
        (an_entry(EntryStatus.TOLD), False),
        (an_entry(EntryStatus.LEFT), False),
    ],
)
def test_a_place_is_that_of_the_entry_which_waits_there(entry: Entry, stands: bool) -> None:
    assert rules.stands_at(entry, a_place(ENTRY, NOON)) is stands


# Turns

FIRST, SECOND = "01K0000000000000000000F001", "01K0000000000000000000F002"
HELD = Turns(mechanic_id=MECHANIC, held=(a_turn(),), capacity_id=FIRST, given=1, version=1)
OVER = NOON + FIVE_MINUTES


def test_a_turn_is_five_minutes() -> None:
    assert rules.turn_for(an_entry(), MECHANIC, POLICY, NOON) == a_turn()


def test_a_turn_is_open_up_to_but_not_at_its_end() -> None:
    assert rules.open_turns(HELD, OVER - ONE_MS) == HELD.held
    assert rules.open_turns(HELD, OVER) == ()


@pytest.mark.parametrize(
    ("turns", "capacity_id", "room", "now", "has_unit"),
    [
        (Turns(mechanic_id=MECHANIC), FIRST, 1, NOON, True),
        (Turns(mechanic_id=MECHANIC), FIRST, 0, NOON, False),
        (HELD, FIRST, 1, NOON, False),  # heard before
        (HELD, FIRST, 1, OVER, False),  # heard before, long ago
        (HELD, FIRST, 2, NOON, True),  # the other unit, which a crash has left
        (HELD, SECOND, 1, NOON, False),  # promised already
        (HELD, SECOND, 2, NOON, True),
        (HELD, SECOND, 1, OVER, True),
        (replace(HELD, capacity_id=SECOND), FIRST, 2, OVER, False),  # overtaken
    ],
)
def test_a_unit_of_a_capacity_is_given_once(
    turns: Turns, capacity_id: str, room: int, now: datetime, has_unit: bool
) -> None:
    assert rules.has_unit(turns, capacity_id, room, now) is has_unit


def test_units_are_counted_per_capacity() -> None:
    again = rules.giving(HELD, FIRST, NOON)
    assert (again.capacity_id, again.given) == (FIRST, 2)
    other = rules.giving(again, SECOND, NOON)
    assert (other.capacity_id, other.given) == (SECOND, 1)


def test_who_is_given_a_capacity_may_take_the_place_of_one_whose_turn_is_over() -> None:
    """Of one: each turn that is over is somebody's who comes after."""
    both = replace(HELD, held=(a_turn(), a_turn(customer_id=RIVAL, entry_id="other")))
    assert rules.giving(both, SECOND, OVER - ONE_MS).held == both.held
    assert rules.giving(both, SECOND, OVER).held == both.held[1:]


def test_a_turn_stands_beside_those_that_are_held() -> None:
    other = a_turn(customer_id=RIVAL, entry_id="other", told_at=OVER)
    assert rules.with_turn(HELD, other).held == (*HELD.held, other)


def test_a_turn_that_has_ended_is_taken_out() -> None:
    assert rules.without_turn(HELD, a_turn()).held == ()
    assert rules.without_turn(HELD, a_turn(told_at=OVER)) == HELD
