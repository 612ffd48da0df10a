"""What people are told, through the running stack: pushes, mails, the app's list, and seen.

What the providers tell afterwards (a dead token, a bounce), and what fails for a while, needs a
hand on the engine behind the stack: tests/integration/test_ledger.py.
"""

import uuid
from typing import Any

import pytest

from tests.e2e.people import Document, Person, Town, answer, pointers, refused

MINUTE = 60
WAYS_ON = ["schedule", "browse_offline", "join_waitlist"]


def _with_device(person: Person, platform: str = "fcm") -> Person:
    body = {"platform": platform, "token": f"token-{uuid.uuid4().hex}"}
    answer(person.call("PUT", "/devices/phone", body))
    return person


def _notices(person: Person, query: str = "") -> list[Document]:
    return list(answer(person.get(f"/notifications{query}"))["items"])


def _types(person: Person) -> list[tuple[str, str, str]]:
    """Type, channel and status of each notice, oldest first."""
    return [(n["type"], n["channel"], n["status"]) for n in reversed(_notices(person))]


def _mails(town: Town, person: Person) -> list[tuple[str, str, str]]:
    """Type, address and subject of each mail, oldest first."""
    return [
        (
            mail["type"],
            *mail["payload"]["to"],
            mail["payload"]["content"]["Simple"]["Subject"]["Data"],
        )
        for mail in town.stack.mails(person.id)
    ]


def _waiting(town: Town, customer: Person, mechanic: Person) -> str:
    """A session that this mechanic has taken."""
    session_id = town.seek(customer)
    answer(mechanic.accept(mechanic.offer(session_id)))
    town.stack.drain()
    return session_id


# An offer, from the push to the tap


def test_an_offer_is_in_the_app_as_it_was_pushed(town: Town) -> None:
    mechanic = _with_device(town.mechanic())
    session_id = town.seek(town.customer())
    (push,) = town.pushes(mechanic, "offer_made")
    (notice,) = _notices(mechanic)
    offer = mechanic.offer(session_id)
    message = push["payload"]["fcmV1Message"]["message"]
    assert notice["id"] == message["data"]["notice_id"] == f"{offer['id']}-push"
    assert notice["data"] == {"session_id": session_id, "assignment_id": offer["id"]}
    assert {"title": notice["title"], "body": notice["body"]} == message["notification"]
    assert (notice["status"], notice["reason"], notice["seen_at"]) == ("sent", None, None)
    assert notice["expires_at"] == offer["expires_at"]
    assert notice["sent_at"] is not None


def test_who_has_no_device_finds_it_in_the_app(town: Town) -> None:
    mechanic = town.mechanic()
    town.seek(town.customer())
    (notice,) = _notices(mechanic)
    assert (notice["status"], notice["reason"], notice["sent_at"]) == ("failed", "no_device", None)


