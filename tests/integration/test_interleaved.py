"""Two use cases at once, always in the same order: one runs between another's look and its write.

What each condition alone does is in ``test_guards``; here is what it is good for.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import boto3
import pytest

from dispatch.core import aws
from dispatch.core.errors import Conflict
from dispatch.core.idempotency import AlreadyAnswered, Once
from dispatch.core.table import Transaction
from dispatch.matching import service as matching
from dispatch.matching.model import Ranking
from dispatch.mechanics import service as mechanics
from dispatch.mechanics import store as mechanic_items
from dispatch.mechanics.model import Mechanic
from dispatch.notifications import service as notifications
from dispatch.notifications import store as device_items
from dispatch.notifications.model import Platform
from dispatch.offers import rules as offer_rules
from dispatch.offers import service as offers
from dispatch.offers import store as offer_items
from dispatch.offers.model import AssignmentStatus, DeclineReason
from dispatch.policy import service as policies
from dispatch.policy import store as policy_items
from dispatch.policy.model import Policy
from dispatch.sessions import rules as session_rules
from dispatch.sessions import service as sessions
from dispatch.sessions import store as session_items
from dispatch.sessions.model import Session, Status
from dispatch.shifts import rules as shift_rules
from dispatch.shifts import service as shifts
from dispatch.shifts import store as shift_items
from tests.clock import NOON
from tests.roles import nobody
from tests.world import World, an_intake


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatch.core.table.time.sleep", lambda _seconds: None)


After = Callable[[Any, str, Callable[[], object]], None]


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> Iterator[After]:
    """``after(module, "read", act)``: once the next such call is made, act, then let it answer."""
    waiting: list[Callable[[], object]] = []

    def arrange(module: Any, name: str, act: Callable[[], object]) -> None:
        real, mine = getattr(module, name), [act]
        waiting.append(act)

        def interleaved(*args: Any, **kwargs: Any) -> Any:
            found = real(*args, **kwargs)
            if mine:
                waiting.remove(mine[0])
                with nobody():  # not in the role of whom it interrupts
                    mine.pop()()
            return found

        monkeypatch.setattr(module, name, interleaved)

    yield arrange
    assert not waiting, "it was never looked at"


def _state(mechanic_id: str) -> Mechanic:
    mechanic = mechanics.get(mechanic_id)
    assert mechanic is not None
    return mechanic


def _signed(world: World, customer_id: str = "customer", **changes: Any) -> Session:
    """Pending, and nobody has been told of it yet."""
    booked = sessions.book_session(an_intake(**changes), customer_id, world.now)
    return sessions.sign_waiver(booked.id, customer_id, "Jo Driver", world.now)


def _accepted(world: World, by: str = "a", customer_id: str = "customer") -> Session:
    return world.accept(world.broadcast(world.book(customer_id).id).id, by)


def _live(world: World, by: str = "a", customer_id: str = "customer") -> Session:
    session = _accepted(world, by, customer_id)
    sessions.join_session(session.id, by, world.now)
    return sessions.join_session(session.id, customer_id, world.now)


def _end(world: World, session: Session) -> None:
    sessions.end_session(session.id, session.customer_id, world.now)


def _room_for_two() -> None:
    policy_items.add_first(replace(Policy(), capacity=2))


# One session


def test_both_sides_join_at_once_and_it_is_live(world: World, after: After) -> None:
    world.mechanic("a")
    session = _accepted(world)
    after(session_rules, "join", lambda: sessions.join_session(session.id, "customer", world.now))
    joined = sessions.join_session(session.id, "a", world.now)
    assert joined == world.session(session.id)
    assert joined.status is Status.LIVE
    assert joined.customer_joined_at is not None


def test_the_second_of_two_accepts_at_once_has_lost(world: World, after: After) -> None:
    for id_ in ("a", "b"):
        world.mechanic(id_)
    session = world.book()
    mine, rivals = world.offer_to("a"), world.offer_to("b")
    after(session_rules, "accept", lambda: sessions.accept_offer(rivals.id, "b", world.now))
    with pytest.raises(Conflict) as refused:
        sessions.accept_offer(mine.id, "a", world.now)
    assert refused.value.reason == "taken"
    assert world.session(session.id).mechanic_id == "b"
    assert (world.load("a"), world.load("b")) == (0, 1)


def test_an_accept_while_the_customer_cancels_is_cancelled_with_the_load(
    world: World, after: After
) -> None:
    world.mechanic("a")
    session = world.book()
    offer = world.offer_to("a")
    after(session_rules, "cancel", lambda: sessions.accept_offer(offer.id, "a", world.now))
    sessions.cancel_session(session.id, "customer", None, world.now)
    assert world.session(session.id).status is Status.CANCELLED
    assert world.row(offer.id).status is AssignmentStatus.CANCELLED
    assert world.load("a") == 0


def test_of_two_bookings_at_once_one_is_the_active_session(world: World, after: After) -> None:
    won: list[Session] = []
    after(
        session_items,
        "active_session_id",
        lambda: won.append(sessions.book_session(an_intake(), "customer", world.now)),
    )
    with pytest.raises(Conflict) as refused:
        sessions.book_session(an_intake(), "customer", world.now)
    assert refused.value.members["session_id"] == won[0].id
    assert len(world.facts("SessionBooked")) == 1


def test_a_twin_with_the_same_key_has_the_same_answer(world: World, after: After) -> None:
    """Not the refusal that the first of them is in the way of the second."""

    def book() -> Session:
        once = Once.of(
            caller="customer", route="book", key="k", body=b"{}", show=lambda session: session.id
        )
        return sessions.book_session(an_intake(), "customer", world.now, once)

    won: list[Session] = []
    after(session_items, "active_session_id", lambda: won.append(book()))
    with pytest.raises(AlreadyAnswered) as twin:
        book()
    assert twin.value.answer == won[0].id


# What comes of a session that is given back


@pytest.mark.parametrize("given_back", [True, False])
def test_who_gives_a_session_back_has_waited_all_the_while(world: World, given_back: bool) -> None:
    """Neither a release nor coming too late is a session's end: the queue place stays."""
    world.mechanic("a")
    since = _state("a").duty.waiting_since
    world.clock.advance(minutes=3)
    session = _accepted(world)
    if given_back:
        assert session.assignment_id is not None
        sessions.release_session(session.assignment_id, "a", "why", world.now)
    else:
        world.clock.advance(hours=1)
        sessions.close_overdue(session.id, world.now)
    assert world.load("a") == 0
    assert _state("a").duty.waiting_since == since
    assert _state("a").profile.completed_sessions == 0


