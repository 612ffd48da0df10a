"""Admins approve, suspend and reinstate mechanics, and what becomes of what they have in hand."""

from typing import Any

import pytest

from dispatch.core.errors import Conflict
from dispatch.mechanics import service as mechanics
from dispatch.mechanics import store as mechanic_items
from dispatch.mechanics.model import StandingMove
from dispatch.offers.model import AssignmentStatus, Cause
from dispatch.profiles import service as profiles
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Session, Status
from dispatch.shifts import service as shifts
from tests.calls import call
from tests.entry_points import load
from tests.stories import (
    check_that_all_is_well,
    clock_in,
    clock_out,
    complete,
    go_live,
    is_offered,
    last_shift,
    make_busy,
    options,
    take,
    the_mechanic,
)
from tests.sweeper import sweep
from tests.world import World

ADMIN = "admin-1"
REASON = "Three customers report work that was never done"
Answer = tuple[int, Any]


def ask(method: str, path: str, body: Any = None, query: str = "", **headers: str) -> Answer:
    api = load("approvals/api")
    path = f"/admin/mechanics{path}"
    return call(api, method, path, user=ADMIN, groups="admin", body=body, query=query, **headers)


def decide(mechanic_id: str, move: str, **headers: str) -> Answer:
    body = {"reason": REASON} if move == "suspend" else None
    return ask("POST", f"/{mechanic_id}/{move}", body, **headers)


def suspend(world: World, mechanic_id: str = "a") -> None:
    profiles.decide(mechanic_id, StandingMove.SUSPEND, ADMIN, world.now, reason=REASON)
    world.drain()


def listed(status: str, **query: Any) -> list[str]:
    told = "&".join(f"{name}={value}" for name, value in {"status": status, **query}.items())
    code, found = ask("GET", "", query=told)
    assert code == 200, found
    return [each["id"] for each in found["items"]]


# The calls


def test_a_mechanic_goes_from_list_to_list(world: World) -> None:
    world.mechanic("a", on_shift=False, status="pending")
    assert (listed("pending"), listed("approved")) == (["a"], [])
    for move, status in (
        ("approve", "approved"),
        ("suspend", "suspended"),
        ("reinstate", "approved"),
    ):
        code, shown = decide("a", move)
        assert (code, shown["status"]) == (200, status)
        assert listed(status) == ["a"]
        assert shown["suspension_reason"] == (REASON if move == "suspend" else None)
    world.drain()
    facts = world.facts("MechanicApproved", "MechanicSuspended", "MechanicReinstated")
    assert [(fact["mechanic_id"], fact["by"]) for fact in facts] == [("a", ADMIN)] * 3
    assert REASON not in str(facts), "events carry no words"


@pytest.mark.parametrize(
    ("status", "move"),
    [
        ("pending", "suspend"),
        ("pending", "reinstate"),
        ("approved", "reinstate"),
        ("suspended", "approve"),
    ],
)
def test_other_moves_are_refused(world: World, status: str, move: str) -> None:
    world.mechanic("a", on_shift=False, status=status)
    code, problem = decide("a", move)
    assert (code, problem["reason"], problem["current_status"]) == (409, "illegal_move", status)
    assert the_mechanic("a").profile.status == status


def test_doing_it_again_answers_the_same_and_changes_nothing(world: World) -> None:
    world.mechanic("a", on_shift=False, status="pending")
    for move in ("approve", "suspend", "reinstate"):
        first = decide("a", move)
        world.clock.advance(minutes=1)
        assert decide("a", move) == first
        assert decide("a", move, idempotency_key=f"key-{move}") == first
        assert decide("a", move, idempotency_key=f"key-{move}") == first
    assert len(world.facts("MechanicApproved", "MechanicSuspended", "MechanicReinstated")) == 3


def test_who_is_nobody_cannot_be_approved(world: World) -> None:
    assert decide("nobody", "approve")[0] == 404
    assert ask("POST", "/nobody/suspend", {})[0] == 422
    assert ask("GET", "", query="status=unheard")[0] == 422


@pytest.mark.parametrize(("status", "move"), [("pending", "approve"), ("suspended", "reinstate")])
def test_a_body_that_nobody_would_read_is_refused(world: World, status: str, move: str) -> None:
    world.mechanic("a", on_shift=False, status=status)
    code, problem = ask("POST", f"/a/{move}", {"reason": REASON})
    assert (code, [error["pointer"] for error in problem["errors"]]) == (422, ["/reason"])
    assert the_mechanic("a").profile.status == status
    assert ask("POST", f"/a/{move}", {})[0] == 200


