"""What a customer's record must be."""

from typing import Any

import pytest

from dispatch.core.errors import Invalid
from dispatch.customers.model import Customer, Location
from dispatch.customers.rules import credits_of, customer_of
from tests.builders import CUSTOMER


def wrong_fields(record: dict[str, Any]) -> list[str]:
    with pytest.raises(Invalid) as refused:
        customer_of(record)
    return [error["pointer"] for error in refused.value.members["errors"]]


def test_a_whole_record() -> None:
    record = {
        "id": CUSTOMER,
        "name": "Jo Driver",
        "email": "jo@driver.example",
        "phone": "+14165550100",
        "locale": "fr-CA",
        "country": "canada",
        "state_province": "Québec",
        "city": "Montréal",
        "postal_code": "H2X 1Y4",
        "credits": 40,
    }
    assert credits_of(record) == 40
    assert customer_of(record) == Customer(
        id=CUSTOMER,
        name="Jo Driver",
        email="jo@driver.example",
        phone="+14165550100",
        locale="fr-CA",
        location=Location("CA", "Québec", "Montréal", "H2X 1Y4"),
    )


def test_only_the_id_is_needed() -> None:
    assert customer_of({"id": CUSTOMER}) == Customer(id=CUSTOMER)
    assert credits_of({"id": CUSTOMER}) is None
    assert customer_of({"id": CUSTOMER, "name": None, "country": None}) == Customer(id=CUSTOMER)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", None),
        ("id", 7),
        ("id", "x" * 129),
        ("name", 7),
        ("email", ["jo@driver.example"]),
        ("phone", "1" * 201),
        ("country", "Atlantis"),
        ("country", ""),
        ("country", 7),
        ("city", {}),
        ("credits", -1),
        ("credits", 1.5),
        ("credits", "10"),
        ("credits", True),
        ("credits", None),
        ("nmae", "Jo"),
    ],
)
def test_a_wrong_field_is_pointed_at(field: str, value: Any) -> None:
    assert wrong_fields({"id": CUSTOMER, field: value}) == [f"/{field}"]


def test_all_wrong_fields_are_told_at_once() -> None:
    assert wrong_fields({"b": 1, "a": 1, "credits": -1, "city": 7}) == [
        "/a",
        "/b",
        "/id",
        "/city",
        "/credits",
    ]