@pytest.mark.parametrize("completed", [True, False])
def test_who_has_ended_a_session_waits_from_then_on(world: World, completed: bool) -> None:
    world.mechanic("a")
    session = _live(world) if completed else _accepted(world)
    world.clock.advance(minutes=3)
    if completed:
        _end(world, session)
    else:
        sessions.cancel_session(session.id, "customer", None, world.now)
    assert _state("a").duty.waiting_since == world.now
    assert _state("a").profile.completed_sessions == completed


# The dispatch and its rows


def test_two_declines_at_once_are_both_remembered(world: World, after: After) -> None:
    for id_ in ("a", "b"):
        world.mechanic(id_)
    session = world.book()
    mine, others = world.offer_to("a"), world.offer_to("b")
    after(
        offer_rules,
        "with_decline",
        lambda: offers.decline_offer(others.id, "b", DeclineReason.BUSY, world.now),
    )
    offers.decline_offer(mine.id, "a", DeclineReason.BUSY, world.now)
    dispatch = offers.dispatch_of(session.id)
    assert set(dispatch.declined) == {"a", "b"}
    assert (dispatch.offers, dispatch.owed) == ((), 2)
    assert world.broadcast(session.id).declined_by == {"a", "b"}


def test_two_searches_at_once_are_one_wave(world: World, after: After) -> None:
    for id_ in ("a", "b", "c", "d", "e", "f"):
        world.mechanic(id_)
    session = _signed(world)
    after(offer_rules, "with_wave", lambda: offers.seek_mechanic(session.id, world.now))
    offers.seek_mechanic(session.id, world.now)
    assert len(world.asked(session.id)) == 3


