"""A session from booking to its end."""

from dataclasses import asdict, replace

import pytest

from dispatch.core.errors import Conflict, IllegalMove, Invalid, NotFound
from dispatch.core.idempotency import AlreadyAnswered, Once
from dispatch.customers import service as customers
from dispatch.customers.model import Location
from dispatch.offers import service as offers
from dispatch.offers.model import AssignmentStatus, DeclineReason
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Party, PaymentMethod, Refund, Session, Status
from tests.e2e.people import STORY
from tests.world import World, an_intake


def _waiting(world: World) -> Session:
    world.mechanic("a")
    world.book()
    return world.accept(world.offer_to("a").id, "a")


def _live(world: World) -> Session:
    session = _waiting(world)
    sessions.join_session(session.id, "a", world.now)
    return sessions.join_session(session.id, "customer", world.now)


# Booking


def test_a_booking_awaits_the_waiver_and_knows_its_keywords(world: World) -> None:
    session = sessions.book_session(an_intake(), "customer", world.now)
    assert session.status is Status.AWAITING_WAIVER
    assert session.keywords == ("check engine light", "engine diagnostic")
    assert (session.awaiting_until - world.now).total_seconds() == 30 * 60


def test_an_unknown_plan_is_refused_with_the_known_ones(world: World) -> None:
    with pytest.raises(Invalid, match="free, quick, standard, diagnostic"):
        sessions.book_session(an_intake(plan="gold"), "customer", world.now)


def test_the_free_method_pays_for_the_free_plan_alone(world: World) -> None:
    with pytest.raises(Invalid, match="/payment_method"):
        sessions.book_session(an_intake(plan="quick"), "customer", world.now)
    with pytest.raises(Invalid, match="/payment_method"):
        sessions.book_session(
            an_intake(payment_method=PaymentMethod.CREDITS), "customer", world.now
        )


def test_a_second_active_session_is_refused_with_the_first_ones_id(world: World) -> None:
    first = sessions.book_session(an_intake(), "customer", world.now)
    with pytest.raises(Conflict) as refused:
        sessions.book_session(an_intake(), "customer", world.now)
    assert refused.value.reason == "active_session"
    assert refused.value.members["session_id"] == first.id


def test_the_end_of_a_session_makes_room_for_the_next(world: World) -> None:
    first = sessions.book_session(an_intake(), "customer", world.now)
    sessions.cancel_session(first.id, "customer", None, world.now)
    sessions.book_session(an_intake(), "customer", world.now)
    assert len(world.facts("SessionBooked")) == 2


def test_a_session_past_its_deadline_is_not_in_the_way_though_no_timer_rang(world: World) -> None:
    first = sessions.book_session(an_intake(), "customer", world.now)
    world.clock.advance(minutes=30)
    second = sessions.book_session(an_intake(), "customer", world.now)
    assert second.status is Status.AWAITING_WAIVER
    assert world.session(first.id).status is Status.CANCELLED


def test_a_place_without_any_part_is_taken_whole_from_the_profile(world: World) -> None:
    customers.upsert({"id": "customer", "country": "Canada", "city": "Ottawa"})
    session = sessions.book_session(an_intake(location=Location()), "customer", world.now)
    assert session.location == Location("CA", None, "Ottawa", None)


def test_a_place_with_any_part_is_taken_as_it_is(world: World) -> None:
    customers.upsert({"id": "customer", "country": "Canada", "city": "Ottawa"})
    session = sessions.book_session(
        an_intake(location=Location(city="Hull")), "customer", world.now
    )
    assert session.location == Location(city="Hull")


# Waiver


def test_signing_makes_it_pending_under_the_policy_in_force(world: World) -> None:
    booked = sessions.book_session(an_intake(), "customer", world.now)
    signed = sessions.sign_waiver(booked.id, "customer", "Jo Driver", world.now)
    assert (signed.status, signed.period, signed.policy_version) == (Status.PENDING, 1, 1)
    details = sessions.details(signed, "customer", world.now)
    assert details.contact is not None
    assert details.contact.waiver_full_name == "Jo Driver"


