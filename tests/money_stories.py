"""Stories of what sessions cost, told as in ``fault_stories``: whichever call fails, no money is
lost or made.
"""

from datetime import timedelta
from typing import Any

from dispatch.calendar import service as calendar
from dispatch.payments import service as payments
from dispatch.sessions import paying
from dispatch.sessions import service as sessions
from dispatch.sessions.model import PaymentMethod, Session, Status
from tests import invariants
from tests.calendar_builders import an_availability
from tests.fast.world import FastWorld, _once
from tests.fault_stories import Plot, _swept, booked, story, town
from tests.invariants import picture_of
from tests.world import an_intake

BY_CREDITS: dict[str, Any] = {"plan": "standard", "payment_method": PaymentMethod.CREDITS}
BY_STRIPE: dict[str, Any] = {"plan": "standard", "payment_method": PaymentMethod.STRIPE}


def balance(customer_id: str = "customer") -> int:
    return payments.ledger_of(customer_id, 1, None).balance.credits


def rich(world: FastWorld) -> None:
    payments.adjust("customer", 40, world.now)


def signed(world: FastWorld, session: Session) -> Session:
    return sessions.sign_waiver(session.id, "customer", "Jo Driver", world.now)


def owing(world: FastWorld, **changes: Any) -> Session:
    """A session that awaits payment, with its page open."""
    session = signed(world, booked(world, **{**BY_STRIPE, **changes}))
    world.drain()
    paying.open_checkout(session.id, "customer", world.now)
    return session


def pays(world: FastWorld, session: Session) -> dict[str, object]:
    """The customer pays on the page; answers what Stripe has to tell."""
    return world.stripe.pay(world.stripe.open_page({"session_id": session.id}))


def paid(world: FastWorld) -> Session:
    session = owing(world)
    world.stripe_tells(pays(world, session))
    world.drain()
    return world.session(session.id)


def cancel(world: FastWorld, session: Session) -> None:
    world.call(lambda once: sessions.cancel_session(session.id, "customer", None, world.now, once))


def settled(world: FastWorld, session: Session, status: Status, taken: int) -> None:
    """The session is there, and Stripe has so many cents for it."""
    assert world.session(session.id).status is status
    assert world.stripe.taken(session.id) == taken
    picture = picture_of(world)
    invariants.check(picture)
    invariants.check_money(world, picture)


# Credits


@story
def a_customer_books_by_credits(world: FastWorld) -> Plot:
    rich(world)

    def then() -> None:
        world.call(
            lambda once: sessions.book_session(an_intake(**BY_CREDITS), "customer", world.now, once)
        )

    def end() -> None:
        assert balance() == 15

    return Plot(then, end)


@story
def a_customer_cancels_what_credits_paid_for(world: FastWorld) -> Plot:
    town(world)
    rich(world)
    session = signed(world, booked(world, **BY_CREDITS))
    world.drain()

    def end() -> None:
        assert balance() == 40
        settled(world, session, Status.CANCELLED, 0)

    return Plot(lambda: cancel(world, session), end)


@story
def nobody_takes_what_credits_paid_for(world: FastWorld) -> Plot:
    rich(world)
    session = signed(world, booked(world, **BY_CREDITS))
    world.drain()

    def end() -> None:
        assert balance() == 40
        settled(world, session, Status.UNFILLED, 0)

    return Plot(lambda: world.pass_time(minutes=31), end)


@story
def what_credits_paid_for_is_never_signed(world: FastWorld) -> Plot:
    rich(world)
    session = booked(world, **BY_CREDITS)
    world.drain()

    def end() -> None:
        assert balance() == 40
        settled(world, session, Status.CANCELLED, 0)

    return Plot(lambda: world.pass_time(minutes=31), end)


@story
def an_admin_grants_credits(world: FastWorld) -> Plot:
    """Whoever gives without a key, and asks again, gives twice."""

    def then() -> None:
        key = _once("of an admin")
        world.call(lambda _: payments.grant("customer", 25, "Sorry", "admin", world.now, key))

    def end() -> None:
        assert balance() == 25

    return Plot(then, end)


# Stripe