@pytest.mark.parametrize("accepts", [True, False])
def test_an_offer_that_ends_between_the_looks_at_row_and_dispatch_is_over(
    world: World, after: After, accepts: bool
) -> None:
    """The dispatch is read when the offer has gone already: only the row's status tells."""
    world.mechanic("a")
    session = world.book()
    offer = world.offer_to("a")
    decline = partial(offers.decline_offer, reason=DeclineReason.BUSY)
    answer = sessions.accept_offer if accepts else decline
    after(offer_items, "find", lambda: offers.end_undeliverable("a", world.now))
    with pytest.raises(Conflict) as refused:
        answer(offer.id, by="a", now=world.now)
    assert refused.value.reason == "expired"
    assert world.row(offer.id).status is AssignmentStatus.EXPIRED
    assert world.session(session.id).status is Status.PENDING
    assert offers.dispatch_of(session.id).declined == ()
    assert world.load("a") == 0


# Who is asked, and gone


def test_the_preferred_mechanic_who_goes_while_being_asked_is_passed_over(
    world: World, after: After
) -> None:
    for id_ in ("a", "b"):
        world.mechanic(id_)
    session = _signed(world, preferred_mechanic_id="a")
    after(mechanics, "get", lambda: shifts.clock_out("a", world.now))
    offers.seek_mechanic(session.id, world.now)
    assert world.asked(session.id) == ["b"]
    (fact,) = world.facts("PreferredPassedOver")
    assert fact["outcome"] == "off_shift"


