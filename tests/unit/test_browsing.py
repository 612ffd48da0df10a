"""Browsing shows exactly who passes the filters, best first, page by page, whatever changes."""

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.core.errors import Invalid
from dispatch.matching import paging, rules
from dispatch.matching.model import (
    Availability,
    BrowseQuery,
    Filters,
    MatchRequest,
    Ranked,
    WayOn,
)
from dispatch.matching.paging import START, Position, cursor_of, position_of
from dispatch.matching.roster import Roster
from dispatch.mechanics.model import RosterEntry
from dispatch.mechanics.rules import is_eligible
from dispatch.policy.model import Policy
from tests.clock import NOON
from tests.mechanic_builders import BUSY, FREE, OFF, a_request, an_entry
from tests.unit.test_roster import SmallWorld

WORLDS = st.integers(0, 2**32).map(SmallWorld)
POLICY = Policy()


def some_filters(dice: random.Random) -> Filters:
    """Each of them in half of all cases, so that combinations are tried and not all is empty."""

    def maybe(*values: Any) -> Any:
        return dice.choice(values) if dice.random() < 0.5 else None

    return Filters(
        online_only=bool(maybe(True)),
        brand_specialists_only=bool(maybe(True)),
        brand_key=maybe("bmw", "audi", "lada"),
        min_rating=maybe(Decimal("3.99"), Decimal("4.4"), Decimal("4.45"), Decimal("4.46"))
        or Decimal(0),
        local_only=dice.random() < 0.25,
        name_prefix=maybe("a", "ada", "ada c", "b", "x") or "",
    )


def a_roster(*entries: RosterEntry, policy: Policy = POLICY) -> Roster:
    roster = Roster(policy)
    roster.apply(entries)
    return roster


def everyone_who_passes(
    entries: Iterable[RosterEntry],
    request: MatchRequest,
    filters: Filters,
    policy: Policy,
    now: datetime,
) -> list[Ranked]:
    """By looking at every single one."""
    scored = [
        Ranked(entry, rules.score(entry, request, policy.scoring, now.date()))
        for entry in entries
        if is_eligible(entry, policy, now.date(), request.brand_key)
    ]
    passing = [one for one in scored if rules.is_listed(one.mechanic, one.score, filters)]
    return sorted(passing, key=lambda r: (-r.score.match_score, *rules.order(r.mechanic)))


def turn(
    roster: Roster,
    request: MatchRequest,
    filters: Filters,
    limit: int,
    position: Position,
    now: datetime = NOON,
) -> tuple[tuple[Ranked, ...], Position | None]:
    """One page, and the position behind it, through the cursor as customers get it."""
    query = BrowseQuery(filters=filters)
    found = roster.browse(request, filters, limit, now, position)
    assert len(found.page) <= limit
    if not found.has_more:
        return found.page, None
    last = found.page[-1]
    ids = [ranked.mechanic.id for ranked in found.page]
    moved_on = position.moved_on(ids, rules.standing(last.score.match_score, last.mechanic))
    return found.page, position_of(cursor_of(moved_on, query), query)


def ids(ranked: Iterable[Ranked]) -> list[str]:
    return [one.mechanic.id for one in ranked]


# The list


@settings(max_examples=150, deadline=None)
@given(world=WORLDS, remembered=st.sampled_from([1, 7, 100]))
def test_all_pages_together_are_everyone_who_passes_in_order(
    world: SmallWorld, remembered: int
) -> None:
    policy, now = world.policy(), world.now()
    entries = {entry.id: entry for entry in (world.entry() for _ in range(80))}
    roster = a_roster(*entries.values(), policy=policy)
    for _ in range(6):
        request, filters = world.request(), some_filters(world)
        expected = everyone_who_passes(entries.values(), request, filters, policy, now)
        shown: list[Ranked] = []
        position: Position | None = START
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(paging, "REMEMBERED", remembered)
            while position is not None:
                limit = world.randrange(1, 11)
                page, position = turn(roster, request, filters, limit, position, now)
                assert page or not shown
                shown += page
        assert shown == expected


