"""What nobody is shown: everything the calls answer, searched for what they must not tell.

The people here have data that can be recognised wherever it turns up (``api.md``: before an accept
a mechanic sees of the customer only city, vehicle without VIN, keywords and a preview of the
concern; a customer sees public profiles; timelines hide other mechanics and scores).
"""

import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from dispatch.customers.model import Location
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Review, Session, Vehicle
from tests.calls import call
from tests.entry_points import load
from tests.stories import end, go_live, is_offered, take
from tests.world import World, an_intake

TAIL = "my neighbour Ottoline has seen it too"
CONCERN = f"Check engine light on, rough idle, need diagnostics. {'It shakes. ' * 20}{TAIL}"
OF_CUSTOMER = {
    "id": "customer-zebulon",
    "name": "Zebulon Quux",
    "email": "zebulon@quux.example",
    "phone": "+14165550177",
    "postal code": "M5V 9Z9",
    "VIN": "2HGFC2F59KH599999",
    "the rest of the concern": TAIL,
    "signature": "Z. Quux the Third",
    "words of a rating": "Too chatty for my taste",
}
WHAT_IS_TOLD = {"city": "Toronto", "keyword": "check engine light", "car": "Civic"}
OF_MECHANIC = {
    "email": "ada@wrench.example",
    "phone": "+14165550188",
    "postal code": "M5V 8X8",
    "time zone": "America/Toronto",
    "last day of the certification": "2031-05-06",
}
SESSION_KEYS_BEFORE_ACCEPT = {
    "id",
    "type",
    "plan",
    "status",
    "urgent",
    "created_at",
    "scheduled_start",
    "scheduled_end",
    "vehicle",
    "keywords",
    "concern_preview",
    "city",
}
PUBLIC_PROFILE = {
    "id",
    "name",
    "photo_url",
    "rating",
    "years_of_experience",
    "completed_sessions",
    "certified",
    "brand_specializations",
    "service_keywords",
    "city",
    "country",
}


class Api:
    """The calls of one user; all they are answered is kept."""

    def __init__(self, user: str, groups: str) -> None:
        self.user, self.groups = user, groups
        self.seen: list[Any] = []

    def __call__(self, api: str, method: str, path: str, body: Any = None, query: str = "") -> Any:
        _, answer = call(
            _module(api), method, path, user=self.user, groups=self.groups, body=body, query=query
        )
        self.seen.append(answer)
        return answer

    def found(self, *what: dict[str, str]) -> set[str]:
        """Which of these have turned up anywhere."""
        text = json.dumps(self.seen, ensure_ascii=False)
        return {name for each in what for name, value in each.items() if value in text}


_modules: dict[str, ModuleType] = {}


def _module(name: str) -> ModuleType:
    return _modules.setdefault(name, load(f"{name}/api"))


@pytest.fixture
def ada(world: World) -> Api:
    """A mechanic who has told much of herself, with a phone."""
    world.mechanic(
        "ada",
        email=OF_MECHANIC["email"],
        phone=OF_MECHANIC["phone"],
        postal_code=OF_MECHANIC["postal code"],
        time_zone=OF_MECHANIC["time zone"],
        certified=True,
        certification_expires_on=OF_MECHANIC["last day of the certification"],
        completed_sessions=3,
    )
    world.device("ada")
    return Api("ada", "mechanic")


@pytest.fixture
def bob(world: World) -> Api:
    world.mechanic("bob-the-other", rating=4.0)
    return Api("bob-the-other", "mechanic")


@pytest.fixture
def zebulon() -> Api:
    return Api(OF_CUSTOMER["id"], "customer")


def book(world: World, **changes: Any) -> Session:
    intake = an_intake(
        name=OF_CUSTOMER["name"],
        email=OF_CUSTOMER["email"],
        phone=OF_CUSTOMER["phone"],
        concern=CONCERN,
        location=Location("CA", "Ontario", "Toronto", OF_CUSTOMER["postal code"]),
        vehicle=Vehicle(2019, "Honda", "Civic", vin=OF_CUSTOMER["VIN"]),
        **changes,
    )
    session = sessions.book_session(intake, OF_CUSTOMER["id"], world.now)
    sessions.sign_waiver(session.id, OF_CUSTOMER["id"], OF_CUSTOMER["signature"], world.now)
    world.drain()
    return session


