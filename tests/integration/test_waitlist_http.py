"""The calls of the waitlist: what they take, answer and refuse."""

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from dispatch.core.ids import is_id, new_id
from dispatch.core.time import format_time
from dispatch.customers import service as customers
from dispatch.sessions import service as sessions
from dispatch.waitlist import service as waitlist
from tests.builders import CUSTOMER, an_http_event
from tests.entry_points import load
from tests.world import World, an_intake

CONTEXT = SimpleNamespace(aws_request_id="request-1")
NO_SUCH_ID = "01K00000000000000000000W01"


class Answer:
    def __init__(self, raw: dict[str, Any]) -> None:
        self.status: int = raw["statusCode"]
        self.type: str = raw["headers"].get("content-type", "")
        self.body: Any = json.loads(raw["body"]) if raw.get("body") else None

    @property
    def pointers(self) -> list[str]:
        assert self.status == 422
        return sorted(error["pointer"] for error in self.body["errors"])


@pytest.fixture(scope="module")
def handler() -> Any:
    return load("waitlist/api").handler


@pytest.fixture
def call(world: World, handler: Any) -> Any:
    def send(method: str, path: str, body: Any = None, **event: Any) -> Answer:
        path = f"/customer/waitlist{path}"
        return Answer(handler(an_http_event(method, path, body, **event), CONTEXT))

    return send


# Join


def test_joining_answers_201_with_the_entry_and_its_place(world: World, call: Any) -> None:
    answer = call("POST", "/join", {"target": "any"})
    assert answer.status == 201
    assert is_id(answer.body.pop("id"))
    assert answer.body == {
        "target": "any",
        "mechanic_id": None,
        "brand": None,
        "status": "waiting",
        "place": 1,
        "sleeping": False,
        "turn": None,
        "joined_at": "2026-07-01T12:00:00.000Z",
        "expires_at": "2026-07-02T12:00:00.000Z",
        "ended_at": None,
    }


def test_joining_again_answers_with_the_same_entry(world: World, call: Any) -> None:
    first = call("POST", "/join", {"target": "any"})
    call("POST", "/join", {"target": "any"}, caller="somebody else")
    world.clock.advance(minutes=1)
    again = call("POST", "/join", {"target": "any"})
    assert (again.status, again.body) == (201, first.body)


def test_a_favourite_and_a_brand_are_told_back(world: World, call: Any) -> None:
    world.mechanic("ada", on_shift=False)
    favourite = call("POST", "/join", {"target": "mechanic", "mechanic_id": " ada "}).body
    brand = call("POST", "/join", {"target": "brand", "brand": "LÁND  rover"}).body
    assert (favourite["target"], favourite["mechanic_id"]) == ("mechanic", "ada")
    assert (favourite["brand"], brand["mechanic_id"]) == (None, None)
    assert (brand["target"], brand["brand"]) == ("brand", "Land Rover")


