"""Stories over HTTP. Functions run from their artifacts, and are wired by the template alone.

Streams, topic, queues and schedules are ministack's; time is real. In order: the first stories pay
for the cold starts.
"""

import re
import uuid
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import pytest

from dispatch.profiles.requests import EXAMPLE
from tests.deployed.conftest import WINDOWS
from tests.deployed.deploying import Deployed, Scheduled, dead_letters, logged, scheduled
from tests.deployed.town import Seeding, Town, Users, eventually, told, with_device
from tests.e2e.people import (
    PIXEL,
    STORY,
    Document,
    Person,
    answer,
    ask,
    intake,
    pointers,
    refused,
    upload,
)

HOURS: Document = {
    "version": 0,
    "time_zone": "Atlantic/Reykjavik",
    "weekly": [{"weekday": "monday", "start": "09:00", "end": "17:00"}],
    "overrides": [],
}


def test_a_bad_input_is_refused_with_what_is_wrong(town: Town, http: httpx.Client) -> None:
    customer = town.customer()
    assert http.get("/plans").status_code == 200, "open to everybody"
    for token in ("", "Bearer nonsense", f"Bearer {customer.token[:-8]}AAAAAAAA"):
        unauthorised = http.get("/sessions", headers={"authorization": token} if token else {})
        assert (unauthorised.status_code, unauthorised.json()) == (401, {"message": "Unauthorized"})
    assert customer.get("/nowhere").status_code == 404
    refused(customer.get("/mechanic/queue"), 403)

    wrong = intake(town.brand, email="jo", nmae="Jo")
    assert pointers(customer.post("/intake/start", wrong)) == ["/email", "/nmae"]
    nobodys = f"/sessions/{uuid.uuid4()}"
    refused(customer.get(nobodys), 404)
    assert answer(customer.get("/sessions"))["items"] == []


def test_a_user_signs_up_and_becomes_a_mechanic(users: Users, admin: Person, town: Town) -> None:
    person = users.sign_up()
    assert users.groups(person.id) == {"customer"}
    profile = EXAMPLE | {"version": 0, "name": "Saga", "brand_specializations": ["Maserati"]}
    answer(person.call("PUT", "/mechanic/profile", profile))
    answer(person.call("PUT", "/mechanic/availability", HOURS))
    upload(ask(person, "/mechanic/profile/photo"), PIXEL)

    def complete() -> None:
        path = f"/mechanics/{person.id}/profile-completion"
        assert answer(person.get(path))["percentage"] == 100

    eventually(complete)
    refused(person.clock("clock_in"), 403)
    answer(admin.post(f"/admin/mechanics/{person.id}/approve"))

    def is_mechanic() -> None:
        assert users.groups(person.id) == {"customer", "mechanic"}

    eventually(is_mechanic)
    mechanic = users.signed_in(person.id)
    assert answer(mechanic.clock("clock_in"))["currently_on_shift"] is True
    assert answer(mechanic.clock("clock_out"))["currently_on_shift"] is False


def test_the_main_job(town: Town) -> None:
    first, second = map(with_device, town.mechanics({"rating": 4.9}, {"rating": 4.6}))
    for mechanic in (first, second):
        answer(mechanic.clock("clock_in"))
        assert mechanic.queue()["total"] == 0
    driver = with_device(town.customer())
    session_id = town.book(driver)

    offer = eventually(lambda: _offer(first, session_id))
    assert "Available now" in offer["match_reasons"]
    for mechanic in (first, second):
        [notice] = eventually(partial(_sent, mechanic, "offer_made", session_id))
        assert (notice["channel"], notice["status"]) == ("push", "sent")

    other = second.offer(session_id)
    answer(first.accept(offer))
    refused(second.accept(other), 409, "taken")
    assert driver.session(session_id)["mechanic"]["id"] == first.id
    eventually(lambda: _sent(driver, "offer_accepted", session_id))
    for side in (first, driver):
        answer(side.act(session_id, "join"))
    assert driver.session(session_id)["status"] == "live"
    ended = answer(driver.act(session_id, "end"))
    assert (ended["status"], ended["ended_by"]) == ("completed", "customer")

    eventually(lambda: _sent(first, "session_completed", session_id))
    eventually(lambda: _load(first, 0))
    assert driver.events(session_id) == STORY


@pytest.fixture(scope="module")
def lost(users: Users, seeding: Seeding, deployed: Deployed) -> tuple[Person, str]:
    """A driver and a session, of which the ring is lost that ends its offers.

    Made early, so that others' stories are told while it waits.
    """
    town = Town(users, seeding)
    [mechanic] = town.mechanics({})
    answer(mechanic.clock("clock_in"))
    driver = town.customer()
    session_id = town.book(driver)
    eventually(lambda: _offer(mechanic, session_id))
    eventually(lambda: _ring(deployed, "expire_offers", session_id))
    eventually(lambda: _lose_rings(deployed))
    return driver, session_id