def test_signing_twice_is_signing_once(world: World) -> None:
    booked = sessions.book_session(an_intake(), "customer", world.now)
    for _ in range(2):
        sessions.sign_waiver(booked.id, "customer", "Jo Driver", world.now)
    assert len(world.facts("SessionPending")) == 1


def test_a_waiver_cannot_be_signed_at_its_deadline_timer_or_no_timer(world: World) -> None:
    booked = sessions.book_session(an_intake(), "customer", world.now)
    world.clock.advance(minutes=30)
    with pytest.raises(IllegalMove) as refused:
        sessions.sign_waiver(booked.id, "customer", "Jo Driver", world.now)
    assert refused.value.members["current_status"] == "cancelled"
    assert world.session(booked.id).status is Status.CANCELLED


def test_an_abandoned_booking_closes_itself(world: World) -> None:
    booked = sessions.book_session(an_intake(), "customer", world.now)
    world.drain()
    world.clock.advance(minutes=30)
    world.ring()
    closed = world.session(booked.id)
    assert (closed.status, closed.ended_by) == (Status.CANCELLED, Party.TIMER)
    assert closed.refund is not None
    assert closed.refund.percent == 100
    assert len(world.facts("SessionCancelled")) == 1


# Join, live, end


@pytest.mark.parametrize("order", [("a", "customer"), ("customer", "a")])
def test_it_is_live_when_both_sides_have_come(world: World, order: tuple[str, str]) -> None:
    waiting = _waiting(world)
    first = sessions.join_session(waiting.id, order[0], world.now)
    assert first.status is Status.WAITING
    world.clock.advance(minutes=1)
    live = sessions.join_session(waiting.id, order[1], world.now)
    assert (live.status, live.live_at) == (Status.LIVE, world.now)
    assert live.ends_by is not None
    assert (live.ends_by - world.now).total_seconds() == (15 + 10) * 60
    (row,) = offers.queue_of("a", world.now).mine
    assert row.status is AssignmentStatus.IN_PROGRESS


def test_joining_twice_is_joining_once(world: World) -> None:
    waiting = _waiting(world)
    for _ in range(2):
        assert sessions.join_session(waiting.id, "a", world.now).status is Status.WAITING
    assert len(world.facts("MechanicJoined")) == 1
    sessions.join_session(waiting.id, "customer", world.now)
    assert sessions.join_session(waiting.id, "customer", world.now).status is Status.LIVE
    assert len(world.facts("SessionStarted")) == 1


@pytest.mark.parametrize("by", ["a", "customer"])
def test_either_side_ends_a_live_session(world: World, by: str) -> None:
    live = _live(world)
    ended = sessions.end_session(live.id, by, world.now)
    assert ended.status is Status.COMPLETED
    assert ended.ended_by is (Party.MECHANIC if by == "a" else Party.CUSTOMER)
    assert world.load("a") == 0
    assert offers.queue_of("a", world.now).mine == []
    sessions.book_session(an_intake(), "customer", world.now)


def test_a_completed_session_counts_for_its_mechanic(world: World) -> None:
    from dispatch.mechanics import service as mechanics

    live = _live(world)
    sessions.end_session(live.id, "a", world.now)
    mechanic = mechanics.get("a")
    assert mechanic is not None
    assert mechanic.profile.completed_sessions == 1


def test_ending_twice_is_ending_once(world: World) -> None:
    live = _live(world)
    for _ in range(2):
        sessions.end_session(live.id, "a", world.now)
    assert len(world.facts("SessionCompleted")) == 1
    assert world.load("a") == 0


def test_a_live_session_ends_itself_ten_minutes_past_its_plan(world: World) -> None:
    live = _live(world)
    world.drain()
    world.clock.advance(minutes=25)
    assert world.session(live.id).status is Status.COMPLETED, "a deadline stands in every read"
    assert world.load("a") == 1, "nothing is written down yet"
    world.ring()
    ended = world.session(live.id)
    assert (ended.status, ended.ended_by) == (Status.COMPLETED, Party.TIMER)
    assert world.load("a") == 0


