"""From pending to accepted: who is asked, who is told, who wins."""

from collections.abc import Callable
from typing import Any

import pytest

from dispatch.core.errors import Conflict, IllegalMove, NotFound
from dispatch.matching import service as matching
from dispatch.matching.model import Among, Badge, Priority, Ranking, RequestType
from dispatch.offers import service as offers
from dispatch.offers.model import AssignmentStatus, DeclineReason, MatchType
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Status
from dispatch.shifts import service as shifts
from tests.world import World


def _decline(world: World, mechanic_id: str) -> None:
    offer = world.offer_to(mechanic_id)
    sessions.decline_offer(offer.id, mechanic_id, DeclineReason.BUSY, world.now)
    world.drain()


# Who is asked


def test_the_three_best_are_asked_and_the_broadcast_is_open(world: World) -> None:
    for rating, id_ in ((4.0, "d"), (4.2, "c"), (4.6, "b"), (5.0, "a")):
        world.mechanic(id_, rating=rating)
    session = world.book()
    assert world.asked(session.id) == ["a", "b", "c"]
    assert world.broadcast(session.id).status is AssignmentStatus.QUEUED


def test_an_offer_says_why_and_until_when(world: World) -> None:
    world.mechanic("a", rating=4.8, certified=True)
    world.book()
    offer = world.offer_to("a")
    assert offer.match is not None
    assert offer.match.score == 200
    assert offer.match.badge is Badge.HIGH
    assert "Keyword match: engine diagnostic" in offer.match.reasons
    assert offer.priority is Priority.HIGH
    assert offer.expires_at is not None
    assert (offer.expires_at - offer.offered_at).total_seconds() == 300


@pytest.mark.parametrize(
    "fields",
    [
        {"on_shift": False},
        {"status": "suspended"},
        {"status": "pending"},
        {"profile_completion": 79},
        {"certified": True, "certification_expires_on": "2026-06-30"},
    ],
)
def test_who_is_off_shift_or_not_eligible_is_not_asked(
    world: World, fields: dict[str, object]
) -> None:
    world.mechanic("a", **fields)  # type: ignore[arg-type]
    session = world.book()
    assert world.asked(session.id) == []
    assert world.session(session.id).status is Status.PENDING


def test_who_has_a_session_in_hand_is_not_asked_for_another(world: World) -> None:
    world.mechanic("a")
    world.book("first")
    world.accept(world.offer_to("a").id, "a")
    second = world.book("second")
    assert world.asked(second.id) == []


def test_a_brand_request_goes_to_specialists_alone(world: World) -> None:
    world.mechanic("a", brand_specializations=["Audi"])
    world.mechanic("b", brand_specializations=["BMW"], rating=3.0)
    session = world.book(request_type=RequestType.BRAND_SPECIALIST, requested_brand="bmw")
    assert world.asked(session.id) == ["b"]


def test_a_mechanic_is_not_offered_their_own_booking(world: World) -> None:
    world.mechanic("both")
    session = world.book("both")
    assert world.asked(session.id) == []
    with pytest.raises(Conflict, match="cannot take") as refused:
        sessions.accept_offer(world.broadcast(session.id).id, "both", world.now)
    assert refused.value.reason == "not_eligible"


def test_a_mechanic_gone_since_the_roster_was_read_is_passed_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index lags: the condition on the mechanic decides, and the next best is asked."""
    for rating, id_ in ((4.2, "c"), (4.6, "b"), (5.0, "a")):
        world.mechanic(id_, rating=rating)
    world.book("warms the roster up")
    lagging, found = matching.rank, list[str]()

    def rank(*args: Any, **kwargs: Any) -> Ranking:
        ranking = lagging(*args, **kwargs)
        if kwargs["among"] is Among.FREE and shifts.clock_state("a", world.now).currently_on_shift:
            found.extend(ranked.mechanic.id for ranked in ranking.top)
            shifts.clock_out("a", world.now)
        return ranking

    monkeypatch.setattr(matching, "rank", rank)
    session = world.book("customer")
    assert found == ["a", "b", "c"], "a was there when it looked"
    assert world.asked(session.id) == ["b", "c"]


def test_the_ten_best_are_kept_with_their_breakdown(world: World) -> None:
    world.mechanic("a", rating=4.8)
    world.mechanic("off", on_shift=False, rating=5.0)
    session = world.book()
    record = world.matches(session.id)
    assert [match["mechanic_id"] for match in record["matches"]] == ["a", "off"]
    best = record["matches"][0]
    assert sum(best["breakdown"].values()) == best["match_score"]
    assert record["policy_version"] == 1


# When nobody takes it


def _offer_of(world: World, mechanic_id: str) -> str:
    """A session of somebody else's, offered to this mechanic."""
    world.book("first")
    return world.offer_to(mechanic_id).id