@pytest.mark.usefixtures("lost")
def test_offers_nobody_answers_fall_back_to_the_broadcast(town: Town) -> None:
    asked = town.mechanics({"rating": 4.9}, {"rating": 4.8}, {"rating": 4.7})
    [free] = town.mechanics({})
    for mechanic in map(with_device, (*asked, free)):
        answer(mechanic.clock("clock_in"))
    driver = town.customer()
    session_id = town.book(driver)
    offer = eventually(lambda: _offer(asked[0], session_id))
    assert not free.was_asked(session_id)

    within = WINDOWS["offer_s"] + 60
    eventually(lambda: _sent(free, "broadcast_announced", session_id), within)
    assert driver.events(session_id)[-2:] == ["OffersExpired", "BroadcastAnnounced"]
    refused(asked[0].accept(offer), 409, "expired")
    row = free.broadcast(session_id)
    assert answer(free.accept(row))["mechanic"]["id"] == free.id
    refused(asked[0].accept(row), 409, "taken")
    answer(driver.act(session_id, "cancel"))


def test_who_waits_is_told_in_turn_when_a_mechanic_comes(town: Town) -> None:
    [mechanic] = town.mechanics({})
    first, second = town.customer(), town.customer()
    for customer in (first, second):
        body = {"target": "mechanic", "mechanic_id": mechanic.id}
        answer(customer.post("/customer/waitlist/join", body), 201)
    assert [_standing(first), _standing(second)] == [1, 2]
    answer(mechanic.clock("clock_in"))

    eventually(lambda: _stands(first, "told"))
    assert _standing(second) == 1
    eventually(lambda: _stands(second, "told"), WINDOWS["claim_s"] + 60)
    session_id = town.book(second)
    answer(mechanic.accept(eventually(lambda: _offer(mechanic, session_id))))
    eventually(lambda: _stands(second, "claimed"))
    answer(second.act(session_id, "cancel"))


def test_a_ring_that_is_lost_is_made_up_for_by_its_schedule(
    deployed: Deployed, lost: tuple[Person, str]
) -> None:
    """A delayed message was to ring when the offers were over; the Scheduler does, up to a minute
    later."""
    driver, session_id = lost
    within = WINDOWS["offer_s"] + 60 + 60
    eventually(lambda: _has_come_to(driver, session_id, "BroadcastAnnounced"), within)
    assert _rings(deployed, "expire_offers", session_id) == []
    answer(driver.act(session_id, "cancel"))


def test_nothing_has_gone_wrong_behind_the_scenes(deployed: Deployed) -> None:
    """The last one: no message given up, no schedule forgotten, no function refused or failed."""
    assert set(dead_letters(deployed).values()) == {0}
    eventually(lambda: _none_overdue(deployed))
    lines = list(logged(deployed))
    assert any("/relay " in line for line in lines)
    assert [line for line in lines if '"level":"ERROR"' in line] == []
    assert [line for line in lines if re.search("access.?denied|authorization.?error", line)] == []


def _ring(deployed: Deployed, kind: str, session_id: str) -> Scheduled:
    found = _rings(deployed, kind, session_id)
    assert found
    return found[0]


def _rings(deployed: Deployed, kind: str, session_id: str) -> list[Scheduled]:
    return [
        each
        for each in scheduled(deployed)
        if (each.ring["ring"], each.ring.get("session_id")) == (kind, session_id)
    ]


def _lose_rings(deployed: Deployed) -> None:
    """Lose what the timers queue holds back, among it a ring."""
    sqs, queue = deployed.account.client("sqs"), deployed.resources["TimersQueue"]
    delayed = "ApproximateNumberOfMessagesDelayed"

    def held_back() -> int:
        told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[delayed])
        return int(told["Attributes"][delayed])

    assert held_back()
    sqs.purge_queue(QueueUrl=queue)
    assert held_back() == 0


def _has_come_to(person: Person, session_id: str, fact: str) -> None:
    assert fact in person.events(session_id)


def _none_overdue(deployed: Deployed) -> None:
    late = datetime.now(UTC) - timedelta(seconds=30)
    assert [each for each in scheduled(deployed) if each.at < late] == []


def _offer(mechanic: Person, session_id: str) -> Document:
    assert mechanic.was_asked(session_id)
    return mechanic.offer(session_id)


def _sent(person: Person, type_: str, session_id: str) -> list[Document]:
    notices = told(person, type_, session_id)
    assert notices
    assert all(notice["status"] == "sent" for notice in notices), notices
    return notices


def _load(mechanic: Person, load: int) -> None:
    assert mechanic.load() == load


def _standing(customer: Person) -> int | str:
    entry: Document = answer(customer.get("/customer/waitlist"))["items"][0]
    standing: int | str = entry["place"] or entry["status"]
    return standing


def _stands(customer: Person, status: str) -> None:
    assert _standing(customer) == status