@pytest.mark.parametrize("groups", ["", "customer", "mechanic"])
def test_only_admins_decide(world: World, groups: str) -> None:
    world.mechanic("a", on_shift=False, status="pending")
    for method, path in (("GET", ""), ("POST", "/a/approve")):
        api = load("approvals/api")
        answer = call(api, method, f"/admin/mechanics{path}", user="a", groups=groups)
        assert answer[0] == 403
    assert the_mechanic("a").profile.status == "pending"


def test_the_list_is_paged_who_waits_longest_first(world: World) -> None:
    for id_ in ("c", "a", "b"):
        world.mechanic(id_, on_shift=False, status="pending")
        world.clock.advance(minutes=1)
    code, first = ask("GET", "", query="limit=2")
    assert (code, [each["id"] for each in first["items"]]) == (200, ["c", "a"])
    assert listed("pending", limit=2, cursor=first["next_cursor"]) == ["b"]
    world.mechanic("c", on_shift=False, status="pending", name="Another name")
    assert listed("pending") == ["c", "a", "b"], "no change of the profile moves them"


def test_admins_see_what_they_decide_on(world: World) -> None:
    world.mechanic("a", on_shift=False, status="pending", email="a@mechanic.example")
    _, found = ask("GET", "", query="status=pending")
    assert found["items"][0]["email"] == "a@mechanic.example"
    assert found["items"][0]["postal_code"] == "M5V 2B2"


# What approval changes


def test_nobody_works_before_they_are_approved(world: World) -> None:
    world.mechanic("a", on_shift=False, status="pending")
    with pytest.raises(Conflict) as refused:
        shifts.clock_in("a", world.now)
    assert refused.value.reason == "not_eligible"
    session = world.book()
    decide("a", "approve")
    clock_in(world, "a")
    assert world.asked(session.id) == ["a"]
    check_that_all_is_well(world)


def test_mechanics_are_told(world: World) -> None:
    world.mechanic("a", on_shift=False, status="pending")
    world.device("a")
    for move in ("approve", "suspend", "reinstate"):
        decide("a", move)
    world.drain()
    told = " ".join(world.pushes_to("a"))
    for type_ in ("mechanic_approved", "mechanic_suspended", "mechanic_reinstated"):
        assert type_ in told
    assert REASON not in told


# Suspension


def test_open_offers_pass_on(world: World) -> None:
    for number, id_ in enumerate("abcd"):
        world.mechanic(id_, rating=4.9 - number / 10)
    session = world.book()
    offer = world.offer_to("a")
    suspend(world)
    assert world.row(offer.id).cause is Cause.NOT_ELIGIBLE
    assert world.asked(session.id) == ["a", "b", "c", "d"]
    assert not the_mechanic("a").duty.on_shift
    assert last_shift("a").cause == "suspended"
    with pytest.raises(Conflict) as refused:
        shifts.clock_in("a", world.now)
    assert refused.value.reason == "not_eligible"
    check_that_all_is_well(world)


def test_what_waits_for_them_seeks_another(world: World) -> None:
    world.mechanic("a")
    session = take(world, "a", world.book())
    world.mechanic("b")
    world.drain()
    suspend(world)
    assert session.assignment_id
    row = world.row(session.assignment_id)
    assert (row.status, row.cause) == (AssignmentStatus.EXPIRED, Cause.NOT_ELIGIBLE)
    assert world.session(session.id).status is Status.PENDING
    assert is_offered(world, "b") == [session.id]
    assert (world.load("a"), the_mechanic("a").duty.on_shift) == (0, False)
    check_that_all_is_well(world)


def test_what_is_live_is_finished_and_the_shift_ends_with_it(world: World) -> None:
    world.mechanic("a")
    session = go_live(world, take(world, "a", world.book()))
    suspend(world)
    mechanic = the_mechanic("a")
    assert (mechanic.duty.on_shift, mechanic.duty.closing) == (True, True)
    sessions.end_session(session.id, "a", world.now)
    world.drain()
    assert world.session(session.id).status is Status.COMPLETED
    assert not the_mechanic("a").duty.on_shift
    assert last_shift("a").cause == "suspended"
    check_that_all_is_well(world)