def test_nobody_free_the_broadcast_is_announced_at_once(world: World) -> None:
    """Who is free abroad only is offered it; who is free nowhere cannot be told."""
    world.mechanic("a")
    world.accept(_offer_of(world, "a"), "a")
    session = world.book("second")
    assert world.facts("OffersMade", "BroadcastAnnounced", session_id=session.id) == []
    assert not offers.dispatch_of(session.id).all_offline, "all busy is not offline"


def test_offers_end_at_their_deadline_and_fall_back_to_the_broadcast(world: World) -> None:
    for id_ in ("a", "b", "c"):
        world.mechanic(id_)
    session = world.book()
    offer = world.offer_to("a")
    world.clock.advance(minutes=5)
    world.ring()
    assert world.row(offer.id).status is AssignmentStatus.EXPIRED
    (announced,) = world.facts("BroadcastAnnounced", session_id=session.id)
    assert set(announced["mechanic_ids"]) == {"a", "b", "c"}
    assert announced["assignment_id"] == world.broadcast(session.id).id


def test_the_broadcast_is_announced_when_the_last_offer_is_declined(world: World) -> None:
    for rating, id_ in ((3.0, "d"), (4.2, "c"), (4.6, "b"), (5.0, "a")):
        world.mechanic(id_, rating=rating)
    session = world.book()
    world.mechanic("e", rating=1.0)
    for id_ in "abcd":
        _decline(world, id_)
        assert world.facts("BroadcastAnnounced", session_id=session.id) == []
    world.clock.advance(minutes=5)
    world.ring()
    (announced,) = world.facts("BroadcastAnnounced", session_id=session.id)
    assert announced["mechanic_ids"] == ["e"], "not to those who do not want it"


