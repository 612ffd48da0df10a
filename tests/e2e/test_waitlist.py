"""Customers who ask to be told when a mechanic comes, over HTTP."""

import uuid

import pytest

from dispatch.core.time import parse_time
from tests.e2e.people import Document, Person, Town, answer, pointers, refused

MINUTE = 60
NO_SUCH_ID = "01K00000000000000000000W01"


def join(customer: Person, target: str = "any", **fields: str) -> Document:
    body = {"target": target, **fields}
    return dict(answer(customer.post("/customer/waitlist/join", body), 201))


def entries(customer: Person) -> list[Document]:
    return list(answer(customer.get("/customer/waitlist"))["items"])


def standing(*customers: Person) -> list[int | str]:
    """Of each the place of the latest entry in its line, or the status of who does not wait."""
    found = [entries(customer)[0] for customer in customers]
    return [entry["place"] or entry["status"] for entry in found]


def leave(customer: Person, entry: Document) -> int:
    return customer.call("DELETE", f"/customer/waitlist/{entry['id']}").status_code


# Standing in line


def test_customers_wait_for_a_mechanic_in_the_order_in_which_they_came(town: Town) -> None:
    mechanic = town.mechanic(currently_on_shift=False)
    first, second, third = (town.customer() for _ in range(3))
    for customer in (first, second, third):
        join(customer, "mechanic", mechanic_id=mechanic.id)
    assert standing(first, second, third) == [1, 2, 3]
    again = join(first, "mechanic", mechanic_id=mechanic.id)
    assert (again["place"], len(entries(first))) == (1, 1)

    (entry,) = entries(second)
    assert [leave(second, entry), leave(second, entry)] == [204, 204]
    assert standing(first, second, third) == [1, "left", 2]
    join(second, "mechanic", mechanic_id=mechanic.id)
    assert standing(first, second, third) == [1, 3, 2]


def test_who_waits_for_anybody_waits_within_their_country(town: Town) -> None:
    """In countries of which no other test has customers."""
    countries = ("Malta", "Malta", "Fiji")
    customers = [town.customer() for _ in countries]
    town.stack.seed(
        customers=[
            {"id": customer.id, "country": country}
            for customer, country in zip(customers, countries, strict=True)
        ]
    )
    assert [join(customer)["place"] for customer in customers] == [1, 2, 1]
    for customer in customers:
        assert leave(customer, entries(customer)[0]) == 204


@pytest.mark.long  # told in a second by tests/integration/test_waitlist.py
def test_an_entry_is_over_after_24_hours(town: Town) -> None:
    mechanic = town.mechanic(currently_on_shift=False)
    customer = town.customer()
    entry = join(customer, "mechanic", mechanic_id=mechanic.id)
    waits = parse_time(entry["expires_at"]) - parse_time(entry["joined_at"])
    assert waits.total_seconds() == 24 * 60 * MINUTE
    town.stack.advance(23 * 60 * MINUTE)
    assert standing(customer) == [1]
    town.stack.advance(60 * MINUTE)
    assert standing(customer) == ["expired"]
    anew = join(customer, "mechanic", mechanic_id=mechanic.id)
    assert (anew["status"], anew["place"], anew["id"] == entry["id"]) == ("waiting", 1, False)


def test_an_entry_sleeps_while_its_customer_has_a_session(town: Town) -> None:
    mechanic = town.mechanic(currently_on_shift=False)
    customer = town.customer()
    join(customer, "mechanic", mechanic_id=mechanic.id)
    session_id = town.book(customer)
    (entry,) = entries(customer)
    assert (entry["status"], entry["place"], entry["sleeping"]) == ("waiting", 1, True)
    answer(customer.act(session_id, "cancel"))
    assert entries(customer)[0]["sleeping"] is False