@pytest.mark.parametrize("live", [False, True])
def test_a_shift_that_was_closing_anyway(world: World, live: bool) -> None:
    world.mechanic("a")
    session = take(world, "a", world.book())
    if live:
        go_live(world, session)
    clock_out(world, "a", finish=True)
    suspend(world)
    assert the_mechanic("a").duty.on_shift is live
    if live:
        sessions.end_session(session.id, "a", world.now)
    world.drain()
    assert last_shift("a").cause == "finished"
    check_that_all_is_well(world)


def test_customers_who_wait_learn_that_all_are_offline(world: World) -> None:
    world.mechanic("a")
    make_busy(world, "a")
    session = world.book()
    assert options(world, session.id) == ()
    suspend(world)
    world.pass_time(seconds=10)
    assert options(world, session.id) != ()


def _accepted_before_it_is_told(world: World) -> Session:
    """The suspension and the accept are of one moment; nobody has heard of either."""
    world.mechanic("a")
    world.book()
    accepted = sessions.accept_offer(world.offer_to("a").id, "a", world.now)
    profiles.decide("a", StandingMove.SUSPEND, ADMIN, world.now, reason=REASON)
    return accepted


def test_they_accept_nothing_though_nobody_has_heard_of_it(world: World) -> None:
    world.mechanic("a")
    world.book()
    offer = world.offer_to("a")
    profiles.decide("a", StandingMove.SUSPEND, ADMIN, world.now, reason=REASON)
    with pytest.raises(Conflict) as refused:
        sessions.accept_offer(offer.id, "a", world.now)
    assert refused.value.reason == "not_eligible"


def test_what_an_index_does_not_show_yet_is_looked_at_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = _accepted_before_it_is_told(world)
    with monkeypatch.context() as patch:
        patch.setattr("dispatch.offers.store.held_by", lambda _mechanic_id: [])
        world.drain()
    assert world.session(session.id).status is Status.WAITING
    assert the_mechanic("a").duty.closing, "their session is not found yet"
    world.pass_time(seconds=10)
    assert world.session(session.id).status is Status.PENDING
    assert not the_mechanic("a").duty.on_shift


def test_the_sweeper_does_what_a_lost_message_has_left(world: World) -> None:
    session = _accepted_before_it_is_told(world)
    world.clock.advance(minutes=3, seconds=1)
    assert sweep(world.now) == 1
    assert world.session(session.id).status is Status.PENDING
    assert not the_mechanic("a").duty.on_shift
    check_that_all_is_well(world)


def test_who_is_reinstated_before_anybody_has_heard_of_it_keeps_all(world: World) -> None:
    session = _accepted_before_it_is_told(world)
    profiles.decide("a", StandingMove.REINSTATE, ADMIN, world.now)
    world.drain()
    world.pass_time(seconds=10)
    assert world.session(session.id).mechanic_id == "a"
    complete(world, world.session(session.id))
    check_that_all_is_well(world)


def test_who_clocks_in_at_the_same_moment_is_off_shift_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The suspension was decided on without that shift."""
    world.mechanic("a", on_shift=False)
    put_profile, came = mechanic_items.put_profile, list[object]()

    def put(*args: Any, **options: Any) -> str:
        if not came:
            came.append(shifts.clock_in("a", world.now))
        return put_profile(*args, **options)

    monkeypatch.setattr(mechanic_items, "put_profile", put)
    monkeypatch.setattr("dispatch.core.table.time.sleep", lambda _seconds: None)
    suspend(world)
    mechanic = the_mechanic("a")
    assert (mechanic.profile.status, mechanic.duty.on_shift) == ("suspended", False)
    check_that_all_is_well(world)


def test_two_writers_of_one_profile_lose_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit that was decided on before a suspension does not take it back."""
    world.mechanic("a", on_shift=False)
    put_profile, came = mechanic_items.put_profile, list[object]()

    def put(*args: Any, **options: Any) -> str:
        if not came:
            came.append(True)
            suspend(world)
        return put_profile(*args, **options)

    monkeypatch.setattr(mechanic_items, "put_profile", put)
    monkeypatch.setattr("dispatch.core.table.time.sleep", lambda _seconds: None)
    mechanics.set_photo("a", "https://photos.example/1", world.now)
    profile = the_mechanic("a").profile
    assert (profile.status, profile.photo_url) == ("suspended", "https://photos.example/1")
