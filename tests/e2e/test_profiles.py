"""Somebody becomes a mechanic: registers, completes the profile, is approved, and wins a match."""

import uuid

from dispatch.profiles.requests import EXAMPLE
from tests.e2e.people import PIXEL, Document, Person, Town, answer, ask, refused, upload

PATH = "/mechanic/profile"
BRAND = "Maserati"
HOURS = {
    "version": 0,
    "time_zone": "Atlantic/Reykjavik",
    "weekly": [{"weekday": "monday", "start": "09:00", "end": "17:00"}],
    "overrides": [],
}
ASKED: Document = {
    "requested_brand": BRAND,
    "customer_city": "Reykjavik",
    "concern": "The check engine light is on",
}


def edited(person: Person, version: int, **fields: object) -> Document:
    return dict(answer(person.call("PUT", PATH, {"version": version, "name": "Saga"} | fields)))


def complete(person: Person) -> int:
    told = answer(person.get(f"/mechanics/{person.id}/profile-completion"))
    return int(told["percentage"])


def a_profile() -> Document:
    place = {
        "country": "Iceland",
        "state_province": None,
        "city": "Reykjavik",
        "postal_code": "101",
        "time_zone": None,
        "phone": "+354 410 4000",
    }
    return EXAMPLE | place | {"brand_specializations": [BRAND]}


def test_who_registers_is_approved_and_wins_a_match_by_the_table(town: Town) -> None:
    person = town.person("customer", f"new-{uuid.uuid4().hex[:12]}")  # no mechanic by their token
    admin, customer = town.person("admin"), town.customer()
    refused(person.get(PATH), 404)

    first = edited(person, 0)
    assert (first["status"], first["profile_completion"]) == ("pending", 10)
    assert edited(person, 1, **a_profile())["time_zone"] == "Atlantic/Reykjavik"
    refused(person.call("PUT", PATH, {"version": 1, "name": "Saga"}), 409, "stale_version")
    answer(person.call("PUT", "/mechanic/availability", HOURS))
    assert complete(person) == 88, "all but the photo"
    upload(ask(person, "/mechanic/profile/photo"), PIXEL)
    town.stack.drain()
    assert complete(person) == 100
    refused(customer.get(f"/mechanics/{person.id}"), 404)
    refused(customer.get(f"/mechanics/{person.id}/profile-completion"), 404)

    listed = answer(admin.get("/admin/mechanics", params={"status": "pending", "limit": 100}))
    assert person.id in [each["id"] for each in listed["items"]]
    approve = f"/admin/mechanics/{person.id}/approve"
    assert answer(admin.post(approve))["status"] == "approved"
    assert answer(admin.post(approve))["status"] == "approved"
    shown = answer(customer.get(f"/mechanics/{person.id}"))
    assert (shown["certified"], shown["brand_specializations"]) == (True, [BRAND])
    assert a_profile()["email"] not in str(shown)

    mechanic = town.person("mechanic", person.id)
    (rival,) = town.mechanics({"brand_specializations": [BRAND], "profile_completion": 90})
    answer(mechanic.clock("clock_in"))
    session_id = town.seek(customer, **ASKED)
    row, other = mechanic.offer(session_id), rival.offer(session_id)
    assert row["match_reasons"] == [
        "Available now",
        "Same city - Reykjavik",
        "10+ years experience",
        "Professionally Certified",
        "Keyword match: check engine light",
        "Complete profile",
        f"Brand specialist - {BRAND}",
    ]
    assert row["match_score"] == 50 + 25 + 35 + 20 + 10 + 15 + 8 + 30
    assert other["match_score"] == 50 + 25 + 30
    assert answer(mechanic.accept(row))["status"] == "waiting"

    suspend = f"/admin/mechanics/{person.id}/suspend"
    assert answer(admin.post(suspend, {"reason": "A test"}))["status"] == "suspended"
    town.stack.drain()
    again = customer.session(session_id)
    assert (again["status"], again["mechanic"]) == ("pending", None)
    refused(mechanic.clock("clock_in"), 409, "not_eligible")
    notices = answer(mechanic.get("/notifications"))["items"]
    assert "mechanic_suspended" in [each["type"] for each in notices]
    refused(admin.post(approve), 409, "illegal_move")
    assert answer(admin.post(f"/admin/mechanics/{person.id}/reinstate"))["status"] == "approved"
    answer(mechanic.clock("clock_in"))