def test_an_accept_claims_what_waited(town: Town) -> None:
    mechanic = town.mechanic()
    customer = town.customer()
    join(customer, "mechanic", mechanic_id=mechanic.id)
    join(customer, "brand", brand="rivian")
    session_id = town.seek(customer)
    answer(mechanic.accept(mechanic.offer(session_id)))
    town.stack.drain()
    assert [entry["status"] for entry in entries(customer)] == ["claimed", "claimed"]


# Over HTTP


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ["/target"]),
        ({"target": "everybody"}, ["/target"]),
        ({"target": "any", "mechanic_id": "ada"}, ["/mechanic_id"]),
        ({"target": "any", "brnad": "Honda"}, ["/brnad"]),
        ({"target": "mechanic"}, ["/mechanic_id"]),
        ({"target": "mechanic", "mechanic_id": "nobody of this name"}, ["/mechanic_id"]),
        ({"target": "brand"}, ["/brand"]),
        ({"target": "brand", "brand": "Trabant"}, ["/brand"]),
    ],
    ids=str,
)
def test_a_wrong_field_is_pointed_at(town: Town, body: Document, where: list[str]) -> None:
    customer = town.customer()
    assert pointers(customer.post("/customer/waitlist/join", body)) == where
    assert entries(customer) == []


def test_a_repeat_by_key_gets_the_first_answer(town: Town) -> None:
    customer, key = town.customer(), uuid.uuid4().hex
    body = {"target": "brand", "brand": "Honda"}
    first = answer(customer.post("/customer/waitlist/join", body, key=key), 201)
    assert leave(customer, first) == 204
    assert answer(customer.post("/customer/waitlist/join", body, key=key), 201) == first
    other = {"target": "brand", "brand": "Kia"}
    refused(customer.post("/customer/waitlist/join", other, key=key), 409, "idempotency_mismatch")
    assert [entry["status"] for entry in entries(customer)] == ["left"]


def test_the_list_is_paged(town: Town) -> None:
    customer = town.customer()
    joined = [join(customer, "brand", brand=brand)["id"] for brand in ("Honda", "Kia", "BMW")]
    first = answer(customer.get("/customer/waitlist?limit=2"))
    rest = answer(customer.get(f"/customer/waitlist?limit=2&cursor={first['next_cursor']}"))
    assert [entry["id"] for entry in first["items"] + rest["items"]] == joined[::-1]
    assert rest["next_cursor"] is None


def test_nobody_leaves_for_another(town: Town) -> None:
    customer, other = town.customer(), town.customer()
    entry = join(customer, "brand", brand="Honda")
    for entry_id in (entry["id"], NO_SUCH_ID, "x"):
        refused(other.call("DELETE", f"/customer/waitlist/{entry_id}"), 404)
    assert entries(customer)[0]["status"] == "waiting"


# The story: all are offline, and one comes


def test_all_offline_then_a_clock_in_is_told_in_turn(town: Town) -> None:
    mechanic = town.mechanic(currently_on_shift=False)
    first, second, third = (town.customer() for _ in range(3))
    for customer in (first, second, third):
        join(customer, "mechanic", mechanic_id=mechanic.id)

    answer(mechanic.clock("clock_in"))
    town.stack.drain()
    assert standing(first, second, third) == ["told", 1, 2]
    turn = entries(first)[0]["turn"]
    assert turn["mechanic_id"] == mechanic.id
    length = parse_time(turn["claim_until"]) - parse_time(turn["told_at"])
    assert length.total_seconds() == 5 * MINUTE

    town.stack.advance(3 * MINUTE)
    assert standing(first, second, third) == ["told", 1, 2]
    town.stack.advance(2 * MINUTE)
    assert standing(first, second, third) == [2, "told", 1]

    session_id = town.seek(second)
    answer(mechanic.accept(mechanic.offer(session_id)))
    town.stack.drain()
    assert standing(first, second, third) == [2, "claimed", 1]
    for side in (mechanic, second):
        answer(side.act(session_id, "join"))
    town.stack.advance(5 * MINUTE)
    assert standing(first, second, third) == [2, "claimed", 1]
