"""A customer's profile and garage, by the calls; and what booking takes from them."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from dispatch.core.errors import Invalid
from dispatch.core.table import Key, get
from dispatch.customers import rules
from dispatch.customers import service as customers
from dispatch.customers.model import Location, Vehicle
from dispatch.sessions import service as sessions
from tests.builders import CUSTOMER, an_http_event
from tests.clock import Clock
from tests.entry_points import load
from tests.stories import take
from tests.world import DOWNTOWN, World, an_intake

CONTEXT = SimpleNamespace(aws_request_id="request-1")
VIN = "2HGFC2F52KH500001"
CIVIC: dict[str, Any] = {
    "year": 2019,
    "make": "Honda",
    "model": "Civic",
    "vin": VIN,
    "plate": "CBXT 901",
    "odometer_km": 84200,
}
PROFILE = {
    "name": "Jo Driver",
    "email": "Jo@Driver.Example",
    "phone": "416 555 0100",
    "location": {
        "country": "Canada",
        "state_province": "Ontario",
        "city": "Toronto",
        "postal_code": "m5v 1a1",
    },
    "locale": "FR-ca",
}
UNKNOWN = {"country": None, "state_province": None, "city": None, "postal_code": None}


class Answer:
    def __init__(self, raw: dict[str, Any]) -> None:
        self.status: int = raw["statusCode"]
        self.body: Any = json.loads(raw["body"]) if raw.get("body") else None

    @property
    def pointers(self) -> list[str]:
        assert self.status == 422, self.body
        return sorted(error["pointer"] for error in self.body["errors"])


@pytest.fixture(scope="module")
def handler() -> Any:
    return load("customers/api").handler


@pytest.fixture
def call(aws: None, clock: Clock, handler: Any) -> Any:
    def send(method: str, path: str, body: Any = None, **event: Any) -> Answer:
        return Answer(handler(an_http_event(method, f"/customer{path}", body, **event), CONTEXT))

    return send


# The profile


def test_a_profile_is_empty_before_it_is_written(call: Any) -> None:
    answer = call("GET", "/profile")
    assert answer.status == 200
    assert answer.body == {
        "id": CUSTOMER,
        "name": None,
        "email": None,
        "phone": None,
        "location": UNKNOWN,
        "locale": None,
    }


def test_a_profile_is_kept_as_such_things_are_written(call: Any) -> None:
    expected = {
        "id": CUSTOMER,
        "name": "Jo Driver",
        "email": "Jo@driver.example",
        "phone": "+14165550100",
        "location": {
            "country": "CA",
            "state_province": "Ontario",
            "city": "Toronto",
            "postal_code": "M5V 1A1",
        },
        "locale": "fr-CA",
    }
    assert call("PUT", "/profile", PROFILE).body == expected
    assert call("GET", "/profile").body == expected


def test_a_profile_is_replaced_as_a_whole(call: Any) -> None:
    call("PUT", "/profile", PROFILE)
    answer = call("PUT", "/profile", {"name": "Jo"})
    assert answer.body["name"] == "Jo"
    assert (answer.body["email"], answer.body["location"]) == (None, UNKNOWN)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"nmae": "Jo"}, "/nmae"),
        ({"email": "jo at driver"}, "/email"),
        ({"phone": "555-0100"}, "/phone"),
        ({"locale": "de"}, "/locale"),
        ({"locale": "fr_CA"}, "/locale"),
        ({"name": ""}, "/name"),
        ({"credits": 100}, "/credits"),
        ({"location": {"country": "Atlantis"}}, "/location/country"),
        ({"location": {"country": "CA", "postal_code": "90210"}}, "/location/postal_code"),
        ({"location": {"town": "Toronto"}}, "/location/town"),
    ],
)
def test_what_is_wrong_is_pointed_at_and_nothing_written(
    call: Any, change: dict[str, Any], pointer: str
) -> None:
    assert call("PUT", "/profile", PROFILE | change).pointers == [pointer]
    assert call("GET", "/profile").body["name"] is None


def test_without_a_country_any_postal_code_goes(call: Any) -> None:
    answer = call("PUT", "/profile", {"location": {"postal_code": "whatever"}})
    assert answer.body["location"]["postal_code"] == "whatever"


def test_a_phone_is_dialled_from_where_its_owner_is(call: Any) -> None:
    body = {"phone": "06 12 34 56 78", "location": {"country": "France"}}
    assert call("PUT", "/profile", body).body["phone"] == "+33612345678"


def test_mechanics_have_no_such_profile(call: Any) -> None:
    assert call("GET", "/profile", groups="[mechanic]").status == 403


# The garage


def test_vehicles_are_kept_listed_and_removed(call: Any, clock: Clock) -> None:
    first = call("POST", "/vehicles", CIVIC)
    assert first.status == 201
    assert {name: first.body[name] for name in CIVIC} == CIVIC
    clock.advance(seconds=1)
    second = call("POST", "/vehicles", {"year": 2024, "make": "BMW", "model": "i4"}).body
    assert (second["vin"], second["plate"], second["odometer_km"]) == (None, None, None)
    assert call("GET", "/vehicles").body == {"items": [second, first.body], "next_cursor": None}
    assert call("DELETE", f"/vehicles/{second['id']}").status == 204
    assert call("DELETE", f"/vehicles/{second['id']}").status == 404
    assert call("GET", "/vehicles").body["items"] == [first.body]


def test_a_garage_comes_in_pages(call: Any, clock: Clock) -> None:
    ids = []
    for _ in range(3):
        ids.append(call("POST", "/vehicles", CIVIC).body["id"])
        clock.advance(seconds=1)
    page = call("GET", "/vehicles", query="limit=2").body
    rest = call("GET", "/vehicles", query=f"limit=2&cursor={page['next_cursor']}").body
    assert [each["id"] for each in [*page["items"], *rest["items"]]] == ids[::-1]
    assert rest["next_cursor"] is None


def test_a_garage_is_its_owners(call: Any) -> None:
    kept = call("POST", "/vehicles", CIVIC).body
    assert call("GET", "/vehicles", caller="somebody-else").body["items"] == []
    assert call("DELETE", f"/vehicles/{kept['id']}", caller="somebody-else").status == 404
    assert call("DELETE", "/vehicles/GARAGE").status == 404


def test_a_keyed_vehicle_is_kept_once(call: Any) -> None:
    keyed = {"headers": {"idempotency-key": "k"}}
    first = call("POST", "/vehicles", CIVIC, **keyed)
    assert call("POST", "/vehicles", CIVIC, **keyed).body == first.body
    assert len(call("GET", "/vehicles").body["items"]) == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"vin": VIN[:-1]}, "/vin"),
        ({"vin": "2HGFC2F59KH500001"}, "/vin"),  # the check digit does not fit
        ({"vin": "7SAYGDEE0NF314159"}, "/vin"),
        ({"vin": "2HGFC2F52KHI00001"}, "/vin"),
        ({"year": 1899}, "/year"),
        ({"year": "2019"}, "/year"),
        ({"plate": "x" * 17}, "/plate"),
        ({"odometer_km": -1}, "/odometer_km"),
        ({"odometer_km": 1.5}, "/odometer_km"),
        ({"colour": "red"}, "/colour"),
        ({"make": ""}, "/make"),
    ],
)
def test_what_is_wrong_with_a_vehicle_is_pointed_at(
    call: Any, change: dict[str, Any], pointer: str
) -> None:
    assert call("POST", "/vehicles", CIVIC | change).pointers == [pointer]


@pytest.mark.parametrize(
    "vin",
    [
        VIN.lower(),
        "1M8GDM9AXKP042788",
        "7SAYGDEE8NF314159",
        "WVWZZZ1JZXW000001",  # Germany
        "7A8CC0B0000000001",  # New Zealand
    ],
)
def test_a_vin_needs_its_check_digit_only_where_there_is_one(call: Any, vin: str) -> None:
    assert call("POST", "/vehicles", CIVIC | {"vin": vin}).body["vin"] == vin.upper()


def test_a_garage_is_full_some_day(
    call: Any, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(rules, "MOST_VEHICLES", 2)
    kept = [call("POST", "/vehicles", CIVIC).body for _ in range(2)]
    refused = call("POST", "/vehicles", CIVIC)
    assert (refused.status, refused.body["reason"]) == (409, "too_many_vehicles")
    call("DELETE", f"/vehicles/{kept[0]['id']}")
    assert call("POST", "/vehicles", CIVIC).status == 201


# Booking with them


def test_a_booking_takes_the_whole_location_of_the_profile_or_none_of_it(world: World) -> None:
    customers.upsert({"id": CUSTOMER, "country": "CA", "city": "Toronto", "postal_code": "M5V 1A1"})
    nowhere = sessions.book_session(an_intake(location=Location()), CUSTOMER, world.now)
    assert nowhere.location == Location("CA", None, "Toronto", "M5V 1A1")
    sessions.cancel_session(nowhere.id, CUSTOMER, None, world.now)
    told = sessions.book_session(an_intake(location=Location(country="FR")), CUSTOMER, world.now)
    assert told.location == Location("FR")


def _kept(world: World, **changes: Any) -> str:
    vehicle = Vehicle(**CIVIC | changes)
    return customers.add_vehicle(CUSTOMER, vehicle, world.now).id


def test_a_session_keeps_the_vehicle_as_it_was_booked(world: World) -> None:
    vehicle_id = _kept(world)
    intake = an_intake(vehicle=None, vehicle_id=vehicle_id)
    session = sessions.book_session(intake, CUSTOMER, world.now)
    customers.remove_vehicle(CUSTOMER, vehicle_id)
    assert world.session(session.id).vehicle == Vehicle(**CIVIC)


@pytest.mark.parametrize("whose", [None, "somebody-else"])
def test_a_vehicle_of_another_garage_is_none(world: World, whose: str | None) -> None:
    vehicle_id = "01K00000000000000000000V01"
    if whose:
        vehicle_id = customers.add_vehicle(whose, Vehicle(**CIVIC), world.now).id
    with pytest.raises(Invalid, match="/vehicle_id: is no vehicle of your garage"):
        sessions.book_session(an_intake(vehicle=None, vehicle_id=vehicle_id), CUSTOMER, world.now)


def test_before_an_accept_a_mechanic_sees_no_vin_and_no_plate(world: World) -> None:
    world.mechanic("a")
    session = world.book(CUSTOMER, vehicle=None, vehicle_id=_kept(world))
    offer = world.offer_to("a")
    brief = get(Key(f"ASSIGNMENT#{offer.id}"))
    assert brief
    assert VIN not in str(brief)
    assert "CBXT" not in str(brief)
    before = sessions.details(world.session(session.id), "a", world.now)
    assert before.session.vehicle == Vehicle(2019, "Honda", "Civic", odometer_km=84200)
    taken = take(world, "a", session)
    after = sessions.details(taken, "a", world.now)
    assert after.session.vehicle == Vehicle(**CIVIC)
    assert after.session.location == DOWNTOWN