def looks_around(who: Api, session: Session) -> None:
    """Whatever a mechanic can look at without having accepted."""
    who("queue", "GET", "/mechanic/queue")
    who("notifications", "GET", "/notifications")
    who("sessions", "GET", "/sessions")
    who("sessions", "GET", f"/sessions/{session.id}")
    who("sessions", "GET", f"/sessions/{session.id}/events")
    who("mechanics", "GET", "/mechanics/available")
    who("calendar", "GET", "/mechanic/bookings")


# Before an accept


def test_of_an_offer_a_mechanic_sees_what_is_wrong_with_what_and_where(
    world: World, ada: Api
) -> None:
    session = book(world)
    assert is_offered(world, "ada") == [session.id]
    looks_around(ada, session)
    ada.seen.append(world.pushes_to("ada"))
    assert ada.found(OF_CUSTOMER) == set()
    assert ada.found(WHAT_IS_TOLD) == set(WHAT_IS_TOLD)
    (row,) = ada("queue", "GET", "/mechanic/queue")["mine"]
    assert set(row["session"]) == SESSION_KEYS_BEFORE_ACCEPT
    assert row["session"]["vehicle"] == {"year": 2019, "make": "Honda", "model": "Civic"}


def test_of_a_broadcast_no_more(world: World, ada: Api) -> None:
    session = book(world)
    declined = world.offer_to("ada")
    answer = ada(
        "queue", "POST", f"/mechanic/assignments/{declined.id}/decline", {"reason": "busy"}
    )
    assert (answer["customer"], answer["concern"], answer["vehicle"]["vin"]) == (None, None, None)
    late = Api("late", "mechanic")
    world.mechanic("late", rating=None)
    world.drain()
    world.pass_time(minutes=6)
    looks_around(late, session)
    (row,) = late("queue", "GET", "/mechanic/queue")["unassigned"]
    assert set(row["session"]) == SESSION_KEYS_BEFORE_ACCEPT
    assert (row["match_score"], row["match_reasons"], row["mechanic_id"]) == (None, None, None)
    for who in (ada, late):
        assert who.found(OF_CUSTOMER) == set()


def test_who_passed_learns_nothing_of_who_came_after(world: World, ada: Api, bob: Api) -> None:
    session = book(world)
    offer = world.offer_to("ada")
    ada("queue", "POST", f"/mechanic/assignments/{offer.id}/decline", {"reason": "busy"})
    take(world, "bob-the-other", session)
    again = ada("queue", "POST", f"/mechanic/assignments/{offer.id}/decline", {"reason": "busy"})
    looks_around(ada, session)
    assert again["mechanic"] is None
    told = json.dumps([each for each in ada.seen if "mechanics" not in each])
    assert "bob-the-other" not in told
    assert ada.found(OF_CUSTOMER) == set()


def test_who_accepts_sees_whom_they_are_to_help_and_what_it_is(world: World, ada: Api) -> None:
    session = book(world)
    offer = world.offer_to("ada")
    accepted = ada("queue", "POST", f"/mechanic/assignments/{offer.id}/accept")
    assert accepted["customer"] == {
        "id": OF_CUSTOMER["id"],
        "name": OF_CUSTOMER["name"],
        "phone": OF_CUSTOMER["phone"],
    }
    assert (accepted["concern"], accepted["vehicle"]["vin"]) == (CONCERN, OF_CUSTOMER["VIN"])
    looks_around(ada, session)
    never = {"email", "postal code", "signature", "words of a rating"}
    assert ada.found(OF_CUSTOMER) == set(OF_CUSTOMER) - never


def test_and_no_longer_when_it_is_theirs_no_more(world: World, ada: Api) -> None:
    session = book(world)
    offer = world.offer_to("ada")
    take(world, "ada", session)
    released = ada(
        "queue", "POST", f"/mechanic/assignments/{offer.id}/release", {"reason": "Power is out"}
    )
    assert released["customer"] is None
    looks_around(ada, session)
    assert ada.found(OF_CUSTOMER) == set()


def test_what_a_customer_writes_with_their_stars_is_not_for_the_mechanic(
    world: World, ada: Api
) -> None:
    session = book(world)
    rated = end(world, go_live(world, take(world, "ada", session)))
    review = Review(2, OF_CUSTOMER["words of a rating"])
    sessions.rate_session(rated.id, OF_CUSTOMER["id"], review, world.now)
    world.drain()
    looks_around(ada, session)
    assert "words of a rating" not in ada.found(OF_CUSTOMER)
    assert ada("sessions", "GET", f"/sessions/{session.id}")["rating"] is None


# What customers see of mechanics


