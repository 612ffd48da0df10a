"""Customers rate what is completed: once, in time, and every star counts exactly."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.core.errors import Conflict, NotFound
from dispatch.core.table import Transaction
from dispatch.matching import service as matching
from dispatch.mechanics import service as mechanics
from dispatch.mechanics import store
from dispatch.mechanics.model import Mechanic
from dispatch.policy.model import Policy
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Review, Session, Status
from tests.calls import call
from tests.clock import Clock
from tests.entry_points import load
from tests.fast.world import FastWorld, running
from tests.mechanic_builders import a_request
from tests.stories import complete, take
from tests.world import World

FORTNIGHT = timedelta(days=14)
Answer = tuple[int, Any]


def completed(world: World | FastWorld, customer_id: str = "customer", by: str = "a") -> Session:
    return complete(world, take(world, by, world.book(customer_id)))


def mechanic(id_: str = "a") -> Mechanic:
    found = mechanics.get(id_)
    assert found
    return found


def stars() -> tuple[float | None, int]:
    """Mean and count, where floats tell enough."""
    found = mechanic()
    rating = found.profile.rating
    return None if rating is None else float(rating), found.rating_count


def rate(world: World, session: Session, stars: int, comment: str | None = None) -> Session:
    review = Review(stars, comment)
    return sessions.rate_session(session.id, session.customer_id, review, world.now)


@pytest.fixture
def post(world: World) -> Callable[..., Answer]:
    api = load("sessions/api")

    def send(session: Session, body: Any, user: str = "customer", **more: Any) -> Answer:
        options: Any = {"groups": "customer"} | more
        return call(api, "POST", f"/sessions/{session.id}/rate", user=user, body=body, **options)

    return send


# One rating


def test_a_rating_is_kept_and_counts_for_the_mechanic(world: World) -> None:
    world.mechanic("a", rating=None)
    rated = rate(world, completed(world), 4, "Quick and kind")
    assert rated.rating
    assert (rated.rating.stars, rated.rating.rated_at) == (4, world.now)
    assert stars() == (4, 1)
    (fact,) = world.facts("SessionRated")
    assert (fact["mechanic_id"], fact["stars"]) == ("a", 4)
    assert "Quick" not in str(fact)


def test_it_is_shown_to_the_customer_alone(world: World, post: Callable[..., Answer]) -> None:
    world.mechanic("a", rating=None)
    session = completed(world)
    status, view = post(session, {"stars": 2, "comment": " Came late "})
    told = {"stars": 2, "comment": "Came late", "rated_at": "2026-07-01T12:00:00.000Z"}
    assert (status, view["rating"]) == (200, told)
    api, path = load("sessions/api"), f"/sessions/{session.id}"
    _, own = call(api, "GET", path, user="customer", groups="customer")
    _, theirs = call(api, "GET", path, user="a", groups="mechanic")
    assert (own["rating"], theirs["rating"]) == (told, None)
    _, timeline = call(api, "GET", f"{path}/events", user="a", groups="mechanic")
    (entry,) = [each for each in timeline["items"] if each["type"] == "SessionRated"]
    assert set(entry["detail"]) == {"mechanic_id", "assignment_id"}
    assert "Came late" not in str(theirs) + str(timeline)


def test_the_same_rating_again_is_the_same(world: World, post: Callable[..., Answer]) -> None:
    world.mechanic("a", rating=None)
    session = completed(world)
    body = {"stars": 5, "comment": "Thank you"}
    first = post(session, body)
    assert first[0] == 200
    assert post(session, body) == first
    world.clock.advance(days=20)
    assert post(session, body)[0] == 200
    assert (mechanic().rating_count, len(world.facts("SessionRated"))) == (1, 1)


@pytest.mark.parametrize(
    "body", [{"stars": 4, "comment": "Good"}, {"stars": 5}, {"stars": 5, "comment": "Not good"}]
)
def test_another_one_is_refused(world: World, post: Callable[..., Answer], body: Any) -> None:
    world.mechanic("a", rating=None)
    session = completed(world)
    post(session, {"stars": 5, "comment": "Good"})
    status, problem = post(session, body)
    assert (status, problem["reason"]) == (409, "illegal_move")
    assert "already" in problem["detail"]
    assert stars() == (5, 1)


def test_a_keyed_rating_counts_once(world: World, post: Callable[..., Answer]) -> None:
    world.mechanic("a", rating=None)
    session = completed(world)
    first = post(session, {"stars": 5}, idempotency_key="key")
    assert first[0] == 200
    assert post(session, {"stars": 5}, idempotency_key="key") == first
    assert post(session, {"stars": 4}, idempotency_key="key")[1]["reason"] == "idempotency_mismatch"
    assert mechanic().rating_count == 1


def test_it_can_be_given_for_a_fortnight(world: World) -> None:
    world.mechanic("a", rating=None)
    session = completed(world)
    world.clock.advance(days=14)
    with pytest.raises(Conflict, match="14 days"):
        rate(world, session, 5)
    world.clock.advance(seconds=-1)
    assert rate(world, session, 5).rating


def test_only_what_is_completed_can_be_rated(world: World, post: Callable[..., Answer]) -> None:
    world.mechanic("a", rating=None)
    session = world.book()
    steps: list[Callable[[], object]] = [
        lambda: None,
        lambda: take(world, "a", session),
        lambda: sessions.join_session(session.id, "a", world.now),
        lambda: sessions.cancel_session(session.id, "customer", None, world.now),
    ]
    for step in steps:
        step()
        status, problem = post(session, {"stars": 5})
        assert (status, problem["reason"]) == (409, "illegal_move")
        assert problem["current_status"] == world.session(session.id).status
    assert mechanic().rating_count == 0


def test_a_session_that_ended_by_itself_can_be_rated(world: World) -> None:
    """Its timer may never have rung."""
    world.mechanic("a", rating=None)
    session = take(world, "a", world.book())
    for party in ("a", "customer"):
        sessions.join_session(session.id, party, world.now)
    world.clock.advance(hours=1)
    assert rate(world, session, 3).status is Status.COMPLETED


@pytest.mark.parametrize(("user", "groups"), [("other", "customer"), ("a", "customer mechanic")])
def test_to_anybody_else_there_is_no_such_session(
    world: World, post: Callable[..., Answer], user: str, groups: str
) -> None:
    world.mechanic("a", rating=None)
    session = completed(world)
    assert post(session, {"stars": 1}, user=user, groups=groups)[0] == 404
    with pytest.raises(NotFound):
        sessions.rate_session(session.id, user, Review(1), world.now)
    assert mechanic().rating_count == 0


def test_mechanics_do_not_rate(world: World, post: Callable[..., Answer]) -> None:
    world.mechanic("a", rating=None)
    assert post(completed(world), {"stars": 5}, user="a", groups="mechanic")[0] == 403


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/stars"),
        ({"stars": 0}, "/stars"),
        ({"stars": 6}, "/stars"),
        ({"stars": 4.5}, "/stars"),
        ({"stars": "5"}, "/stars"),
        ({"stars": True}, "/stars"),
        ({"stars": None}, "/stars"),
        ({"stars": 5, "star": 5}, "/star"),
        ({"stars": 5, "comment": 5}, "/comment"),
        ({"stars": 5, "comment": "x" * 2001}, "/comment"),
        ({"stars": 5, "comment": "\ud800"}, "/comment"),
    ],
)
def test_a_wrong_body_is_pointed_at(
    world: World, post: Callable[..., Answer], body: Any, pointer: str
) -> None:
    world.mechanic("a", rating=None)
    session = completed(world)
    status, problem = post(session, body)
    assert status == 422
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert world.session(session.id).rating is None


def test_empty_words_are_none(world: World, post: Callable[..., Answer]) -> None:
    world.mechanic("a", rating=None)
    assert post(completed(world), {"stars": 5, "comment": "  "})[1]["rating"]["comment"] is None


# The mean


@settings(max_examples=20)
@given(given_=st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_mean_and_count_are_exact(given_: list[int]) -> None:
    with running(Clock()) as world:
        world.mechanic("a", rating=None)
        for number, stars in enumerate(given_):
            session = completed(world, f"customer-{number}")
            sessions.rate_session(session.id, session.customer_id, Review(stars), world.now)
        assert mechanic().rating_count == len(given_)
        rating = mechanic().profile.rating
        assert rating
        truth = Fraction(sum(given_), len(given_))
        assert 0 <= truth - Fraction(rating) < Fraction(1, 10**18)


def test_stars_given_at_once_all_count(world: World) -> None:
    """Every request from a thread of its own, on real transactions."""
    world.mechanic("a", rating=None)
    done = [completed(world, f"customer-{number}") for number in range(8)]
    all_stars = [5, 4, 3, 5, 1, 2, 5, 4]
    start = threading.Barrier(len(done))
    failed: list[BaseException] = []

    def give(session: Session, stars: int) -> None:
        start.wait()
        try:
            rate(world, session, stars)
        except BaseException as error:  # noqa: BLE001 - told to the test
            failed.append(error)

    threads = [
        threading.Thread(target=give, args=each) for each in zip(done, all_stars, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert mechanic().rating_count == 8
    assert mechanic().profile.rating == Decimal(29) / 8


def test_who_rates_twice_at_once_has_rated_once(world: World) -> None:
    """Two tabs: the second has read the session before the first has written."""
    world.mechanic("a", rating=None)
    session = completed(world)
    real = mechanics.add_stars
    given_twice: list[object] = []

    def add_stars(*arguments: Any) -> None:
        if not given_twice:
            given_twice.append(True)
            given_twice.append(rate(world, session, 5))
        real(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mechanics, "add_stars", add_stars)
        with pytest.raises(Conflict, match="already"):
            rate(world, session, 1)
    assert stars() == (5, 1)


def test_a_rating_of_a_record_weighs_as_its_completed_sessions(world: World) -> None:
    world.mechanic("a", rating=4.8, completed_sessions=9)
    session = completed(world)  # the tenth, which does not make the nine more
    assert mechanic().rating_count == 9
    rate(world, session, 1)
    assert mechanic().rating_count == 10
    assert mechanic().profile.rating == Decimal("4.42")


def test_a_record_written_again_is_as_the_record_says(world: World) -> None:
    world.mechanic("a", rating=None)
    rate(world, completed(world), 1)
    world.mechanic("a", on_shift=False, rating=4.6, completed_sessions=20)
    assert stars() == (4.6, 20)


def test_matching_goes_by_the_new_mean_at_once(world: World) -> None:
    """4.5 is worth 15 points, below it 10."""
    world.mechanic("a", rating=4.5, completed_sessions=1)
    session = completed(world)

    def points() -> tuple[int, str]:
        (found,) = matching.rank(a_request(), 1, Policy(), world.now).top
        (reason,) = [each for each in found.score.match_reasons if "rated" in each]
        return found.score.breakdown["rating"], reason

    assert points() == (15, "Highly rated (4.5)")
    rate(world, session, 4)
    assert points() == (10, "Well rated (4.2)")


def test_a_profile_written_meanwhile_loses_no_star(world: World) -> None:
    """Whoever edits a profile has read another mean: theirs is not written back."""
    world.mechanic("a", rating=None)
    session = completed(world)
    found = store.find("a")
    assert found
    rate(world, session, 5)
    with Transaction() as tx:
        store.put_profile(tx, found.profile, found, world.now)
    assert stars() == (5, 1)
    (ranked,) = matching.rank(a_request(), 1, Policy(), world.now).top
    assert ranked.mechanic.rating == 5


# Lists of who is both


def test_who_is_customer_and_mechanic_can_ask_for_either_list(world: World) -> None:
    world.mechanic("both")
    taken = take(world, "both", world.book("customer"))
    own = world.book("both")
    api = load("sessions/api")

    def listed(query: str = "", groups: str = "customer mechanic") -> list[str]:
        status, page = call(api, "GET", "/sessions", user="both", groups=groups, query=query)
        assert status == 200
        return [item["id"] for item in page["items"]]

    assert listed() == listed("as=customer") == [own.id]
    assert listed("as=mechanic") == listed(groups="mechanic") == [taken.id]
    status, problem = call(
        api, "GET", "/sessions", user="both", groups="customer", query="as=admin"
    )
    assert (status, problem["errors"][0]["pointer"]) == (422, "/as")
