"""What a customer may post, field by field (api.md, Customers)."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dispatch.customers.model import Location
from dispatch.matching.model import RequestType
from dispatch.sessions.model import Intake, Vehicle
from dispatch.sessions.requests import CancelBody, IntakeBody, ReasonBody, WaiverBody
from tests.builders import an_intake, an_intake_body

VIN = "2HGFC2F59KH500001"


def intake(**fields: Any) -> Intake:
    return IntakeBody.model_validate(an_intake_body(**fields)).to_intake()


def problems(body: Any) -> dict[str, str]:
    """What is wrong, by JSON pointer."""
    with pytest.raises(ValidationError) as refused:
        IntakeBody.model_validate(body)
    return {
        "".join(f"/{step}" for step in error["loc"]): error["msg"]
        for error in refused.value.errors()
    }


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in an_intake_body().items() if name not in names}


def test_a_valid_body_becomes_an_intake() -> None:
    vehicle = Vehicle(2019, "Honda", "Civic")
    assert intake() == an_intake(vehicle=vehicle)


@pytest.mark.parametrize("name", ["plan", "payment_method", "name", "email", "phone", "concern"])
def test_these_are_needed(name: str) -> None:
    assert set(problems(without(name))) == {f"/{name}"}
    assert set(problems(an_intake_body(**{name: None}))) == {f"/{name}"}


def test_the_rest_has_defaults() -> None:
    body = without(
        "vehicle",
        "customer_country",
        "customer_state_province",
        "customer_city",
        "customer_postal_code",
    )
    got = IntakeBody.model_validate(body).to_intake()
    assert got == an_intake(vehicle=None, location=Location())
    assert (got.urgent, got.prefer_local_mechanic) == (False, True)
    assert (got.request_type, got.requested_brand) == (RequestType.GENERAL, None)
    assert got.preferred_mechanic_id is None


def test_a_mechanic_may_be_preferred() -> None:
    assert intake(preferred_mechanic_id="mechanic-1").preferred_mechanic_id == "mechanic-1"
    assert intake(preferred_mechanic_id=None).preferred_mechanic_id is None


@pytest.mark.parametrize("name", ["nmae", "Plan", "", "customer country", "a/b"])
def test_an_unknown_field_is_refused(name: str) -> None:
    assert set(problems(an_intake_body(**{name: "x"}))) == {f"/{name}"}


def test_an_unknown_field_of_the_vehicle_is_refused() -> None:
    vehicle = {"year": 2019, "make": "Honda", "model": "Civic", "plate": "ABC 123"}
    assert set(problems(an_intake_body(vehicle=vehicle))) == {"/vehicle/plate"}


@pytest.mark.parametrize("body", [None, [], "text", 7, True])
def test_anything_but_an_object_is_refused(body: Any) -> None:
    assert set(problems(body)) == {""}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("plan", 7),
        ("plan", ""),
        ("payment_method", "cash"),
        ("name", ["Jo"]),
        ("name", "   "),
        ("name", "x" * 201),
        ("name", "two\nlines"),
        ("name", "nul\x00"),
        ("name", "\ud800"),
        ("email", "jo"),
        ("email", "jo@"),
        ("email", "jo@localhost"),
        ("customer_city", 7),
        ("customer_city", ""),
        ("customer_postal_code", "\x1f"),
        ("urgent", "yes"),
        ("urgent", 1),
        ("prefer_local_mechanic", "false"),
        ("prefer_local_mechanic", None),
        ("request_type", "brand"),
        ("preferred_mechanic_id", ""),
        ("preferred_mechanic_id", "  "),
        ("preferred_mechanic_id", 7),
        ("preferred_mechanic_id", ["mechanic-1"]),
        ("preferred_mechanic_id", "x" * 201),
        ("preferred_mechanic_id", "two\nlines"),
        ("vehicle", "Honda"),
        ("concern", 7),
        ("concern", "\ud800 rattles badly"),
    ],
)
def test_a_wrong_value_is_pointed_at(name: str, value: Any) -> None:
    assert set(problems(an_intake_body(**{name: value}))) == {f"/{name}"}


def test_all_wrong_fields_are_told_at_once() -> None:
    wrong = problems(an_intake_body(plan=7, email="jo", urgent="yes", nmae="Jo"))
    assert set(wrong) == {"/plan", "/email", "/urgent", "/nmae"}


# A slot


def test_a_start_is_read_with_its_offset() -> None:
    booked = intake(preferred_mechanic_id="mechanic-1", scheduled_start="2026-07-02T08:00:00-04:00")
    assert booked.scheduled_start == datetime(2026, 7, 2, 12, tzinfo=UTC)


def test_a_start_needs_the_mechanic_whose_slot_it_is() -> None:
    assert problems(an_intake_body(scheduled_start="2026-07-02T12:00:00Z")) == {
        "/scheduled_start": "needs preferred_mechanic_id: whose slot it is"
    }


def test_a_vehicle_of_the_garage_comes_in_place_of_one_told() -> None:
    of_garage = {"vehicle_id": "01K00000000000000000000000"}
    assert intake(vehicle=None, **of_garage).vehicle_id == of_garage["vehicle_id"]
    assert problems(an_intake_body(**of_garage)) == {
        "/vehicle_id": "comes in place of vehicle; send one of them"
    }


# What is still to come


def test_attachments_are_keys_and_not_too_many() -> None:
    assert intake().attachments == ()
    assert intake(attachments=["b", "a", "b"]).attachments == ("b", "a")
    assert "/attachments" in problems(an_intake_body(attachments=["key"] * 11))
    assert "/attachments/0" in problems(an_intake_body(attachments=[7]))


@pytest.mark.parametrize("method", ["free", "credits", "stripe"])
def test_there_are_three_ways_to_pay(method: str) -> None:
    assert intake(payment_method=method).payment_method == method


def test_another_way_to_pay_is_refused() -> None:
    assert problems(an_intake_body(payment_method="cash")).keys() == {"/payment_method"}


# Where the customer is


@pytest.mark.parametrize(
    ("written", "code"),
    [("Canada", "CA"), ("canada", "CA"), (" CA ", "CA"), ("ca", "CA"), ("United States", "US")],
)
def test_a_country_is_taken_as_code_or_english_name(written: str, code: str) -> None:
    assert intake(customer_country=written).location.country == code


@pytest.mark.parametrize("name", ["Atlantis", "XX", "🇨🇦", "123"])
def test_an_unknown_country_is_refused(name: str) -> None:
    assert set(problems(an_intake_body(customer_country=name))) == {"/customer_country"}


def test_a_location_may_be_partly_known() -> None:
    body = without("customer_country", "customer_state_province", "customer_postal_code")
    got = IntakeBody.model_validate(body).to_intake()
    assert got.location == Location(city="Toronto")


# Phone numbers


@pytest.mark.parametrize(
    ("phone", "country", "e164"),
    [
        ("+1 416 555 0100", "Canada", "+14165550100"),
        ("(416) 555-0100", "Canada", "+14165550100"),
        ("(416) 555-0100", None, "+14165550100"),
        ("030 123456", "Germany", "+4930123456"),
        ("+49 30 123456", "Canada", "+4930123456"),
    ],
)
def test_a_phone_number_is_dialled_from_the_customers_country(
    phone: str, country: str | None, e164: str
) -> None:
    assert intake(phone=phone, customer_country=country).phone == e164


@pytest.mark.parametrize("phone", ["1", "call me", "+1 416", "9" * 40, "٠"])
def test_what_cannot_be_dialled_is_refused(phone: str) -> None:
    assert set(problems(an_intake_body(phone=phone))) == {"/phone"}


# The vehicle


@pytest.mark.parametrize("year", [1899, 2101, "2019", 2019.5, True, None])
def test_a_wrong_year_is_refused(year: Any) -> None:
    vehicle = {"year": year, "make": "Honda", "model": "Civic"}
    assert set(problems(an_intake_body(vehicle=vehicle))) == {"/vehicle/year"}


@pytest.mark.parametrize("year", [1900, 2100])
def test_the_first_and_the_last_year_taken(year: int) -> None:
    got = intake(vehicle={"year": year, "make": "Honda", "model": "Civic"})
    assert got.vehicle == Vehicle(year, "Honda", "Civic")


def test_a_vin_is_written_in_capitals() -> None:
    got = intake(vehicle={"year": 2019, "make": "Honda", "model": "Civic", "vin": VIN.lower()})
    assert got.vehicle
    assert got.vehicle.vin == VIN


@pytest.mark.parametrize("vin", [VIN[:-1], VIN + "1", "I" + VIN[1:], "O" + VIN[1:], "", 7])
def test_a_vin_has_17_characters_without_i_o_and_q(vin: Any) -> None:
    vehicle = {"year": 2019, "make": "Honda", "model": "Civic", "vin": vin}
    assert set(problems(an_intake_body(vehicle=vehicle))) == {"/vehicle/vin"}


# The concern: 10 to 10,000 characters, urgent from 5


@pytest.mark.parametrize(
    ("length", "urgent", "fits"),
    [
        (9, False, False),
        (10, False, True),
        (4, True, False),
        (5, True, True),
        (9, True, True),
        (10_000, False, True),
        (10_001, False, False),
        (10_001, True, False),
        (1_000_000, False, False),
    ],
)
def test_the_length_of_a_concern(length: int, urgent: bool, fits: bool) -> None:
    body = an_intake_body(concern="x" * length, urgent=urgent)
    if fits:
        assert IntakeBody.model_validate(body).concern == "x" * length
    else:
        assert set(problems(body)) == {"/concern"}


def test_white_space_around_a_concern_does_not_count() -> None:
    assert intake(concern="\n  it rattles  \n").concern == "it rattles"
    assert set(problems(an_intake_body(concern="  rattles  "))) == {"/concern"}


@pytest.mark.parametrize(
    "concern", ["🚗💥🔧 🚗💥🔧 🚗💥", "voyant moteur allumé\nralenti instable"]
)
def test_a_concern_may_hold_what_people_write(concern: str) -> None:
    assert intake(concern=concern).concern == concern


# Brand specialists


def test_a_brand_goes_with_a_request_for_a_specialist() -> None:
    got = intake(request_type="brand_specialist", requested_brand="BMW")
    assert (got.request_type, got.requested_brand) == (RequestType.BRAND_SPECIALIST, "BMW")


@pytest.mark.parametrize(
    "fields",
    [
        {"request_type": "brand_specialist"},
        {"request_type": "brand_specialist", "requested_brand": None},
        {"request_type": "general", "requested_brand": "BMW"},
        {"requested_brand": "BMW"},
    ],
)
def test_one_without_the_other_is_refused(fields: dict[str, Any]) -> None:
    assert set(problems(an_intake_body(**fields))) == {"/requested_brand"}


# Whatever is sent

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(), part, max_size=3),
    max_leaves=5,
)


@given(name=st.sampled_from(sorted(IntakeBody.model_fields)), value=ANY_JSON)
def test_any_value_of_any_field_is_taken_or_refused_never_a_crash(name: str, value: Any) -> None:
    body = an_intake_body(**{name: value})
    with suppress(ValidationError):
        IntakeBody.model_validate(body).to_intake()


# The waiver, and reasons


@pytest.mark.parametrize("accepted", [False, None, "true", "yes", 1, 1.0, []])
def test_a_waiver_is_accepted_by_true_alone(accepted: Any) -> None:
    with pytest.raises(ValidationError):
        WaiverBody.model_validate({"full_name": "Jo Driver", "accepted": accepted})


@pytest.mark.parametrize("full_name", ["", "  ", None, 7, "x" * 201, "a\nb"])
def test_a_waiver_is_signed_with_a_name(full_name: Any) -> None:
    with pytest.raises(ValidationError):
        WaiverBody.model_validate({"full_name": full_name, "accepted": True})


def test_a_signed_waiver() -> None:
    signed = WaiverBody.model_validate({"full_name": " Jo Driver ", "accepted": True})
    assert signed.full_name == "Jo Driver"


def test_a_release_needs_a_reason_a_cancellation_may_have_one() -> None:
    assert ReasonBody.model_validate({"reason": "ill"}).reason == "ill"
    assert CancelBody.model_validate({"reason": "ill"}).reason == "ill"
    assert CancelBody.model_validate({}).reason is None
    for refused in ({}, {"reason": None}, {"reason": ""}, {"reason": "ill", "x": 1}):
        with pytest.raises(ValidationError):
            ReasonBody.model_validate(refused)