def test_what_is_opened_is_seen_once_and_for_all(town: Town) -> None:
    mechanic = _with_device(town.mechanic())
    town.seek(town.customer())
    first = mechanic.get("/notifications")
    (notice,) = answer(first)["items"]
    unchanged = mechanic.get("/notifications", headers={"if-none-match": first.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    seen = answer(mechanic.post(f"/notifications/{notice['id']}/seen"))
    assert (seen["status"], seen["sent_at"]) == ("seen", notice["sent_at"])
    assert answer(mechanic.post(f"/notifications/{notice['id']}/seen")) == seen
    changed = mechanic.get("/notifications", headers={"if-none-match": first.headers["etag"]})
    assert answer(changed)["items"] == [seen]


def test_nobody_sees_for_others(town: Town) -> None:
    mechanic = _with_device(town.mechanic())
    town.seek(town.customer())
    (notice,) = _notices(mechanic)
    for stranger in (town.customer(), town.person("mechanic")):
        assert _notices(stranger) == []
        refused(stranger.post(f"/notifications/{notice['id']}/seen"), 404)
    assert _notices(mechanic) == [notice]


def test_the_list_is_for_who_has_a_token(town: Town) -> None:
    for method, path in (("GET", "/notifications"), ("POST", "/notifications/x/seen")):
        response = town.http.request(method, path)
        assert (response.status_code, response.json()) == (401, {"message": "Unauthorized"})


@pytest.mark.parametrize("query", ["?limit=0", "?limit=101", "?cursor=%00", "?cursor=abc"])
def test_a_wrong_page_is_pointed_at(town: Town, query: str) -> None:
    (pointer,) = pointers(town.customer().get(f"/notifications{query}"))
    assert pointer == f"/{query[1:].partition('=')[0]}"


# Lost offers


@pytest.mark.parametrize("platform", ["fcm", "apns", "apns_sandbox"])
def test_a_lost_offer_is_taken_off_the_screen_in_silence(town: Town, platform: str) -> None:
    winner, loser = town.mechanics({"rating": 4.9}, {"rating": 4.8})
    for mechanic in (winner, loser):
        _with_device(mechanic, platform)
    session_id = town.seek(town.customer())
    lost = loser.offer(session_id)
    answer(winner.accept(winner.offer(session_id)))
    town.stack.drain()
    (withdrawn,) = town.pushes(loser, "offer_withdrawn")
    payload = withdrawn["payload"]
    message = payload.get("fcmV1Message", {}).get("message", payload)
    data = message.get("data", message)
    assert data["assignment_id"] == lost["id"]
    assert data["notice_id"] == f"{lost['id']}-push"
    assert len(data["collapse_id"]) <= 64
    if platform == "fcm":
        assert "notification" not in message
    else:
        assert message["aps"] == {"content-available": 1}
    assert town.pushes(winner, "offer_withdrawn") == []
    assert [type_ for type_, *_ in _types(loser)] == ["offer_made"], "it is in no ledger"


def test_a_cancelled_session_takes_its_offers_along(town: Town) -> None:
    mechanic, customer = _with_device(town.mechanic()), town.customer()
    session_id = town.seek(customer)
    answer(customer.act(session_id, "cancel"))
    town.stack.drain()
    assert len(town.pushes(mechanic, "offer_withdrawn")) == 1


# The bad minutes, told


def test_all_offline_is_told_with_the_three_ways_on(town: Town) -> None:
    town.mechanic(currently_on_shift=False)
    customer = _with_device(town.customer())
    town.seek(customer)
    assert _types(customer) == [
        ("all_offline", "mail", "sent"),
        ("all_offline", "push", "sent"),
    ]
    assert _notices(customer)[0]["data"]["options"].split(",") == WAYS_ON
    assert _mails(town, customer) == [
        ("all_offline", "jo@driver.example", "All mechanics are off shift")
    ]


def test_unfilled_is_told_by_push_and_mail(town: Town) -> None:
    town.mechanic()
    customer = _with_device(town.customer())
    session_id = town.seek(customer)
    town.stack.advance(31 * MINUTE)
    assert customer.session(session_id)["status"] == "unfilled"
    assert _types(customer)[-2:] == [
        ("session_unfilled", "mail", "sent"),
        ("session_unfilled", "push", "sent"),
    ]
    assert _mails(town, customer)[-1] == (
        "session_unfilled",
        "jo@driver.example",
        "Nobody could take your session",
    )


def test_a_booking_never_signed_is_mailed_about(town: Town) -> None:
    customer = town.customer()
    town.book(customer)
    town.stack.advance(31 * MINUTE)
    assert _types(customer) == [
        ("session_cancelled", "mail", "sent"),
        ("session_cancelled", "push", "failed"),
    ]
    assert len(_mails(town, customer)) == 1


def test_a_customer_is_spoken_to_in_french(town: Town) -> None:
    customer = town.customer()
    town.stack.seed(customers=[{"id": customer.id, "name": "Jo", "locale": "fr-CA"}])
    _with_device(customer)
    town.mechanic(currently_on_shift=False)
    town.seek(customer)
    (push,) = town.pushes(customer, "all_offline")
    title = push["payload"]["fcmV1Message"]["message"]["notification"]["title"]
    assert title == "Aucun mécanicien n'est en service"
    (mail,) = town.stack.mails(customer.id)
    body = mail["payload"]["content"]["Simple"]["Body"]
    assert body["Text"]["Data"].startswith("Bonjour Jo Driver,")
    assert '<html lang="fr">' in body["Html"]["Data"]


def test_both_sides_hear_of_a_mechanic_who_did_not_come(town: Town) -> None:
    mechanic, customer = _with_device(town.mechanic()), _with_device(town.customer())
    _waiting(town, customer, mechanic)
    town.stack.advance(6 * MINUTE)
    assert len(town.pushes(customer, "mechanic_not_joined")) == 1
    assert len(town.pushes(mechanic, "mechanic_not_joined")) == 1
    titles = {
        notice["title"]
        for person in (mechanic, customer)
        for notice in _notices(person)
        if notice["type"] == "mechanic_not_joined"
    }
    assert titles == {"We are finding you another mechanic", "You have lost the session"}


def test_a_customer_who_did_not_come_is_told_and_mailed(town: Town) -> None:
    mechanic, customer = _with_device(town.mechanic()), town.customer()
    session_id = _waiting(town, customer, mechanic)
    answer(mechanic.act(session_id, "join"))
    town.stack.advance(11 * MINUTE)
    assert customer.session(session_id)["status"] == "no_show"
    assert len(town.pushes(mechanic, "customer_not_joined")) == 1
    assert _mails(town, customer)[-1][0] == "customer_not_joined"


def test_a_completed_session_is_receipted_once(town: Town) -> None:
    mechanic, customer = town.mechanic(), town.customer()
    session_id = _waiting(town, customer, mechanic)
    for person in (mechanic, customer):
        answer(person.act(session_id, "join"))
    answer(customer.act(session_id, "end"))
    answer(customer.act(session_id, "end"))
    town.stack.drain()
    (mail,) = town.stack.mails(customer.id)
    assert mail["type"] == "session_completed"
    assert session_id in mail["payload"]["content"]["Simple"]["Body"]["Text"]["Data"]
    assert ("session_completed", "mail", "sent") in _types(customer)
    assert ("session_completed", "push", "failed") in _types(mechanic)


def test_a_customer_is_called_once_the_mechanic_is_there(town: Town) -> None:
    mechanic, customer = town.mechanic(), _with_device(town.customer())
    session_id = _waiting(town, customer, mechanic)
    assert town.pushes(customer, "mechanic_joined") == []
    answer(mechanic.act(session_id, "join"))
    town.stack.drain()
    (push,) = town.pushes(customer, "mechanic_joined")
    message = push["payload"]["fcmV1Message"]["message"]
    assert message["notification"]["title"] == "Your mechanic is here"
    assert 9 * MINUTE < int(message["android"]["ttl"].removesuffix("s")) <= 10 * MINUTE
    notice, accepted = _notices(customer)
    assert notice["expires_at"] == notice["data"]["customer_due_by"]
    assert (accepted["type"], accepted["title"]) == (
        "offer_accepted",
        "We have found you a mechanic",
    )


def test_whoever_books_and_cancels_again_and_again_is_mailed_five_times(town: Town) -> None:
    town.mechanic(currently_on_shift=False)
    customer = town.customer()
    for _ in range(6):
        answer(customer.act(town.seek(customer), "cancel"))
    assert len(town.stack.mails(customer.id)) == 5
    statuses = [n["reason"] for n in _notices(customer, "?limit=100") if n["channel"] == "mail"]
    assert statuses == ["mail_limit", *[None] * 5]


def test_a_mechanic_who_misses_offers_is_told_that_they_are_off_shift(town: Town) -> None:
    mechanic = _with_device(town.mechanic(email="einar@mechanic.example"))
    for _ in range(3):
        town.seek(town.customer())
        town.stack.advance(6 * MINUTE)
    assert answer(mechanic.get("/mechanic/clock"))["currently_on_shift"] is False
    assert len(town.pushes(mechanic, "mechanic_clocked_out")) == 1
    assert _mails(town, mechanic) == [
        ("mechanic_clocked_out", "einar@mechanic.example", "You are off shift")
    ]


@pytest.mark.parametrize(
    ("record", "outcome", "words"),
    [
        ({"currently_on_shift": False}, "off_shift", "is off shift"),
        ({"brand_specializations": ["Other"]}, "not_eligible", "does not take sessions like yours"),
    ],
)
def test_a_wish_for_a_mechanic_that_cannot_be_honoured_is_told_with_the_reason(
    town: Town, record: dict[str, Any], outcome: str, words: str
) -> None:
    preferred, _ = town.mechanics(record, {})
    customer = _with_device(town.customer())
    town.seek(customer, preferred_mechanic_id=preferred.id)
    (push,) = town.pushes(customer, "preferred_passed_over")
    message = push["payload"]["fcmV1Message"]["message"]
    assert message["data"]["outcome"] == outcome
    assert words in message["notification"]["body"]


def test_a_hostile_name_is_only_a_name(town: Town) -> None:
    town.mechanic(currently_on_shift=False)
    customer = town.customer()
    town.seek(customer, name="<script>alert(1)</script>")
    (mail,) = town.stack.mails(customer.id)
    assert "<script" not in mail["payload"]["content"]["Simple"]["Body"]["Html"]["Data"]


def test_a_turn_is_told_where_they_booked_from_if_the_profile_has_no_address(town: Town) -> None:
    (mechanic,) = town.mechanics({"currently_on_shift": False})
    customer = town.customer()
    address = f"{customer.id}@typed.example"
    answer(customer.act(town.seek(customer, email=address), "cancel"))
    wish = {"target": "mechanic", "mechanic_id": mechanic.id}
    answer(customer.post("/customer/waitlist/join", wish), 201)
    answer(mechanic.clock("clock_in"))
    town.stack.advance(11)
    assert ("waitlist_told", address, "A mechanic is there for you") in _mails(town, customer)


def test_a_turn_on_the_waitlist_is_told_at_the_profiles_address_while_it_lasts(town: Town) -> None:
    (mechanic,) = town.mechanics({"currently_on_shift": False})
    customer = _with_device(town.customer())
    record = {"id": customer.id, "name": "Jo", "email": f"{customer.id}@home.example"}
    town.stack.seed(customers=[record | {"country": "Iceland"}])
    wish = {"target": "mechanic", "mechanic_id": mechanic.id}
    answer(customer.post("/customer/waitlist/join", wish), 201)
    answer(mechanic.clock("clock_in"))
    town.stack.advance(11)
    (push,) = town.pushes(customer, "waitlist_told")
    message = push["payload"]["fcmV1Message"]["message"]
    assert 0 < int(message["android"]["ttl"].removesuffix("s")) <= 5 * MINUTE
    (notice, mail) = _notices(customer)
    assert (notice["channel"], mail["channel"]) == ("push", "mail")
    assert notice["expires_at"] == notice["data"]["claim_until"]
    assert _mails(town, customer) == [
        ("waitlist_told", record["email"], "A mechanic is there for you")
    ]