def _not_seen(mechanic_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The roster lags: whoever ranks does not see this mechanic."""
    rank = matching.rank

    def lagging(*args: Any, **kwargs: Any) -> Ranking:
        ranking = rank(*args, **kwargs)
        seen = tuple(ranked for ranked in ranking.top if ranked.mechanic.id != mechanic_id)
        return replace(ranking, top=seen)

    monkeypatch.setattr(matching, "rank", lagging)


@pytest.mark.parametrize("goes", [True, False])
def test_who_was_missed_and_goes_while_looked_for_again_is_not_asked(
    world: World, after: After, goes: bool
) -> None:
    for id_ in ("a", "b"):
        world.mechanic(id_)
    world.clock.advance(minutes=1)
    session = _signed(world)
    with pytest.MonkeyPatch.context() as lagging:
        _not_seen("a", lagging)
        offers.seek_mechanic(session.id, world.now)
    assert world.asked(session.id) == ["b"]
    if goes:
        after(matching, "rank", lambda: shifts.clock_out("a", world.now))
    offers.top_up(session.id, world.now)
    assert world.asked(session.id) == (["b"] if goes else ["b", "a"])


# New capacity


def test_two_who_place_the_same_capacity_hand_it_to_the_waitlist_once(
    world: World, after: After
) -> None:
    world.mechanic("a")
    after(mechanics, "get", lambda: offers.place_capacity("a", world.now))
    offers.place_capacity("a", world.now)
    assert len(world.facts("CapacityLeft")) == 1
    assert _state("a").capacity_at is None


def test_two_who_place_the_same_capacity_offer_it_to_one_session(
    world: World, after: After
) -> None:
    for customer_id in ("first", "second"):
        world.book(customer_id)
    world.mechanic("a")
    after(mechanics, "get", lambda: offers.place_capacity("a", world.now))
    offers.place_capacity("a", world.now)
    assert [fact["kind"] for fact in world.facts("OffersMade")] == ["capacity"]


@pytest.mark.parametrize("goes", [True, False])
def test_capacity_that_goes_while_it_is_placed_again_is_offered_to_nobody(
    world: World, after: After, goes: bool
) -> None:
    world.book()
    world.mechanic("a")
    with Transaction() as tx:
        mechanics.put_capacity_to_use(tx, _state("a"))
    if goes:
        after(mechanics, "get", lambda: shifts.clock_out("a", world.now))
    offers.place_capacity("a", world.now, again=True)
    assert len(world.facts("OffersMade")) == (0 if goes else 1)


# The clock


def test_of_two_clock_ins_at_once_one_opens_a_shift(world: World, after: After) -> None:
    world.mechanic("a", on_shift=False)
    after(shift_rules, "opened", lambda: shifts.clock_in("a", world.now))
    with pytest.raises(Conflict) as refused:
        shifts.clock_in("a", world.now)
    assert refused.value.reason == "already_clocked_in"
    (fact,) = world.facts("MechanicClockedIn")
    assert shifts.clock_state("a", world.now).shift == shift_items.find("a", fact["shift_id"])


def test_a_clock_out_that_meets_a_new_shift_ends_that_one(world: World, after: After) -> None:
    world.mechanic("a")
    world.clock.advance(hours=1)

    def out_and_in() -> None:
        shifts.clock_out("a", world.now)
        shifts.clock_in("a", world.now)
        world.clock.advance(hours=1)

    after(shift_rules, "why_not_clock_out", out_and_in)
    shifts.clock_out("a", world.now)
    logged, _ = shifts.shifts_of("a", 10, None)
    assert len(logged) == 2, "none is open"
    assert len(world.facts("MechanicClockedOut")) == 2


def test_a_session_that_ends_while_its_shift_begins_to_close_ends_the_shift(
    world: World, after: After
) -> None:
    world.mechanic("a")
    session = _live(world)
    after(
        shift_rules,
        "closes_with_session",
        lambda: shifts.clock_out("a", world.now, finish=True),
    )
    _end(world, session)
    state = shifts.clock_state("a", world.now)
    assert (state.currently_on_shift, state.closing, state.load) == (False, False, 0)
    ((shift,), _) = shifts.shifts_of("a", 10, None)
    assert shift.ended_at == world.now


def test_a_shift_that_begins_to_close_when_its_session_has_ended_ends(
    world: World, after: After
) -> None:
    world.mechanic("a")
    session = _live(world)
    after(shift_rules, "why_not_clock_out", lambda: _end(world, session))
    state = shifts.clock_out("a", world.now, finish=True)
    assert not state.currently_on_shift
    assert not _state("a").duty.closing
    assert len(world.facts("MechanicClockedOut")) == 1


def test_a_shift_closes_once(world: World, after: After) -> None:
    world.mechanic("a")
    _live(world)
    after(
        shift_rules,
        "why_not_clock_out",
        lambda: shifts.clock_out("a", world.now, finish=True),
    )
    assert shifts.clock_out("a", world.now, finish=True).closing
    assert len(world.facts("ShiftClosing")) == 1


def test_a_shift_that_is_over_when_it_is_told_to_close_again_stays_over(
    world: World, after: After
) -> None:
    world.mechanic("a")
    session = _live(world)
    shifts.clock_out("a", world.now, finish=True)
    after(shift_rules, "why_not_clock_out", lambda: _end(world, session))
    with pytest.raises(Conflict) as refused:
        shifts.clock_out("a", world.now, finish=True, notes="late")
    assert refused.value.reason == "not_clocked_in"
    ((shift,), _) = shifts.shifts_of("a", 10, None)
    assert shift.ended_at == world.now


def test_the_last_two_sessions_of_a_closing_shift_end_at_once(world: World, after: After) -> None:
    _room_for_two()
    world.mechanic("a")
    first, second = (_live(world, customer_id=id_) for id_ in ("first", "second"))
    shifts.clock_out("a", world.now, finish=True)
    after(shift_rules, "closes_with_session", lambda: _end(world, second))
    _end(world, first)
    state = shifts.clock_state("a", world.now)
    assert (state.currently_on_shift, state.closing, state.load) == (False, False, 0)
    assert len(world.facts("MechanicClockedOut")) == 1


@pytest.mark.parametrize("how", ["goes", "has no room", "stays"])
def test_who_goes_or_is_taken_while_an_offer_expires_has_not_missed_it(
    world: World, after: After, how: str
) -> None:
    world.mechanic("a")
    session = world.book("first")
    offer = world.offer_to("a")
    other = world.broadcast(world.book("second").id)
    world.clock.advance(minutes=5)
    if how == "goes":
        after(mechanics, "get", lambda: shifts.clock_out("a", world.now))
    if how == "has no room":
        after(mechanics, "get", lambda: sessions.accept_offer(other.id, "a", world.now))
    assert offers.expire_offers(session.id, world.now)
    missed = how == "stays"
    assert (_state("a").misses, world.row(offer.id).missed) == (int(missed), missed)


# Profiles and the policy


@pytest.mark.parametrize("is_new", [True, False])
def test_of_two_moves_at_once_each_leaves_word_where_it_was(
    world: World, after: After, is_new: bool
) -> None:
    """Whoever follows a partition learns that the mechanic is there no more."""

    def move(country: str) -> None:
        world.mechanic("a", on_shift=False, country=country)

    if not is_new:
        move("CA")
    after(mechanic_items, "find", lambda: move("GB"))
    move("US")
    there = {
        mechanics.country_of(partition): [
            row.entry is not None for row in mechanics.changes(partition, None)
        ]
        for partition in mechanics.partitions()
    }
    gone = {} if is_new else {"CA": [False]}
    assert there == {"GB": [False], "US": [True], **gone}


def test_the_first_policy_that_is_stored_stands(world: World, after: After) -> None:
    after(policy_items, "newest_version", _room_for_two)
    assert policies.current(world.now).capacity == 2
    assert policies.of_version(1).capacity == 2


def test_who_releases_while_their_other_release_is_under_way_is_answered_as_it_is_now(
    world: World, after: After
) -> None:
    world.mechanic("a")
    world.book()
    offer = world.offer_to("a")
    world.accept(offer.id, "a")

    def release() -> Session:
        return sessions.release_session(offer.id, "a", "why", world.now)

    after(sessions, "_settled", release)
    assert release().status is Status.PENDING
    assert world.load("a") == 0


# Devices


def _register(token: str, user_id: str = "a") -> None:
    notifications.register_device(user_id, "phone", Platform.FCM, token, NOON)


def _tokens(user_id: str = "a") -> list[str]:
    return [device.token for device in device_items.devices_of(user_id)]


@pytest.mark.parametrize("is_known", [True, False])
def test_of_two_tokens_for_a_device_at_once_the_last_is_its_only_one(
    world: World, after: After, is_known: bool
) -> None:
    if is_known:
        _register("old")
    after(device_items, "find", lambda: _register("lost"))
    _register("kept")
    assert _tokens() == ["kept"]
    bound = {token: device_items.holder_of(Platform.FCM, token) for token in ("old", "lost")}
    assert bound == {"old": None, "lost": None}
    assert device_items.holder_of(Platform.FCM, "kept") == ("a", "phone")


def test_a_token_that_moves_while_it_is_registered_is_taken_from_who_has_it(
    world: World, after: After
) -> None:
    _register("shared", "first")
    after(device_items, "holder_of", lambda: _register("shared", "second"))
    _register("shared")
    assert (_tokens("first"), _tokens("second"), _tokens()) == ([], [], ["shared"])
    assert device_items.holder_of(Platform.FCM, "shared") == ("a", "phone")


def test_a_token_that_is_bound_anew_while_its_endpoint_is_deleted_keeps_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SNS has one endpoint for a token: deleting the old holder's takes the new holder's, too."""
    _register("shared", "first")
    delete = aws.sns().delete_endpoint

    def meanwhile(**request: Any) -> None:
        monkeypatch.setattr(aws.sns(), "delete_endpoint", delete)
        _register("shared", "second")
        delete(**request)

    monkeypatch.setattr(aws.sns(), "delete_endpoint", meanwhile)
    notifications.forget_device("first", "phone", world.now)
    (device,) = device_items.devices_of("second")
    attributes = aws.sns().get_endpoint_attributes(EndpointArn=device.endpoint_arn)["Attributes"]
    assert attributes["Enabled"] == "true"
    assert json.loads(attributes["CustomUserData"])["user_id"] == "second"


def test_a_device_with_a_new_token_while_it_is_forgotten_is_forgotten_with_it(
    world: World, after: After
) -> None:
    _register("old")
    after(device_items, "find", lambda: _register("new"))
    notifications.forget_device("a", "phone", world.now)
    assert _tokens() == []
    assert device_items.holder_of(Platform.FCM, "new") is None


def test_a_token_that_moves_while_its_device_is_forgotten_stays_where_it_went(
    world: World, after: After
) -> None:
    _register("shared")
    after(device_items, "find", lambda: _register("shared", "second"))
    notifications.forget_device("a", "phone", world.now)
    assert _tokens("second") == ["shared"]
    assert device_items.holder_of(Platform.FCM, "shared") == ("second", "phone")


def test_a_device_that_is_bound_anew_while_a_push_to_it_fails_stays_enabled(
    world: World, after: After
) -> None:
    world.mechanic("a")
    _register("old")
    (device,) = device_items.devices_of("a")
    boto3.client("sns").delete_endpoint(EndpointArn=device.endpoint_arn)
    after(device_items, "devices_of", lambda: _register("new"))
    world.book()
    assert [(d.token, d.enabled) for d in device_items.devices_of("a")] == [("new", True)]