def test_what_is_not_live_cannot_be_ended(world: World) -> None:
    waiting = _waiting(world)
    with pytest.raises(IllegalMove) as refused:
        sessions.end_session(waiting.id, "a", world.now)
    assert refused.value.members["current_status"] == "waiting"


# Cancel


def test_a_pending_session_is_cancelled_with_all_its_rows(world: World) -> None:
    world.mechanic("a")
    session = world.book()
    offer, broadcast = world.offer_to("a"), world.broadcast(session.id)
    cancelled = sessions.cancel_session(session.id, "customer", "It starts again", world.now)
    assert cancelled.status is Status.CANCELLED
    assert cancelled.refund is not None
    assert cancelled.refund.percent == 100
    for row in (offer, broadcast):
        assert world.row(row.id).status is AssignmentStatus.CANCELLED
    assert offers.queue_of("a", world.now).mine == []


def test_a_waiting_session_gives_its_mechanic_back(world: World) -> None:
    waiting = _waiting(world)
    sessions.cancel_session(waiting.id, "customer", None, world.now)
    assert world.load("a") == 0
    assert world.row(waiting.assignment_id or "").status is AssignmentStatus.CANCELLED


def test_nothing_is_refunded_once_the_mechanic_has_joined(world: World) -> None:
    waiting = _waiting(world)
    sessions.join_session(waiting.id, "a", world.now)
    cancelled = sessions.cancel_session(waiting.id, "customer", None, world.now)
    assert cancelled.refund is not None
    assert cancelled.refund.percent == 0


def test_a_live_session_cannot_be_cancelled(world: World) -> None:
    live = _live(world)
    with pytest.raises(IllegalMove) as refused:
        sessions.cancel_session(live.id, "customer", None, world.now)
    assert refused.value.members["current_status"] == "live"


def test_cancelling_twice_is_cancelling_once(world: World) -> None:
    session = world.book()
    for _ in range(2):
        sessions.cancel_session(session.id, "customer", None, world.now)
    assert len(world.facts("SessionCancelled")) == 1


# Who may see what


def test_a_foreign_session_does_not_exist(world: World) -> None:
    waiting = _waiting(world)
    for act in (
        lambda: sessions.for_party(waiting.id, "stranger", world.now),
        lambda: sessions.timeline(waiting.id, "stranger", world.now, 10, None),
        lambda: sessions.join_session(waiting.id, "stranger", world.now),
        lambda: sessions.end_session(waiting.id, "stranger", world.now),
        lambda: sessions.cancel_session(waiting.id, "stranger", None, world.now),
        lambda: sessions.sign_waiver(waiting.id, "a", "A", world.now),
        lambda: sessions.for_party("nonsense", "customer", world.now),
    ):
        with pytest.raises(NotFound):
            act()


def test_who_has_not_accepted_sees_no_contact(world: World) -> None:
    waiting = _waiting(world)
    assert sessions.details(waiting, "stranger", world.now).contact is None
    seen = sessions.details(waiting, "a", world.now).contact
    assert seen is not None
    assert seen.phone == "+14165550100"


_OF_THOSE_IN_IT = {
    "mechanic_id",
    "assignment_id",
    "accepted_at",
    "mechanic_joined_at",
    "customer_joined_at",
    "mechanic_due_by",
    "customer_due_by",
    "live_at",
    "ends_by",
    "ended_at",
    "ended_by",
    "end_reason",
    "refund",
}


def test_who_has_not_accepted_sees_neither_who_has_nor_how_it_goes(world: World) -> None:
    booked = _live(world)
    completed = sessions.end_session(booked.id, "a", world.now)
    full = replace(completed, end_reason="private", refund=Refund(0, 0, 0))
    seen = asdict(sessions.details(full, "stranger", world.now).session)
    known = asdict(full)
    assert {name for name, value in known.items() if seen[name] != value} == {
        *_OF_THOSE_IN_IT,
        "vehicle",
    }
    assert {seen[name] for name in _OF_THOSE_IN_IT} == {None}
    assert seen["vehicle"] == known["vehicle"] | {"vin": None}