def test_the_announcement_tells_the_nearest_first_and_at_most_fifty(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        world.mechanic(f"far-{number}", city="Ottawa", postal_code="K1A 0A1", rating=5.0)
    world.mechanic("near", rating=3.0, service_keywords=[])
    asked_for: list[int] = []
    audience = matching.audience

    def noting(*args: Any, limit: int, **kwargs: Any) -> list[str]:
        asked_for.append(limit)
        return audience(*args, limit=limit, **kwargs)

    monkeypatch.setattr(matching, "audience", noting)
    session = world.book()
    world.clock.advance(minutes=5)
    world.ring()
    (announced,) = world.facts("BroadcastAnnounced", session_id=session.id)
    assert announced["mechanic_ids"][0] == "near"
    assert asked_for == [50]


# The queue


def test_the_queue_shows_mine_and_what_anybody_may_take(world: World) -> None:
    world.mechanic("a", rating=5.0)
    world.mechanic("far", country="US", city="Buffalo", postal_code="14201", state_province="NY")
    session = world.book()
    mine = offers.queue_of("a", world.now)
    assert [row.session_id for row in mine.mine] == [session.id]
    assert mine.unassigned == [], "not while they hold an offer for that session"
    for number in range(3):
        world.mechanic(f"late-{number}")
    late = offers.queue_of("late-0", world.now)
    assert [row.match_type for row in late.unassigned] == [MatchType.BROADCAST]
    assert offers.queue_of("far", world.now).unassigned == [], "of another country"


def test_a_session_of_unknown_place_is_anybodys(world: World) -> None:
    from dispatch.customers.model import Location

    session = world.book(location=Location())
    world.mechanic("a", country="US")
    world.mechanic("b", country=None)
    for id_ in ("a", "b"):
        assert [r.session_id for r in offers.queue_of(id_, world.now).unassigned] == [session.id]


def test_off_shift_there_is_nothing_unassigned(world: World) -> None:
    world.book()
    world.mechanic("a", on_shift=False)
    queue = offers.queue_of("a", world.now)
    assert not queue.on_shift
    assert queue.unassigned == []


@pytest.mark.parametrize("fields", [{"status": "suspended"}, {"profile_completion": 10}])
def test_the_ineligible_see_nothing_unassigned(world: World, fields: dict[str, object]) -> None:
    world.book()
    world.mechanic("a", **fields)  # type: ignore[arg-type]
    assert offers.queue_of("a", world.now).unassigned == []


def test_a_miss_brings_the_broadcast_into_view_a_decline_does_not(world: World) -> None:
    world.mechanic("a", rating=5.0)
    world.mechanic("b")
    session = world.book()
    _decline(world, "b")
    world.clock.advance(minutes=5)
    assert [r.session_id for r in offers.queue_of("a", world.now).unassigned] == [session.id]
    assert offers.queue_of("b", world.now).unassigned == []


def test_a_declined_broadcast_is_hidden_from_that_mechanic_alone(world: World) -> None:
    session = world.book()
    world.mechanic("a")
    world.mechanic("b")
    broadcast = world.broadcast(session.id)
    sessions.decline_offer(broadcast.id, "a", DeclineReason.PRICE, world.now)
    assert offers.queue_of("a", world.now).unassigned == []
    assert len(offers.queue_of("b", world.now).unassigned) == 1
    with pytest.raises(Conflict) as refused:
        sessions.accept_offer(broadcast.id, "a", world.now)
    assert refused.value.reason == "expired"


# Accept


def test_the_winner_has_the_session_and_every_other_row_is_rescinded(world: World) -> None:
    for id_ in ("a", "b", "c"):
        world.mechanic(id_)
    session = world.book()
    others = [world.offer_to(id_) for id_ in ("b", "c")]
    broadcast = world.broadcast(session.id)
    accepted = world.accept(world.offer_to("a").id, "a")
    assert accepted.status is Status.WAITING
    assert accepted.mechanic_id == "a"
    assert world.load("a") == 1
    for row in (*others, broadcast):
        assert world.row(row.id).status is AssignmentStatus.RESCINDED


def test_an_accepted_broadcast_is_its_mechanics(world: World) -> None:
    session = world.book()
    world.mechanic("a")
    accepted = world.accept(world.broadcast(session.id).id, "a")
    assert accepted.mechanic_id == "a"
    (row,) = offers.queue_of("a", world.now).mine
    assert (row.status, row.mechanic_id) == (AssignmentStatus.ACCEPTED, "a")


def test_the_winners_repeat_gets_the_same_session_and_one_fact(world: World) -> None:
    world.mechanic("a")
    session = world.book()
    offer = world.offer_to("a")
    answers = {world.accept(offer.id, "a").version for _ in range(3)}
    assert len(answers) == 1
    assert len(world.facts("OfferAccepted", session_id=session.id)) == 1
    assert world.load("a") == 1


def test_an_offer_can_be_accepted_up_to_its_deadline(world: World) -> None:
    world.mechanic("a")
    world.book()
    offer = world.offer_to("a")
    world.clock.advance(minutes=5, milliseconds=-1)
    assert sessions.accept_offer(offer.id, "a", world.now).mechanic_id == "a"


def test_an_offer_cannot_be_accepted_at_its_deadline(world: World) -> None:
    world.mechanic("a")
    world.book()
    offer = world.offer_to("a")
    world.clock.advance(minutes=5)
    with pytest.raises(Conflict) as refused:
        sessions.accept_offer(offer.id, "a", world.now)
    assert refused.value.reason == "expired"


def _losing(world: World, reason: str) -> str:
    """Arrange that b's accept is refused for this reason; the row b tries."""
    world.mechanic("a", rating=5.0)
    world.mechanic("b")
    session = world.book()
    offer = world.offer_to("b")
    match reason:
        case "cancelled":
            sessions.cancel_session(session.id, "customer", None, world.now)
        case "taken":
            world.accept(world.offer_to("a").id, "a")
        case "expired":
            world.clock.advance(minutes=5)
        case "declined":
            _decline(world, "b")
        case "not_eligible":
            world.mechanic("b", on_shift=False, status="suspended")
        case "off_shift":
            shifts.clock_out("b", world.now)
        case "at_capacity":
            other = world.book("other")
            assert "b" in world.asked(other.id)
            sessions.accept_offer(world.broadcast(other.id).id, "b", world.now)
    return offer.id


@pytest.mark.parametrize(
    ("arranged", "reason"),
    [
        ("cancelled", "cancelled"),
        ("taken", "taken"),
        ("expired", "expired"),
        ("declined", "expired"),
        ("not_eligible", "not_eligible"),
        ("off_shift", "off_shift"),
        ("at_capacity", "at_capacity"),
    ],
)
def test_a_loser_is_told_why(world: World, arranged: str, reason: str) -> None:
    row = _losing(world, arranged)
    with pytest.raises(Conflict) as refused:
        sessions.accept_offer(row, "b", world.now)
    assert refused.value.reason == reason


def test_the_first_reason_that_holds_is_told(world: World) -> None:
    row = _losing(world, "taken")
    shifts.clock_out("b", world.now)
    world.mechanic("b", on_shift=False, status="suspended")
    with pytest.raises(Conflict) as refused:
        sessions.accept_offer(row, "b", world.now)
    assert refused.value.reason == "taken"


def test_somebody_elses_offer_does_not_exist(world: World) -> None:
    world.mechanic("a")
    world.mechanic("b")
    world.book()
    acts: list[Callable[[], object]] = [
        lambda: sessions.accept_offer(world.offer_to("a").id, "b", world.now),
        lambda: sessions.decline_offer(world.offer_to("a").id, "b", DeclineReason.OTHER, world.now),
        lambda: sessions.release_session(world.offer_to("a").id, "b", "why", world.now),
        lambda: sessions.accept_offer("no such thing", "b", world.now),
    ]
    for act in acts:
        with pytest.raises(NotFound):
            act()


def test_declining_twice_is_declining_once(world: World) -> None:
    world.mechanic("a")
    session = world.book()
    offer = world.offer_to("a")
    for _ in range(2):
        sessions.decline_offer(offer.id, "a", DeclineReason.BUSY, world.now)
    assert len(world.facts("OfferDeclined", session_id=session.id)) == 1


@pytest.mark.parametrize(
    ("arranged", "reason"),
    [("cancelled", "cancelled"), ("taken", "taken"), ("expired", "expired")],
)
def test_what_is_over_cannot_be_declined(world: World, arranged: str, reason: str) -> None:
    row = _losing(world, arranged)
    with pytest.raises(Conflict) as refused:
        sessions.decline_offer(row, "b", DeclineReason.BUSY, world.now)
    assert refused.value.reason == reason


def test_what_was_accepted_is_released_not_declined(world: World) -> None:
    world.mechanic("a")
    world.book()
    offer = world.offer_to("a")
    world.accept(offer.id, "a")
    with pytest.raises(IllegalMove):
        sessions.decline_offer(offer.id, "a", DeclineReason.BUSY, world.now)


# Release


def test_a_released_session_seeks_again_without_that_mechanic(world: World) -> None:
    world.mechanic("a", rating=5.0)
    session = world.book()
    offer = world.offer_to("a")
    world.accept(offer.id, "a")
    world.mechanic("b")
    sessions.release_session(offer.id, "a", "My connection fails", world.now)
    world.drain()
    again = world.session(session.id)
    assert (again.status, again.period, again.mechanic_id) == (Status.PENDING, 2, None)
    assert world.row(offer.id).status is AssignmentStatus.RELEASED
    assert world.load("a") == 0
    assert world.asked(session.id) == ["a", "b"], "nobody is asked twice"
    assert offers.queue_of("a", world.now).unassigned == []
    with pytest.raises(Conflict) as refused:
        sessions.accept_offer(world.broadcast(session.id).id, "a", world.now)
    assert refused.value.reason == "not_eligible"


def test_releasing_twice_is_releasing_once(world: World) -> None:
    world.mechanic("a")
    session = world.book()
    offer = world.offer_to("a")
    world.accept(offer.id, "a")
    for _ in range(2):
        sessions.release_session(offer.id, "a", "why", world.now)
    assert len(world.facts("OfferReleased", session_id=session.id)) == 1
    assert world.load("a") == 0


def test_only_what_was_accepted_can_be_released(world: World) -> None:
    world.mechanic("a")
    world.book()
    with pytest.raises(IllegalMove):
        sessions.release_session(world.offer_to("a").id, "a", "why", world.now)


@pytest.mark.parametrize("in_hand", [False, True])
def test_nobody_releases_what_another_has_taken(world: World, in_hand: bool) -> None:
    """Everybody has seen the broadcast's id; only its taker may give it back."""
    world.mechanic("a")
    world.mechanic("b")
    if in_hand:
        world.book("first")
        world.accept(world.offer_to("b").id, "b")
    session = world.book("second")
    row = world.broadcast(session.id)
    world.accept(row.id, "a")
    with pytest.raises(Conflict) as refused:
        sessions.release_session(row.id, "b", "not mine", world.now)
    assert refused.value.reason == "taken"
    assert world.session(session.id).mechanic_id == "a"
    assert (world.load("a"), world.load("b")) == (1, int(in_hand))
    sessions.release_session(row.id, "a", "mine", world.now)
    with pytest.raises(Conflict):
        sessions.release_session(row.id, "b", "not mine", world.now)