@settings(max_examples=60, deadline=None)
@given(world=WORLDS)
def test_it_is_so_too_after_any_change(world: SmallWorld) -> None:
    entries = {entry.id: entry for entry in (world.entry() for _ in range(60))}
    roster = a_roster(*entries.values())
    for _ in range(6):
        gone = world.some(*entries)[:3]
        changed = [world.entry() for _ in range(world.randrange(5))]
        roster.remove(gone)
        roster.apply(changed)
        entries = {id_: e for id_, e in entries.items() if id_ not in gone}
        entries |= {entry.id: entry for entry in changed}
        request, filters = world.request(), some_filters(world)
        expected = everyone_who_passes(entries.values(), request, filters, POLICY, NOON)
        assert list(roster.browse(request, filters, 100, NOON).page) == expected


@settings(max_examples=100, deadline=None)
@given(world=WORLDS)
def test_counts_are_of_everyone_who_passes_whatever_the_page_and_online_only(
    world: SmallWorld,
) -> None:
    entries = {entry.id: entry for entry in (world.entry() for _ in range(80))}
    roster = a_roster(*entries.values())
    request, filters = world.request(), some_filters(world)
    unasked = replace(filters, online_only=False)
    expected = everyone_who_passes(entries.values(), request, unasked, POLICY, NOON)
    on_shift = [one for one in expected if one.mechanic.duty.on_shift]
    for online_only in (False, True):
        asked = replace(filters, online_only=online_only)
        position: Position | None = START
        while position is not None:
            found = roster.browse(request, asked, 5, NOON, position)
            assert (found.matching, found.on_shift) == (len(expected), len(on_shift))
            _, position = turn(roster, request, asked, 5, position)


# Paging while the list moves


@settings(max_examples=150, deadline=None)
@given(world=WORLDS)
def test_whatever_happens_between_pages_everyone_is_shown_exactly_once(world: SmallWorld) -> None:
    """Mechanics clock in and out, are taken and become free while a customer turns pages."""
    entries = {entry.id: entry for entry in (world.entry() for _ in range(80))}
    roster = a_roster(*entries.values())
    request, filters = world.request(), replace(some_filters(world), online_only=False)
    shown: list[str] = []
    position: Position | None = START
    while position is not None:
        page, position = turn(roster, request, filters, world.randrange(1, 11), position)
        shown += ids(page)
        moving = [replace(entries[id_], duty=world.duty()) for id_ in world.some(*entries)]
        roster.apply(moving)
        entries |= {entry.id: entry for entry in moving}
    expected = everyone_who_passes(entries.values(), request, filters, POLICY, NOON)
    assert len(set(shown)) == len(shown)
    assert set(shown) == set(ids(expected))


@settings(max_examples=100, deadline=None)
@given(world=WORLDS)
def test_far_down_who_stays_where_they_are_is_shown_exactly_once(world: SmallWorld) -> None:
    """Little but a place in the order is remembered here: of those who move, no more is promised.

    Whoever comes in before that place shifts nobody.
    """
    entries = {entry.id: entry for entry in (world.entry() for _ in range(80))}
    moving = set(world.some(*entries))
    roster = a_roster(*entries.values())
    request, filters = world.request(), replace(some_filters(world), online_only=False)
    shown: list[str] = []
    position: Position | None = START
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paging, "REMEMBERED", 1)
        while position is not None:
            page, position = turn(roster, request, filters, world.randrange(1, 11), position)
            shown += ids(page)
            roster.apply(replace(entries[id_], duty=world.duty()) for id_ in moving)
    expected = everyone_who_passes(entries.values(), request, filters, POLICY, NOON)
    staying = [id_ for id_ in ids(expected) if id_ not in moving]
    assert [id_ for id_ in shown if id_ not in moving] == staying


def test_who_clocks_out_after_being_shown_does_not_come_again() -> None:
    entries = [an_entry(id=f"m{n}", rating=5 - n / 100) for n in range(6)]
    roster = a_roster(*entries)
    first, position = turn(roster, a_request(), Filters(), 3, START)
    assert position
    roster.apply([replace(entries[0], duty=OFF)])
    second, position = turn(roster, a_request(), Filters(), 3, position)
    assert (ids(first), ids(second), position) == (["m0", "m1", "m2"], ["m3", "m4", "m5"], None)