def test_customers_see_public_profiles(world: World, ada: Api, bob: Api, zebulon: Api) -> None:
    session = book(world)
    take(world, "ada", session)
    own = zebulon("sessions", "GET", f"/sessions/{session.id}")
    assert set(own["mechanic"]) == PUBLIC_PROFILE
    page = zebulon("mechanics", "GET", "/mechanics/available")
    seen = {"presence_status", "last_seen_at"}
    ranked = {
        "match_score",
        "match_reasons",
        "badge",
        "is_local_match",
        "is_brand_specialist",
        "next_slot_at",
    }
    assert [set(each) for each in page["mechanics"]] == [PUBLIC_PROFILE | seen | ranked] * 2
    assert set(zebulon("mechanics", "GET", "/mechanics/ada")) >= PUBLIC_PROFILE
    zebulon("sessions", "GET", "/sessions")
    zebulon("notifications", "GET", "/notifications")
    zebulon("calendar", "GET", "/mechanics/ada/slots", query="plan=free")
    assert zebulon.found(OF_MECHANIC) == set()


# Timelines

STEPS: dict[str, Callable[[World, Session], object]] = {
    "is asked for": lambda _world, _session: None,
    "is taken": lambda world, session: take(world, "ada", session),
    "goes live": lambda world, session: go_live(world, take(world, "ada", session)),
    "is completed": lambda world, session: end(world, go_live(world, take(world, "ada", session))),
    "is nobody's": lambda world, _session: world.pass_time(minutes=31),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_timeline_hides_other_mechanics_and_all_scores(
    world: World, ada: Api, bob: Api, zebulon: Api, step: str
) -> None:
    session = book(world)
    STEPS[step](world, session)
    world.drain()
    path = f"/sessions/{session.id}/events"
    entries = zebulon("sessions", "GET", path)["items"]
    assert {entry["type"] for entry in entries} > {"SessionBooked", "OffersMade"}
    assert "bob-the-other" not in json.dumps(entries)
    names = {name for each in _objects(entries) for name in each}
    assert names.isdisjoint({"match_score", "match_reasons", "score", "breakdown", "matches"})
    ada("sessions", "GET", path)
    assert "bob-the-other" not in json.dumps(ada.seen[-1])


def test_nor_does_it_name_who_had_it_and_has_it_no_more(
    world: World, ada: Api, bob: Api, zebulon: Api
) -> None:
    session = book(world)
    take(world, "ada", session)
    sessions.release_session(world.row(_accepted(world)).id, "ada", "Power is out", world.now)
    world.drain()
    world.accept(world.broadcast(session.id).id, "bob-the-other")
    path = f"/sessions/{session.id}/events"
    told = json.dumps(zebulon("sessions", "GET", path))
    assert ("bob-the-other" in told, '"ada"' in told) == (True, False)
    assert '"ada"' not in json.dumps(bob("sessions", "GET", path))
    sessions.reassign_session(session.id, "admin-1", "Does not answer", world.now)
    world.drain()
    told = json.dumps(zebulon("sessions", "GET", path))
    assert "SessionReassigned" in told
    assert ("bob-the-other" in told, '"ada"' in told) == (False, False)


def _objects(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _objects(each)


# What leaves the table


def test_facts_carry_ids_and_codes_only(world: World, ada: Api, bob: Api) -> None:
    """From the booking to a rating, an admin's reason and a release included."""
    session = book(world)
    take(world, "ada", session)
    sessions.release_session(world.row(_accepted(world)).id, "ada", "Ottoline called", world.now)
    world.drain()
    world.accept(world.broadcast(session.id).id, "bob-the-other")
    sessions.reassign_session(session.id, "admin-1", "Ottoline called again", world.now)
    world.drain()
    sessions.call_off_session(session.id, "admin-1", "Ottoline is cross", world.now)
    second = book(world)
    rated = end(world, go_live(world, take(world, "ada", second)))
    review = Review(1, OF_CUSTOMER["words of a rating"])
    sessions.rate_session(rated.id, OF_CUSTOMER["id"], review, world.now)
    told = json.dumps(world.facts(), default=str, ensure_ascii=False)
    hidden = {name: value for name, value in OF_CUSTOMER.items() if name != "id"}
    found = [name for name, value in (hidden | OF_MECHANIC).items() if value in told]
    assert found == []
    assert "Ottoline" not in told
    assert CONCERN[:40] not in told


def _accepted(world: World) -> str:
    (fact,) = world.facts("OfferAccepted")
    return str(fact["assignment_id"])