def test_one_brand_however_written_is_one_entry(world: World, call: Any) -> None:
    written = ("Honda", "hONDA", "Hónda", " honda ")
    ids = {call("POST", "/join", {"target": "brand", "brand": b}).body["id"] for b in written}
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (None, [""]),
        ([], [""]),
        ("{", [""]),
        ({}, ["/target"]),
        ({"target": None}, ["/target"]),
        ({"target": "ANY"}, ["/target"]),
        ({"target": "everybody"}, ["/target"]),
        ({"target": 1, "brand": "Honda"}, ["/target"]),
        ({"target": "any", "tarket": "any"}, ["/tarket"]),
        ({"target": "any", "mechanic_id": "ada"}, ["/mechanic_id"]),
        ({"target": "any", "brand": "Honda"}, ["/brand"]),
        ({"target": "any", "mechanic_id": "ada", "brand": "Honda"}, ["/brand", "/mechanic_id"]),
        ({"target": "mechanic"}, ["/mechanic_id"]),
        ({"target": "mechanic", "mechanic_id": None}, ["/mechanic_id"]),
        ({"target": "mechanic", "mechanic_id": ""}, ["/mechanic_id"]),
        ({"target": "mechanic", "mechanic_id": "  "}, ["/mechanic_id"]),
        ({"target": "mechanic", "mechanic_id": 7}, ["/mechanic_id"]),
        ({"target": "mechanic", "mechanic_id": "x" * 201}, ["/mechanic_id"]),
        ({"target": "mechanic", "mechanic_id": "a\nb"}, ["/mechanic_id"]),
        ({"target": "mechanic", "mechanic_id": "nobody"}, ["/mechanic_id"]),
        ({"target": "mechanic", "mechanic_id": "suspended"}, ["/mechanic_id"]),
        ({"target": "mechanic", "mechanic_id": CUSTOMER}, ["/mechanic_id"]),
        ({"target": "mechanic", "mechanic_id": "ada", "brand": "Honda"}, ["/brand"]),
        ({"target": "brand"}, ["/brand"]),
        ({"target": "brand", "brand": None}, ["/brand"]),
        ({"target": "brand", "brand": ""}, ["/brand"]),
        ({"target": "brand", "brand": "Trabant"}, ["/brand"]),
        ({"target": "brand", "brand": "Hond"}, ["/brand"]),
        ({"target": "brand", "brand": ["Honda"]}, ["/brand"]),
        ({"target": "brand", "brand": "Honda", "mechanic_id": "ada"}, ["/mechanic_id"]),
        ({"target": "mechanic", "brand": "Honda"}, ["/brand", "/mechanic_id"]),
    ],
    ids=str,
)
def test_a_wrong_field_is_pointed_at_and_nothing_is_joined(
    world: World, call: Any, body: Any, where: list[str]
) -> None:
    world.mechanic("ada", on_shift=False)
    world.mechanic("suspended", on_shift=False, status="suspended")
    world.mechanic(CUSTOMER, on_shift=False)
    answer = call("POST", "/join", body)
    assert answer.pointers == where
    assert answer.type == "application/problem+json"
    assert call("GET", "").body["items"] == []


def test_a_mechanic_who_is_not_there_is_said_so(world: World, call: Any) -> None:
    answer = call("POST", "/join", {"target": "mechanic", "mechanic_id": "nobody"})
    (error,) = answer.body["errors"]
    assert error == {"pointer": "/mechanic_id", "detail": "There is no such mechanic."}


def test_a_lone_surrogate_is_no_text(world: World, call: Any) -> None:
    raw = '{"target": "mechanic", "mechanic_id": "\\ud83d"}'
    assert call("POST", "/join", raw).pointers == ["/mechanic_id"]


# Idempotency-Key


def test_a_repeat_by_key_gets_the_first_answer_whatever_has_happened(
    world: World, call: Any
) -> None:
    keyed: dict[str, Any] = {"headers": {"idempotency-key": "k1"}}
    first = call("POST", "/join", {"target": "any"}, **keyed)
    call("DELETE", f"/{first.body['id']}")
    repeat = call("POST", "/join", {"target": "any"}, **keyed)
    assert (repeat.status, repeat.body) == (201, first.body)
    assert [entry["status"] for entry in call("GET", "").body["items"]] == ["left"]


def test_a_key_is_remembered_for_who_waits_already(world: World, call: Any) -> None:
    keyed: dict[str, Any] = {"headers": {"idempotency-key": "k1"}}
    first = call("POST", "/join", {"target": "any"})
    again = call("POST", "/join", {"target": "any"}, **keyed)
    assert (again.status, again.body) == (201, first.body)
    other = call("POST", "/join", {"target": "brand", "brand": "Honda"}, **keyed)
    assert (other.status, other.body["reason"]) == (409, "idempotency_mismatch")
    assert len(call("GET", "").body["items"]) == 1


@pytest.mark.parametrize("key", ["", " ", "x" * 65, "käse"])
def test_a_key_is_1_to_64_visible_characters(world: World, call: Any, key: str) -> None:
    answer = call("POST", "/join", {"target": "any"}, headers={"idempotency-key": key})
    assert answer.pointers == ["/Idempotency-Key"]


# List