def test_who_clocks_in_meanwhile_is_on_the_next_page_though_the_best_of_all() -> None:
    entries = [an_entry(id=f"m{n}", rating=5 - n / 100) for n in range(6)]
    late = an_entry(OFF, id="late", rating=5)
    roster = a_roster(*entries, late)
    _, position = turn(roster, a_request(), Filters(), 3, START)
    assert position
    roster.apply([replace(late, duty=FREE)])
    second, _ = turn(roster, a_request(), Filters(), 3, position)
    assert ids(second) == ["late", "m3", "m4"]


def test_far_down_the_last_hundred_shown_do_not_come_again() -> None:
    entries = [an_entry(id=f"m{n:03d}") for n in range(130)]
    roster = a_roster(*entries)
    shown: list[str] = []
    position: Position | None = START
    while position is not None:
        page, position = turn(roster, a_request(), Filters(), 10, position)
        shown += ids(page)
        if len(shown) == 120:
            roster.apply(replace(entry, duty=OFF) for entry in entries[20:120])
    assert shown == [entry.id for entry in entries]


def test_who_stands_where_a_list_goes_on_has_been_passed() -> None:
    entries = [an_entry(id=f"m{n}") for n in range(4)]
    score = rules.score(entries[1], a_request(), POLICY.scoring, NOON.date())
    position = Position((), rules.standing(score.match_score, entries[1]))
    page, _ = turn(a_roster(*entries), a_request(), Filters(), 10, position)
    assert ids(page) == ["m2", "m3"]


def test_a_list_of_hundreds_is_shown_to_its_end_by_cursors_of_bounded_length() -> None:
    roster = a_roster(*(an_entry(id=f"{'long ' * 7}{n:03d}") for n in range(350)))
    shown: list[str] = []
    position: Position | None = START
    while position is not None:
        page, position = turn(roster, a_request(), Filters(), 10, position)
        shown += ids(page)
        if position:
            assert len(position.shown) <= paging.REMEMBERED
            assert len(cursor_of(position, BrowseQuery())) <= 1_000
    assert shown == [f"{'long ' * 7}{n:03d}" for n in range(350)]


# Cursors


def a_position(shown: int = 3) -> Position:
    return START.moved_on([f"m{n}" for n in range(shown)], rules.standing(160, an_entry()))


@pytest.mark.parametrize("shown", [1, 100, 101, 500])
@pytest.mark.parametrize("rating", [None, 4.8])
@pytest.mark.parametrize("since", [None, NOON, NOON + timedelta(milliseconds=1)])
def test_a_cursor_leads_back_to_its_position(
    shown: int, rating: float | None, since: datetime | None
) -> None:
    entry = an_entry(replace(FREE, waiting_since=since), rating=rating, id="é" * 200)
    position = START.moved_on([f"m{n}" for n in range(shown)], rules.standing(-20, entry))
    assert (position.after is None) is (shown <= 100)
    cursor = cursor_of(position, BrowseQuery())
    assert len(cursor) <= paging.MAX_CURSOR
    assert position_of(cursor, BrowseQuery()) == position


def refused(cursor: str, query: BrowseQuery = BrowseQuery()) -> None:  # noqa: B008
    with pytest.raises(Invalid) as invalid:
        position_of(cursor, query)
    assert [error["pointer"] for error in invalid.value.members["errors"]] == ["/cursor"]


def test_a_cursor_is_good_for_its_own_query_only() -> None:
    query = BrowseQuery(filters=Filters(name_prefix="ada"))
    cursor = cursor_of(a_position(), query)
    assert position_of(cursor, BrowseQuery(filters=Filters(name_prefix="ada")))
    for other in (
        BrowseQuery(),
        replace(query, keywords=("brake repair",)),
        replace(query, filters=replace(query.filters, online_only=True)),
        replace(query, filters=replace(query.filters, min_rating=Decimal("4.5"))),
    ):
        refused(cursor, other)


@given(st.text() | st.binary(max_size=40).map(lambda raw: raw.hex()))
def test_no_text_but_a_cursor_is_one(text: str) -> None:
    refused(text)