@story
def a_customer_signs_what_is_to_be_paid(world: FastWorld) -> Plot:
    session = booked(world, **BY_STRIPE)

    def then() -> None:
        world.call(lambda once: sessions.sign_waiver(session.id, "customer", "Jo", world.now, once))

    return Plot(then, lambda: settled(world, session, Status.AWAITING_PAYMENT, 0))


@story
def a_customer_asks_where_to_pay(world: FastWorld) -> Plot:
    session = signed(world, booked(world, **BY_STRIPE))
    world.drain()

    def then() -> None:
        world.call(lambda _once: paying.open_checkout(session.id, "customer", world.now))

    def end() -> None:
        assert len(world.stripe.checkouts) == 1

    return Plot(then, end)


@story
def stripe_tells_of_a_payment(world: FastWorld) -> Plot:
    town(world)
    session = owing(world)
    event = pays(world, session)

    def end() -> None:
        settled(world, session, Status.PENDING, 2999)
        assert world.asked(session.id) == ["a", "b", "c"]

    return Plot(lambda: world.stripe_tells(event), end)


@story
def stripe_tells_of_a_payment_for_a_slot(world: FastWorld) -> Plot:
    world.mechanic("a", on_shift=False)
    hours = an_availability("America/Toronto", "0:00-24:00")
    calendar.replace_availability("a", hours, 0, world.now)
    start = world.now.replace(minute=0, second=0) + timedelta(days=2)
    session = owing(world, preferred_mechanic_id="a", scheduled_start=start)
    event = pays(world, session)
    return Plot(
        lambda: world.stripe_tells(event),
        lambda: settled(world, session, Status.SCHEDULED, 2999),
    )


@story
def stripe_tells_too_late(world: FastWorld) -> Plot:
    session = owing(world)
    event = pays(world, session)
    cancel(world, session)
    world.drain()
    return Plot(
        lambda: world.stripe_tells(event),
        lambda: settled(world, session, Status.CANCELLED, 0),
    )


@story
def a_customer_pays_twice(world: FastWorld) -> Plot:
    session = paid(world)
    second = world.stripe.checkouts["cs_test_000001"] | {"id": "cs_2", "status": "open"}
    world.stripe.checkouts["cs_2"] = second
    world.stripe.marks["cs_2"] = world.stripe.marks["cs_test_000001"]
    event = world.stripe.pay("cs_2")
    return Plot(
        lambda: world.stripe_tells(event),
        lambda: settled(world, session, Status.PENDING, 2999),
    )


@story
def a_customer_cancels_what_was_paid_by_stripe(world: FastWorld) -> Plot:
    session = paid(world)
    return Plot(
        lambda: cancel(world, session), lambda: settled(world, session, Status.CANCELLED, 0)
    )


@story
def nobody_takes_what_was_paid_by_stripe(world: FastWorld) -> Plot:
    session = paid(world)
    return Plot(
        lambda: world.pass_time(minutes=31),
        lambda: settled(world, session, Status.UNFILLED, 0),
    )


@story
def stripe_tells_of_money_given_back_by_hand(world: FastWorld) -> Plot:
    session = paid(world)
    event = world.stripe.give_back("pi_000001", 1000)

    def end() -> None:
        payment = payments.find(session.id, "pi_000001")
        assert payment
        assert (payment.status, payment.returned_cents) == ("paid", 1000)

    return Plot(lambda: world.stripe_tells(event), end)


@story
def stripe_tells_that_a_bank_did_not_take_it(world: FastWorld) -> Plot:
    session = paid(world)
    cancel(world, session)
    world.drain()
    event = world.stripe.fail_refund("re_000001")

    def end() -> None:
        payment = payments.find(session.id, "pi_000001")
        assert payment
        assert (payment.status, payment.returned_cents) == ("refund_failed", 0)

    return Plot(lambda: world.stripe_tells(event), end)


@story
def the_sweeper_finds_a_refund_that_was_never_made(world: FastWorld) -> Plot:
    session = paid(world)
    cancel(world, session)
    return _swept(world, lambda: settled(world, session, Status.CANCELLED, 0), minutes=24)
