"""When mechanics work and when they can be booked, over HTTP."""

import uuid
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dispatch.core.time import format_time, parse_time
from tests.e2e.people import Document, Person, Town, answer, pointers, refused

VANCOUVER = "America/Vancouver"
EVERY_DAY = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def availability(mechanic: Person) -> Document:
    return dict(answer(mechanic.get("/mechanic/availability")))


def say(mechanic: Person, *blocks: tuple[str, str], **fields: object) -> Document:
    """The same on every day, in Vancouver unless the fields say otherwise."""
    weekly = [
        {"weekday": day, "start": start, "end": end} for day in EVERY_DAY for start, end in blocks
    ]
    version = availability(mechanic)["version"]
    body = {"version": version, "time_zone": VANCOUVER, "weekly": weekly, **fields}
    return dict(answer(mechanic.call("PUT", "/mechanic/availability", body)))


def slots(asker: Person, mechanic: Person, **query: str) -> list[Document]:
    path = f"/mechanics/{mechanic.id}/slots"
    return list(answer(asker.get(path, params={"plan": "standard", **query}))["items"])


def tomorrow(mechanic: Person, asker: Person) -> str:
    """The second day from now in Vancouver on which there are slots: it is whole."""
    days = [str(slot["local_start"])[:10] for slot in slots(asker, mechanic, time_zone=VANCOUVER)]
    return sorted(set(days))[1]


def test_a_mechanic_says_when_they_work_and_customers_see_slots(town: Town) -> None:
    mechanic, customer = town.mechanic(currently_on_shift=False), town.customer()
    assert availability(mechanic)["version"] == 0
    assert slots(customer, mechanic) == []
    said = say(mechanic, ("09:00", "12:00"), ("13:00", "17:00"))
    assert (said["version"], availability(mechanic)) == (1, said)

    day = {"from": tomorrow(mechanic, customer), "time_zone": VANCOUVER}
    day["to"] = day["from"]
    found = slots(customer, mechanic, **day)
    assert [slot["local_start"][11:16] for slot in found] == [
        "09:00", "09:15", "09:30", "09:45", "10:00", "10:15", "10:30", "10:45", "11:00",
        "13:00", "13:15", "13:30", "13:45", "14:00", "14:15", "14:30", "14:45", "15:00",
        "15:15", "15:30", "15:45", "16:00",
    ]  # fmt: skip
    elsewhere = slots(customer, mechanic, **day | {"time_zone": "Asia/Kathmandu"})
    for slot in found + elsewhere:
        assert parse_time(slot["start"]) == datetime.fromisoformat(slot["local_start"])
        assert parse_time(slot["end"]) - parse_time(slot["start"]) == timedelta(minutes=45)
        shown = parse_time(slot["start"]).astimezone(ZoneInfo(VANCOUVER))
        assert 9 <= shown.hour < 17


def test_a_change_is_made_of_what_was_read(town: Town) -> None:
    mechanic = town.mechanic(currently_on_shift=False)
    said = say(mechanic, ("09:00", "12:00"))
    stale = {"version": 0, "time_zone": "UTC", "weekly": []}
    refused(mechanic.call("PUT", "/mechanic/availability", stale), 409, "stale_version")
    assert availability(mechanic) == said


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"time_zone": "Mars/Base"}, ["/time_zone"]),
        ({"weekly": [{"weekday": "monday", "start": "09:00", "end": "09:00"}]}, ["/weekly/0/end"]),
        (
            {
                "weekly": [
                    {"weekday": "sunday", "start": "22:00", "end": "02:00"},
                    {"weekday": "monday", "start": "01:45", "end": "03:00"},
                ]
            },
            ["/weekly/1"],
        ),
        ({"overrides": [{"date": "2027-02-29", "blocks": []}]}, ["/overrides/0/date"]),
        ({"timezone": "UTC"}, ["/timezone"]),
    ],
    ids=str,
)
def test_a_wrong_field_is_pointed_at(town: Town, fields: Document, where: list[str]) -> None:
    mechanic = town.mechanic(currently_on_shift=False)
    body = {"version": 0, "time_zone": VANCOUVER, "weekly": []} | fields
    assert pointers(mechanic.call("PUT", "/mechanic/availability", body)) == where


def test_time_off_takes_slots_and_gives_them_back(town: Town) -> None:
    mechanic, customer = town.mechanic(currently_on_shift=False), town.customer()
    say(mechanic, ("09:00", "17:00"))
    first, *_ = before = slots(customer, mechanic)
    start = parse_time(first["start"])
    body, key = {"start": format_time(start), "end": format_time(start + HOUR)}, uuid.uuid4().hex
    made = [mechanic.post("/mechanic/time-off", body, key=key) for _ in range(2)]
    off = answer(made[0], 201)
    assert answer(made[1], 201) == off
    assert availability(mechanic)["time_off"] == [off]
    assert slots(customer, mechanic)[0]["start"] == format_time(start + HOUR)

    path = f"/mechanic/time-off/{off['id']}"
    refused(town.mechanic().call("DELETE", path), 404)
    assert [mechanic.call("DELETE", path).status_code for _ in range(2)] == [204, 404]
    assert slots(customer, mechanic) == before


def test_a_date_of_its_own_and_a_night(town: Town) -> None:
    mechanic, customer = town.mechanic(currently_on_shift=False), town.customer()
    say(mechanic, ("22:00", "02:00"))
    on = tomorrow(mechanic, customer)
    say(mechanic, ("22:00", "02:00"), overrides=[{"date": on, "blocks": []}])
    stretch = {"from": on, "to": on, "time_zone": VANCOUVER}
    night_before = [slot["local_start"][11:16] for slot in slots(customer, mechanic, **stretch)]
    assert night_before == ["00:00", "00:15", "00:30", "00:45", "01:00"]


def test_at_most_31_days_are_asked_for_at_once(town: Town) -> None:
    mechanic, customer = town.mechanic(currently_on_shift=False), town.customer()
    path = f"/mechanics/{mechanic.id}/slots?plan=free&from=2027-01-01&to="
    assert pointers(customer.get(f"{path}2027-02-01")) == ["/to"]
    assert answer(customer.get(f"{path}2027-01-31"))["items"] == []


def test_the_browse_list_tells_the_next_slot(town: Town) -> None:
    mechanic, customer = town.mechanic(currently_on_shift=False), town.customer()
    wanted = {"request_type": "brand_specialist", "requested_brand": town.brand}

    def shown() -> object:
        (card,) = answer(customer.get("/mechanics/available", params=wanted))["mechanics"]
        return card["next_slot_at"]

    town.stack.advance(2)  # the list may be a second old
    assert shown() is None
    say(mechanic, ("00:00", "24:00"))
    assert shown() == slots(customer, mechanic, plan="free")[0]["start"]


def test_calls_are_for_those_they_are_for(town: Town) -> None:
    mechanic, customer = town.mechanic(currently_on_shift=False), town.customer()
    refused(customer.get("/mechanic/bookings"), 403)
    refused(customer.get("/mechanics/nobody/slots?plan=free"), 404)
    assert town.http.get(f"/mechanics/{mechanic.id}/slots?plan=free").status_code == 401
    assert answer(mechanic.get("/mechanic/bookings")) == {"items": [], "next_cursor": None}