@settings(max_examples=300)
@given(st.data())
def test_a_cursor_with_a_changed_character_is_refused_or_still_makes_sense(
    data: st.DataObject,
) -> None:
    """It is not signed: whoever makes one up sees another part of the same public list."""
    cursor = cursor_of(a_position(shown=101), BrowseQuery())
    at = data.draw(st.integers(0, len(cursor) - 1))
    letter = data.draw(st.sampled_from("ABCDabcd0189-_"))
    changed = cursor[:at] + letter + cursor[at + 1 :]
    try:
        position = position_of(changed, BrowseQuery())
    except Invalid:
        return
    roster = a_roster(an_entry(FREE, id="a"), an_entry(BUSY, id="b", rating=None))
    assert len(roster.browse(a_request(), Filters(), 10, NOON, position).page) <= 2


GOOD = (-160, False, False, Decimal("-4.8"), True, NOON, "m0")


@pytest.mark.parametrize(
    "after",
    [
        (*GOOD[:3], Decimal("NaN"), *GOOD[4:]),
        (*GOOD[:3], Decimal("Infinity"), *GOOD[4:]),
        (*GOOD[:4], True, None, "m0"),
        (*GOOD[:4], False, NOON, "m0"),
    ],
    ids=["not a number", "infinite", "waits since never", "never waited since noon"],
)
def test_a_forged_place_that_nothing_compares_with_is_refused(after: Any) -> None:
    assert position_of(cursor_of(Position((), GOOD), BrowseQuery()), BrowseQuery()).after == GOOD
    refused(cursor_of(Position((), after), BrowseQuery()))


def test_forged_marks_are_refused() -> None:
    refused(cursor_of(Position((b"short",)), BrowseQuery()))
    refused(cursor_of(Position((b"123456",) * 101), BrowseQuery()))


# Filters, one by one


def listed(*entries: RosterEntry, request: MatchRequest | None = None, **filters: Any) -> list[str]:
    found = a_roster(*entries).browse(request or a_request(), Filters(**filters), 10, NOON)
    return sorted(ids(found.page))


def test_without_filters_all_presences_are_listed() -> None:
    assert listed(an_entry(FREE, id="a"), an_entry(BUSY, id="b"), an_entry(OFF, id="c")) == [
        "a",
        "b",
        "c",
    ]


def test_only_the_eligible_are_listed() -> None:
    assert (
        listed(
            an_entry(id="a", status="suspended"),
            an_entry(id="b", profile_completion=79),
            an_entry(id="c", certification_expires_on="2026-06-30"),
        )
        == []
    )


def test_online_only_keeps_who_is_on_shift_and_the_busy_are() -> None:
    three = (an_entry(FREE, id="a"), an_entry(BUSY, id="b"), an_entry(OFF, id="c"))
    assert listed(*three, online_only=True) == ["a", "b"]


def test_specialists_of_any_brand_or_of_the_one_asked_for() -> None:
    three = (
        an_entry(id="bmw", brand_specializations=["BMW"]),
        an_entry(id="audi", brand_specializations=["Audi"]),
        an_entry(id="none", brand_specializations=[]),
    )
    assert listed(*three, brand_specialists_only=True) == ["audi", "bmw"]
    assert listed(*three, brand_specialists_only=True, brand_key="bmw") == ["bmw"]
    assert listed(*three, brand_key="bmw") == ["audi", "bmw", "none"]


@pytest.mark.parametrize(
    ("least", "expected"),
    [
        ("0", ["exact", "just below", "none", "top"]),
        ("4.0", ["exact", "just below", "top"]),
        ("4.49", ["exact", "just below", "top"]),
        ("4.4999", ["exact", "top"]),
        ("4.5", ["exact", "top"]),
        ("4.50000001", ["top"]),
        ("5", ["top"]),
    ],
)
def test_the_least_rating_is_compared_with_the_exact_mean(least: str, expected: list[str]) -> None:
    entries = (
        an_entry(id="exact", rating=Decimal("4.5")),
        an_entry(id="just below", rating=Decimal("4.4990")),
        an_entry(id="none", rating=None),
        an_entry(id="top", rating=5),
    )
    assert listed(*entries, min_rating=Decimal(least)) == expected


