"""Admins cancel sessions and take them from their mechanics: what becomes of everybody's rows."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from dispatch.calendar import service as calendar
from dispatch.core.errors import IllegalMove, NotFound
from dispatch.core.ids import new_id
from dispatch.core.table import Key, get
from dispatch.offers.model import AssignmentStatus
from dispatch.payments import service as payments
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Party, PaymentMethod, Refund, Session, Status
from tests.calendar_builders import an_availability
from tests.calls import call
from tests.entry_points import load
from tests.stories import go_live, is_offered, take
from tests.world import World, an_intake

WHY = {"reason": "The driver has called us"}
Answer = tuple[int, Any]

pytestmark = pytest.mark.usefixtures("well_in_the_end")


@pytest.fixture
def post(world: World) -> Callable[..., Answer]:
    api = load("admin/api")

    def send(what: str, session_id: str, body: Any = WHY, **more: Any) -> Answer:
        options: Any = {"user": "admin-1", "groups": "admin"} | more
        return call(api, "POST", f"/admin/sessions/{session_id}/{what}", body=body, **options)

    return send


def booked(world: World) -> Session:
    return sessions.book_session(an_intake(), "customer", world.now)


def pending(world: World) -> Session:
    world.mechanic("a")
    return world.book()


def waiting(world: World) -> Session:
    return take(world, "a", pending(world))


def joined(world: World) -> Session:
    """The mechanic is there: a customer who cancelled now would get nothing back."""
    return sessions.join_session(waiting(world).id, "a", world.now)


def scheduled(world: World) -> Session:
    world.mechanic("a", on_shift=False)
    hours = an_availability("America/Toronto", "0:00-24:00")
    calendar.replace_availability("a", hours, 0, world.now)
    start = world.now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=3)
    intake = an_intake(preferred_mechanic_id="a", scheduled_start=start)
    held = sessions.book_session(intake, "customer", world.now)
    return sessions.sign_waiver(held.id, "customer", "Jo Driver", world.now)


def live(world: World) -> Session:
    return go_live(world, waiting(world))


Scene = Callable[[World], Session]


# Cancelling


@pytest.mark.parametrize("scene", [booked, pending, waiting, joined, scheduled])
def test_an_admin_cancels_whatever_is_not_live_and_all_comes_back(
    world: World, post: Callable[..., Answer], scene: Scene
) -> None:
    session = scene(world)
    world.drain()
    status, view = post("cancel", session.id)
    world.drain()
    assert (status, view["status"], view["ended_by"]) == (200, "cancelled", "admin")
    assert (view["end_reason"], view["refund"]["percent"]) == (WHY["reason"], 100)
    cancelled = world.session(session.id)
    assert (cancelled.status, cancelled.ended_by) == (Status.CANCELLED, Party.ADMIN)
    assert cancelled.refund == Refund(100, session.price_cents, session.credits)
    (fact,) = world.facts("SessionCancelled")
    assert (fact["cancelled_by"], fact["by"]) == ("admin", "admin-1")
    assert WHY["reason"] not in str(fact)
    assert sessions.active_of("customer", world.now) is None
    if scene is not booked:
        assert world.load("a") == 0
        assert is_offered(world, "a") == []


def test_a_cancelled_booking_leaves_the_calendar(world: World, post: Callable[..., Answer]) -> None:
    session = scheduled(world)
    assert calendar.bookings_of("a", world.now, 10, None).items
    post("cancel", session.id)
    assert calendar.bookings_of("a", world.now, 10, None).items == []


@pytest.mark.parametrize("what", ["cancel", "reassign"])
def test_what_is_live_goes_on(world: World, post: Callable[..., Answer], what: str) -> None:
    session = live(world)
    status, problem = post(what, session.id)
    assert (status, problem["reason"], problem["current_status"]) == (409, "illegal_move", "live")
    assert world.session(session.id).status is Status.LIVE
    sessions.end_session(session.id, "a", world.now)
    world.drain()
    status, problem = post(what, session.id)
    assert (status, problem["current_status"]) == (409, "completed")


def test_cancelled_again_it_is_as_it_was(world: World, post: Callable[..., Answer]) -> None:
    session = waiting(world)
    first = post("cancel", session.id)
    assert post("cancel", session.id, {"reason": "Once more"}) == first
    assert len(world.facts("SessionCancelled")) == 1


def test_credits_come_back_though_the_mechanic_has_joined(
    world: World, post: Callable[..., Answer]
) -> None:
    """A customer who cancelled by then would get none."""
    payments.grant("customer", 10, "welcome", "admin-1", world.now)
    world.mechanic("a")
    session = world.book(plan="quick", payment_method=PaymentMethod.CREDITS)
    sessions.join_session(take(world, "a", session).id, "a", world.now)
    assert payments.ledger_of("customer", 10, None).balance.credits == 0
    _, view = post("cancel", session.id)
    assert view["refund"] == {"percent": 100, "price_cents": 0, "credits": 10}
    post("cancel", session.id)
    assert payments.ledger_of("customer", 10, None).balance.credits == 10


def test_what_the_customer_cancelled_stays_theirs(
    world: World, post: Callable[..., Answer]
) -> None:
    """And gives back no more than it did."""
    session = joined(world)
    sessions.cancel_session(session.id, "customer", None, world.now)
    status, view = post("cancel", session.id)
    assert (status, view["ended_by"], view["refund"]["percent"]) == (200, "customer", 0)


@pytest.mark.usefixtures("mail")
def test_both_are_told_that_an_admin_called_it_off(
    world: World, post: Callable[..., Answer]
) -> None:
    session = waiting(world)
    world.device("a")
    world.device("customer")
    post("cancel", session.id)
    world.drain()
    assert "We had to call it off" in world.pushes_to("customer")[-1]
    assert "you are free again" in world.pushes_to("a")[-1]
    (mail,) = world.mails_to("jo@driver.example")
    assert "call it off" in mail.body
    assert "not confirmed in time" not in mail.body


# Reassigning


@pytest.mark.parametrize("scene", [waiting, joined])
def test_a_reassigned_session_goes_to_somebody_else(
    world: World, post: Callable[..., Answer], scene: Scene
) -> None:
    session = scene(world)
    world.mechanic("b")
    world.drain()
    row = world.row(session.assignment_id or "")
    status, view = post("reassign", session.id)
    world.drain()
    assert (status, view["status"], view["mechanic_id"]) == (200, "pending", None)
    assert world.row(row.id).status is AssignmentStatus.RESCINDED
    item = get(Key(f"ASSIGNMENT#{row.id}"))
    assert item
    assert item["release_reason"] == WHY["reason"]
    assert world.load("a") == 0
    assert is_offered(world, "a") == []
    assert is_offered(world, "b") == [session.id]
    (fact,) = world.facts("SessionReassigned")
    assert (fact["mechanic_id"], fact["why"], fact["by"]) == ("a", "reassigned", "admin-1")
    assert WHY["reason"] not in str(fact)


@pytest.mark.parametrize("scene", [booked, pending, scheduled])
def test_what_nobody_has_accepted_cannot_be_reassigned(
    world: World, post: Callable[..., Answer], scene: Scene
) -> None:
    session = scene(world)
    status, problem = post("reassign", session.id)
    assert (status, problem["reason"]) == (409, "illegal_move")
    assert problem["current_status"] == session.status


def test_a_keyed_reassignment_takes_it_from_nobody_else(
    world: World, post: Callable[..., Answer]
) -> None:
    session = waiting(world)
    world.mechanic("b")
    world.drain()
    first = post("reassign", session.id, idempotency_key="key")
    world.drain()
    take(world, "b", session)
    assert post("reassign", session.id, idempotency_key="key") == first
    assert world.session(session.id).mechanic_id == "b"


def test_who_says_from_whom_takes_it_from_nobody_else(
    world: World, post: Callable[..., Answer]
) -> None:
    """Without a key, too: whoever was meant has lost it, before and after the next one has it."""
    session = waiting(world)
    world.mechanic("b")
    world.drain()
    from_a = WHY | {"mechanic_id": "a"}
    assert post("reassign", session.id, from_a)[1]["status"] == "pending"
    world.drain()
    assert post("reassign", session.id, from_a)[1]["status"] == "pending"
    take(world, "b", session)
    status, view = post("reassign", session.id, from_a, idempotency_key="another")
    assert (status, view["status"], view["mechanic_id"]) == (200, "waiting", "b")
    assert len(world.facts("SessionReassigned")) == 1


@pytest.mark.parametrize("scene", [booked, pending, waiting, live, scheduled])
@pytest.mark.parametrize("mechanic_id", ["b", "x" * 200, "🚗"])
def test_it_is_taken_from_nobody_who_never_had_it(
    world: World, post: Callable[..., Answer], scene: Scene, mechanic_id: str
) -> None:
    session = scene(world)
    status, problem = post("reassign", session.id, WHY | {"mechanic_id": mechanic_id})
    assert (status, [e["pointer"] for e in problem["errors"]]) == (422, ["/mechanic_id"])
    assert world.session(session.id).status is session.status


def test_a_mechanic_who_did_not_come_has_lost_it_already(
    world: World, post: Callable[..., Answer]
) -> None:
    """Whether that was rung or not."""
    session = waiting(world)
    world.clock.advance(minutes=5)
    assert post("reassign", session.id)[1]["current_status"] == "pending"
    assert len(world.facts("MechanicNotJoined")) == 1


# Who and what


@pytest.mark.parametrize("what", ["cancel", "reassign"])
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/reason"),
        ({"reason": ""}, "/reason"),
        ({"reason": "two\nlines"}, "/reason"),
        ({"reason": "x" * 201}, "/reason"),
        ({"reason": None}, "/reason"),
        (WHY | {"refund": 50}, "/refund"),
    ],
)
def test_a_wrong_body_is_pointed_at(
    world: World, post: Callable[..., Answer], what: str, body: Any, pointer: str
) -> None:
    session = waiting(world)
    status, problem = post(what, session.id, body)
    assert (status, [e["pointer"] for e in problem["errors"]]) == (422, [pointer])
    assert world.session(session.id).status is Status.WAITING


@pytest.mark.parametrize("move", [sessions.call_off_session, sessions.reassign_session])
@pytest.mark.parametrize("session_id", ["nothing", "x" * 3000, ""])
def test_there_is_no_such_session(
    world: World, move: Callable[..., Session], session_id: str
) -> None:
    for id_ in (session_id, new_id(world.now)):
        with pytest.raises(NotFound):
            move(id_, "admin-1", "why", world.now)


def test_it_may_go_live_between_the_two_reads(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = waiting(world)
    real = sessions.take_back

    def take_back(*arguments: Any, **more: Any) -> Session:
        go_live(world, session)
        return real(*arguments, **more)

    monkeypatch.setattr(sessions, "take_back", take_back)
    with pytest.raises(IllegalMove):
        sessions.reassign_session(session.id, "admin-1", "why", world.now)
    assert world.session(session.id).status is Status.LIVE


def test_an_admin_is_shown_no_words_and_no_name(world: World, post: Callable[..., Answer]) -> None:
    session = waiting(world)
    _, view = post("cancel", session.id)
    assert set(view) == {
        "id",
        "status",
        "customer_id",
        "mechanic_id",
        "plan",
        "payment_method",
        "price_cents",
        "credits",
        "created_at",
        "scheduled_start",
        "pending_until",
        "ended_at",
        "ended_by",
        "end_reason",
        "refund",
    }