def test_the_list_is_empty_before_the_first(world: World, call: Any) -> None:
    answer = call("GET", "")
    assert (answer.status, answer.body) == (200, {"items": [], "next_cursor": None})


def test_the_list_is_paged_newest_first(world: World, call: Any) -> None:
    for brand in ("Honda", "Kia", "BMW"):
        call("POST", "/join", {"target": "brand", "brand": brand})
        world.clock.advance(seconds=1)
    first = call("GET", "", query="limit=2").body
    second = call("GET", "", query=f"limit=2&cursor={first['next_cursor']}").body
    assert [entry["brand"] for entry in first["items"] + second["items"]] == ["BMW", "Kia", "Honda"]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("limit=ten", "/limit"),
        ("cursor=nonsense", "/cursor"),
        (f"cursor={'x' * 1001}", "/cursor"),
        ("cursor=eyJzayI6ICJNRVRBIn0", "/cursor"),
    ],
)
def test_a_wrong_page_is_pointed_at(world: World, call: Any, query: str, where: str) -> None:
    assert call("GET", "", query=query).pointers == [where]


def test_a_turn_is_shown_with_its_end(world: World, call: Any) -> None:
    world.mechanic("ada")
    call("POST", "/join", {"target": "any"})
    fact = {"id": new_id(world.now), "mechanic_id": "ada", "room": 1}
    waitlist.capacity_left(fact, world.now)
    (entry,) = call("GET", "").body["items"]
    assert (entry["status"], entry["place"], entry["sleeping"]) == ("told", None, False)
    assert entry["turn"] == {
        "mechanic_id": "ada",
        "told_at": format_time(world.now),
        "claim_until": format_time(world.now + timedelta(minutes=5)),
    }


def test_an_entry_whose_customer_has_a_session_is_shown_sleeping(world: World, call: Any) -> None:
    customers.upsert({"id": CUSTOMER, "country": "Canada"})
    call("POST", "/join", {"target": "any"})
    sessions.book_session(an_intake(), CUSTOMER, world.now)
    (entry,) = call("GET", "").body["items"]
    assert (entry["status"], entry["place"], entry["sleeping"]) == ("waiting", 1, True)


# Leave


def test_leaving_answers_204_again_and_again(world: World, call: Any) -> None:
    entry_id = call("POST", "/join", {"target": "any"}).body["id"]
    for _ in range(2):
        answer = call("DELETE", f"/{entry_id}")
        assert (answer.status, answer.body) == (204, None)
    (entry,) = call("GET", "").body["items"]
    assert (entry["status"], entry["place"]) == ("left", None)
    assert entry["ended_at"] == format_time(world.now)


@pytest.mark.parametrize("entry_id", [NO_SUCH_ID, "x", "x" * 2000, "a%20b", "%F0%9F%9A%97"])
def test_an_entry_that_is_not_there_is_404(world: World, call: Any, entry_id: str) -> None:
    answer = call("DELETE", f"/{entry_id}")
    assert (answer.status, answer.type) == (404, "application/problem+json")
    assert answer.body["type"] == "/problems/not-found"


def test_somebody_elses_entry_is_404_and_stays(world: World, call: Any) -> None:
    entry_id = call("POST", "/join", {"target": "any"}).body["id"]
    assert call("DELETE", f"/{entry_id}", caller="somebody else").status == 404
    assert call("GET", "").body["items"][0]["status"] == "waiting"


# Who may call


@pytest.mark.parametrize("groups", ["[mechanic]", "[admin]", "[mechanic admin]", "[]", ""])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/join", {"target": "any"}),
        ("GET", "", None),
        ("DELETE", f"/{NO_SUCH_ID}", None),
    ],
)
def test_the_calls_are_for_customers(
    world: World, call: Any, method: str, path: str, body: Any, groups: str
) -> None:
    answer = call(method, path, body, groups=groups)
    assert (answer.status, answer.body["type"]) == (403, "/problems/forbidden")


def test_who_is_a_mechanic_too_may_wait_as_a_customer(world: World, call: Any) -> None:
    assert call("POST", "/join", {"target": "any"}, groups="[mechanic customer]").status == 201
