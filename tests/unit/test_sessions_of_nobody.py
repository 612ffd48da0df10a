"""Which car a booking needs to know, and what stays of a session whose customer is forgotten."""

from dataclasses import replace

import pytest

from dispatch.core.errors import Invalid
from dispatch.customers.model import Location, Vehicle
from dispatch.offers import rules as offer_rules
from dispatch.policy.model import Policy
from dispatch.sessions import rules
from dispatch.sessions.model import Contact, Intake, Party, PaymentMethod, Session, Status
from tests.builders import CUSTOMER, a_dispatch, a_session, an_intake
from tests.clock import NOON

POLICY = Policy()


def book(intake: Intake, plan_id: str) -> Session:
    plan = POLICY.plan(plan_id)
    assert plan
    method = PaymentMethod.CREDITS if plan.price_cents else PaymentMethod.FREE
    return rules.book(
        replace(intake, plan=plan_id, payment_method=method),
        plan,
        POLICY,
        session_id="session",
        customer_id=CUSTOMER,
        keywords=(),
        now=NOON,
    )


@pytest.mark.parametrize("plan_id", ["standard", "diagnostic"])
def test_a_long_plan_needs_a_vehicle_unless_it_is_urgent(plan_id: str) -> None:
    without = replace(an_intake(), vehicle=None, urgent=False)
    with pytest.raises(Invalid, match=f"/vehicle: is needed for the plan {plan_id}"):
        book(without, plan_id)
    assert book(replace(without, urgent=True), plan_id).vehicle is None


@pytest.mark.parametrize("plan_id", ["free", "quick"])
def test_a_short_plan_needs_none(plan_id: str) -> None:
    assert book(replace(an_intake(), vehicle=None), plan_id).vehicle is None


def test_a_session_of_nobody_tells_what_it_was_about_and_not_whose_it_was() -> None:
    session = replace(
        a_session(Status.CANCELLED),
        vehicle=Vehicle(2019, "Honda", "Civic", "2HGFC2F52KH500001", "CBXT 901", 84200),
        ended_by=Party.CUSTOMER,
        end_reason="I live next door",
    )
    after = rules.without_customer(session)
    assert after.location == Location(country=session.location.country)
    assert after.vehicle == Vehicle(2019, "Honda", "Civic")
    assert (after.concern_preview, after.end_reason) == ("", None)
    assert (after.keywords, after.status, after.id) == (
        session.keywords,
        session.status,
        session.id,
    )
    assert after.version == session.version + 1
    assert rules.without_customer(after) is after


def test_what_the_clock_says_of_an_end_stays() -> None:
    session = replace(a_session(Status.UNFILLED), ended_by=Party.TIMER, end_reason="a_code")
    assert rules.without_customer(session).end_reason == "a_code"


def test_of_a_contact_only_the_signature_stays_and_nobodys() -> None:
    contact = Contact(
        name="Jo",
        email="jo@driver.example",
        phone="+14165550100",
        concern="It rattles",
        waiver_full_name="Jo Driver",
        waiver_signed_at=NOON,
    )
    assert rules.nobodys(contact) == Contact(
        name="", email="", phone="", concern="", waiver_signed_at=NOON
    )


def test_a_dispatch_of_nobody_knows_the_country_alone() -> None:
    after = offer_rules.without_customer(a_dispatch())
    assert (after.brief.concern_preview, after.brief.city) == ("", None)
    assert (after.wanted.subdivision, after.wanted.city_key, after.wanted.area) == (None,) * 3
    assert after.wanted.country == a_dispatch().wanted.country
    assert offer_rules.without_customer(after) is after


def test_rows_of_earlier_periods_are_remembered() -> None:
    dispatch = a_dispatch(is_open=False)
    again = offer_rules.reopened(
        dispatch,
        period=2,
        broadcast_id="second",
        excluding="a",
        preferred_s=120,
        now=NOON,
        until=NOON,
    )
    assert again.earlier_broadcasts == (dispatch.broadcast_id,)