def test_lists_are_newest_first_and_paged(world: World) -> None:
    ids = []
    for _ in range(3):
        session = sessions.book_session(an_intake(), "customer", world.now)
        sessions.cancel_session(session.id, "customer", None, world.now)
        ids.append(session.id)
        world.clock.advance(seconds=1)
    first = sessions.sessions_of("customer", True, world.now, 2, None)
    rest = sessions.sessions_of("customer", True, world.now, 2, first.cursor)
    assert [s.id for s in first.items + rest.items] == ids[::-1]
    assert rest.cursor is None


def test_a_mechanic_lists_what_they_accepted(world: World) -> None:
    waiting = _waiting(world)
    assert [s.id for s in sessions.sessions_of("a", False, world.now, 10, None).items] == [
        waiting.id
    ]
    sessions.release_session(waiting.assignment_id or "", "a", "why", world.now)
    assert sessions.sessions_of("a", False, world.now, 10, None).items == []


def test_the_timeline_tells_the_story_in_order(world: World) -> None:
    live = _live(world)
    sessions.end_session(live.id, "a", world.now)
    _, page = sessions.timeline(live.id, "customer", world.now, 50, None)
    assert [fact["type"] for fact in page.items] == STORY


# What must not be possible


@pytest.mark.parametrize("status", ["awaiting_waiver", "cancelled", "abandoned"])
def test_nobody_joins_what_was_never_pending(world: World, status: str) -> None:
    booked = sessions.book_session(an_intake(), "customer", world.now)
    if status == "cancelled":
        sessions.cancel_session(booked.id, "customer", None, world.now)
    if status == "abandoned":
        world.clock.advance(minutes=30)
    for act in (sessions.join_session, sessions.end_session):
        with pytest.raises(IllegalMove):
            act(booked.id, "customer", world.now)


def test_who_declined_learns_no_more_of_the_session(world: World) -> None:
    session = world.book()
    world.mechanic("a")
    broadcast = world.broadcast(session.id)
    sessions.decline_offer(broadcast.id, "a", DeclineReason.PRICE, world.now)
    sessions.cancel_session(session.id, "customer", "a private matter", world.now)
    seen = sessions.details(
        sessions.decline_offer(broadcast.id, "a", DeclineReason.PRICE, world.now), "a", world.now
    )
    assert seen.contact is None
    assert (seen.session.end_reason, seen.session.refund, seen.session.ended_by) == (None,) * 3
    assert seen.session.vehicle is not None
    assert seen.session.vehicle.vin is None


def test_who_declined_the_broadcast_is_not_asked_in_a_later_period(world: World) -> None:
    for rating, id_ in ((3.0, "d"), (4.2, "c"), (4.6, "b"), (5.0, "a")):
        world.mechanic(id_, rating=rating)
    session = world.book()
    sessions.decline_offer(world.broadcast(session.id).id, "d", DeclineReason.BUSY, world.now)
    offer = world.offer_to("a")
    world.accept(offer.id, "a")
    sessions.release_session(offer.id, "a", "why", world.now)
    world.drain()
    assert "d" not in world.asked(session.id)


def test_a_move_made_before_remembers_its_key_all_the_same(world: World) -> None:
    booked = sessions.book_session(an_intake(), "customer", world.now)

    def sign(key: str, body: bytes) -> Session:
        once = Once.of(
            caller="customer",
            route="POST waiver",
            key=key,
            body=body,
            show=lambda session: {"status": 200, "body": session.id},
        )
        once.check(world.now)
        return sessions.sign_waiver(booked.id, "customer", "Jo Driver", world.now, once)

    sign("first", b"{}")
    sign("second", b"{}")
    with pytest.raises(AlreadyAnswered):
        sign("second", b"{}")
    with pytest.raises(Conflict):
        sign("second", b"other")