def test_a_mean_of_endless_digits_is_not_rounded_up() -> None:
    nearly = an_entry(rating=Decimal("4.4" + "9" * 40))
    assert listed(nearly, min_rating=Decimal("4.5")) == []
    assert listed(nearly, min_rating=Decimal("4.4")) == ["mechanic-1"]


def test_local_is_the_area_or_the_city_while_local_is_preferred() -> None:
    three = (
        an_entry(id="area", city="York", postal_code="M5V 3C6"),
        an_entry(id="city", city="Toronto", postal_code="M6K 1B1"),
        an_entry(id="far", city="Ottawa", postal_code="K1A 0A1"),
        an_entry(id="abroad", country="US", city="Toronto", postal_code="14201"),
    )
    assert listed(*three, local_only=True) == ["area", "city"]
    unwilling = a_request(prefer_local_mechanic=False)
    assert listed(*three, local_only=True, request=unwilling) == ["area"]
    nowhere = a_request(country=None, city=None, postal_code=None)
    assert listed(*three, local_only=True, request=nowhere) == []


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("a", ["adam", "ayse"]),
        ("ada", ["adam"]),
        ("ayse oz", ["ayse"]),
        ("chen", []),
        ("zoe", ["zoe"]),
        ("zz", []),
        ("", ["adam", "ayse", "zoe"]),
    ],
)
def test_a_search_is_for_the_beginning_of_the_whole_name(prefix: str, expected: list[str]) -> None:
    three = (
        an_entry(id="adam", name="Adam  CHEN"),
        an_entry(id="ayse", name="Ayşe Özgür"),
        an_entry(id="zoe", name="Zoé Chen"),
    )
    assert listed(*three, name_prefix=prefix) == expected


def test_a_new_name_is_found_and_the_old_one_no_longer() -> None:
    roster = a_roster(an_entry(id="a", name="Ada"), an_entry(id="b", name="Bea"))

    def found(prefix: str) -> list[str]:
        return ids(roster.browse(a_request(), Filters(name_prefix=prefix), 10, NOON).page)

    assert (found("ada"), found("b")) == (["a"], ["b"])
    roster.apply([an_entry(id="a", name="Zed")])
    assert (found("ada"), found("b"), found("z")) == ([], ["b"], ["a"])
    roster.apply([an_entry(id="c", name="Cy")])
    assert found("c") == ["c"]
    roster.remove(["b"])
    assert (found("b"), found("c"), found("z")) == ([], ["c"], ["a"])


def test_who_was_written_before_names_were_is_listed_but_not_found_by_name() -> None:
    old = replace(an_entry(), name_key="")
    assert listed(old) == ["mechanic-1"]
    assert listed(old, name_prefix="a") == []


# In a word


@pytest.mark.parametrize(
    ("matching", "on_shift", "word"),
    [
        (3, 1, Availability.ONLINE),
        (3, 0, Availability.ALL_OFFLINE),
        (0, 0, Availability.NONE_MATCH),
    ],
)
def test_availability(matching: int, on_shift: int, word: Availability) -> None:
    assert rules.availability(matching, on_shift) is word


def test_all_busy_is_not_offline() -> None:
    found = a_roster(an_entry(BUSY)).browse(a_request(), Filters(online_only=True), 10, NOON)
    assert (found.matching, found.on_shift) == (1, 1)
    assert rules.availability(found.matching, found.on_shift) is Availability.ONLINE


def test_asking_for_the_online_does_not_make_none_match() -> None:
    found = a_roster(an_entry(OFF)).browse(a_request(), Filters(online_only=True), 10, NOON)
    assert (found.page, found.matching, found.on_shift) == ((), 1, 0)
    assert rules.availability(found.matching, found.on_shift) is Availability.ALL_OFFLINE


def test_the_three_ways_on_are_for_when_all_are_offline() -> None:
    assert rules.ways_on(Availability.ALL_OFFLINE) == (
        WayOn.SCHEDULE,
        WayOn.BROWSE_OFFLINE,
        WayOn.JOIN_WAITLIST,
    )
    assert rules.ways_on(Availability.ONLINE) == rules.ways_on(Availability.NONE_MATCH) == ()
