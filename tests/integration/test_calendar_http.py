"""The calls of the calendar: what they take, answer and refuse."""

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from dispatch.calendar import service
from dispatch.core.ids import is_id
from dispatch.core.table import Transaction
from dispatch.policy.model import Policy
from tests.builders import CUSTOMER, MECHANIC, an_http_event
from tests.calendar_builders import QUARTER, TEN, TORONTO, an_availability
from tests.entry_points import load
from tests.world import World

CONTEXT = SimpleNamespace(aws_request_id="request-1")
NO_SUCH_ID = "01K00000000000000000000T01"
MECHANICS = {"caller": MECHANIC, "groups": "[mechanic]"}
NINE_TO_FIVE = {"weekday": "thursday", "start": "09:00", "end": "17:00"}
BODY = {"version": 0, "time_zone": TORONTO, "weekly": [NINE_TO_FIVE], "overrides": []}
OFF = {"start": "2026-07-02T14:00:00Z", "end": "2026-07-02T15:00:00Z"}
THURSDAY = "plan=standard&from=2026-07-02&to=2026-07-02&time_zone=America/Toronto"


class Answer:
    def __init__(self, raw: dict[str, Any]) -> None:
        self.status: int = raw["statusCode"]
        self.type: str = raw["headers"].get("content-type", "")
        self.body: Any = json.loads(raw["body"]) if raw.get("body") else None

    @property
    def pointers(self) -> list[str]:
        assert self.status == 422, self.body
        return sorted(error["pointer"] for error in self.body["errors"])

    @property
    def starts(self) -> list[str]:
        """What clocks show there, for which slots were asked."""
        assert self.status == 200, self.body
        return [slot["local_start"][11:16] for slot in self.body["items"]]


@pytest.fixture(scope="module")
def handler() -> Any:
    return load("calendar/api").handler


@pytest.fixture
def call(world: World, handler: Any) -> Any:
    world.mechanic(MECHANIC, on_shift=False, time_zone=TORONTO)

    def send(method: str, path: str, body: Any = None, **event: Any) -> Answer:
        event = (MECHANICS if path.startswith("/mechanic/") else {}) | event
        return Answer(handler(an_http_event(method, path, body, **event), CONTEXT))

    return send


def put(call: Any, **fields: Any) -> Answer:
    answer: Answer = call("PUT", "/mechanic/availability", BODY | fields)
    return answer


def slots(call: Any, query: str = THURSDAY, mechanic: str = MECHANIC, **event: Any) -> Answer:
    answer: Answer = call("GET", f"/mechanics/{mechanic}/slots", query=query, **event)
    return answer


def book(world: World, customer: str = CUSTOMER, *, confirmed: bool = True) -> None:
    plan = Policy().plan("standard")
    assert plan
    with Transaction() as tx:
        booking = service.hold_slot(
            tx,
            mechanic_id=MECHANIC,
            session_id="session-1",
            customer_id=customer,
            plan=plan,
            start=TEN,
            now=world.now,
        )
    if confirmed:
        with Transaction() as tx:
            service.confirm_booking(tx, booking.ref, world.now)


# Availability


def test_before_the_first_time_nothing_is_said(call: Any) -> None:
    answer = call("GET", "/mechanic/availability")
    assert (answer.status, answer.body) == (
        200,
        {"version": 0, "time_zone": TORONTO, "weekly": [], "overrides": [], "time_off": []},
    )


def test_what_is_put_is_what_is_got(call: Any) -> None:
    said = {
        "time_zone": "Australia/Lord_Howe",
        "weekly": [
            {"weekday": "sunday", "start": "22:15", "end": "02:00"},
            {"weekday": "monday", "start": "02:00", "end": "24:00"},
            {"weekday": "wednesday", "start": "00:00", "end": "24:00"},
        ],
        "overrides": [
            {"date": "2026-12-24", "blocks": [{"start": "23:00", "end": "00:00"}]},
            {"date": "2026-12-25", "blocks": []},
        ],
    }
    answer = put(call, **said)
    shown = said | {"version": 1, "time_off": []}
    shown["overrides"] = [
        {"date": "2026-12-24", "blocks": [{"start": "23:00", "end": "24:00"}]},
        {"date": "2026-12-25", "blocks": []},
    ]
    assert (answer.status, answer.body) == (200, shown)
    assert call("GET", "/mechanic/availability").body == shown
    again = put(call, **{name: shown[name] for name in (*said, "version")})
    assert again.body == shown | {"version": 2}


def test_a_change_names_the_version_it_was_made_of(call: Any) -> None:
    put(call)
    for version in (0, 2):
        answer = put(call, version=version, weekly=[])
        assert (answer.status, answer.body["reason"]) == (409, "stale_version")
    assert call("GET", "/mechanic/availability").body["weekly"] == [NINE_TO_FIVE]
    assert put(call, version=1, weekly=[]).body["version"] == 2


def test_overrides_may_be_left_out(call: Any) -> None:
    body = {name: value for name, value in BODY.items() if name != "overrides"}
    assert call("PUT", "/mechanic/availability", body).body["overrides"] == []


def a_weekly(**fields: Any) -> dict[str, Any]:
    return {"weekly": [NINE_TO_FIVE | fields]}


def an_override(*blocks: tuple[str, str], date: Any = "2026-12-24") -> dict[str, Any]:
    return {"date": date, "blocks": [{"start": start, "end": end} for start, end in blocks]}


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"version": None}, ["/version"]),
        ({"version": "0"}, ["/version"]),
        ({"version": -1}, ["/version"]),
        ({"version": True}, ["/version"]),
        ({"time_zone": None}, ["/time_zone"]),
        ({"time_zone": ""}, ["/time_zone"]),
        ({"time_zone": "Toronto"}, ["/time_zone"]),
        ({"time_zone": "america/toronto"}, ["/time_zone"]),
        ({"time_zone": "right/America/Toronto"}, ["/time_zone"]),
        ({"time_zone": "../../../etc/passwd"}, ["/time_zone"]),
        ({"time_zone": "-05:00"}, ["/time_zone"]),
        ({"timezone": TORONTO}, ["/timezone"]),
        ({"weekly": None}, ["/weekly"]),
        ({"weekly": {}}, ["/weekly"]),
        ({"weekly": [None]}, ["/weekly/0"]),
        ({"weekly": [{}]}, ["/weekly/0/end", "/weekly/0/start", "/weekly/0/weekday"]),
        ({"weekly": [NINE_TO_FIVE] * 101}, ["/weekly"]),
        (a_weekly(weekday="Thursday"), ["/weekly/0/weekday"]),
        (a_weekly(weekday=3), ["/weekly/0/weekday"]),
        (a_weekly(start="9:00"), ["/weekly/0/start"]),
        (a_weekly(start="24:00"), ["/weekly/0/start"]),
        (a_weekly(start="09:60"), ["/weekly/0/start"]),
        (a_weekly(start="09:00:00"), ["/weekly/0/start"]),
        (a_weekly(start="09:00\n"), ["/weekly/0/start"]),
        (a_weekly(start="٠٩:٠٠"), ["/weekly/0/start"]),
        (a_weekly(start=540), ["/weekly/0/start"]),
        (a_weekly(end="24:01"), ["/weekly/0/end"]),
        (a_weekly(end="09:00"), ["/weekly/0/end"]),
        (a_weekly(day="thursday"), ["/weekly/0/day"]),
        ({"weekly": [NINE_TO_FIVE, NINE_TO_FIVE]}, ["/weekly/1"]),
        ({"overrides": None}, ["/overrides"]),
        ({"overrides": [{"date": "2026-12-24"}]}, ["/overrides/0/blocks"]),
        ({"overrides": [an_override(date="2026-02-29")]}, ["/overrides/0/date"]),
        ({"overrides": [an_override(date="20261224")]}, ["/overrides/0/date"]),
        ({"overrides": [an_override(date="2026-12-24T00:00:00")]}, ["/overrides/0/date"]),
        ({"overrides": [an_override(date="9999-12-31")]}, ["/overrides/0/date"]),
        ({"overrides": [an_override(date="0001-01-01")]}, ["/overrides/0/date"]),
        ({"overrides": [an_override(date=1)]}, ["/overrides/0/date"]),
        ({"overrides": [an_override(), an_override()]}, ["/overrides/1/date"]),
        (
            {"overrides": [an_override(("09:00", "12:00"), ("11:45", "13:00"))]},
            ["/overrides/0/blocks/1"],
        ),
        (
            {"overrides": [an_override(("9", "24:01"))]},
            ["/overrides/0/blocks/0/end", "/overrides/0/blocks/0/start"],
        ),
        ({"overrides": [an_override()] * 367}, ["/overrides"]),
        ({"overrides": [an_override(*[("09:00", "10:00")] * 21)]}, ["/overrides/0/blocks"]),
    ],
    ids=lambda value: str(value)[:80],
)
def test_a_wrong_field_is_pointed_at_and_nothing_is_changed(
    call: Any, fields: dict[str, Any], where: list[str]
) -> None:
    answer = put(call, **fields)
    assert answer.pointers == where
    assert answer.type == "application/problem+json"
    assert call("GET", "/mechanic/availability").body["version"] == 0


def test_a_mechanic_without_a_profile_has_no_calendar(call: Any) -> None:
    nobody = {"caller": "nobody", "groups": "[mechanic]"}
    for method, path, body in (
        ("POST", "/mechanic/time-off", OFF),
        ("DELETE", f"/mechanic/time-off/{NO_SUCH_ID}", None),
        ("GET", "/mechanic/bookings", None),
    ):
        assert call(method, path, body, **nobody).status == 404, path


# Time off


def test_time_off_is_shown_until_it_is_over_earliest_first(world: World, call: Any) -> None:
    later = {"start": "2026-07-03T10:00:00+02:00", "end": "2026-07-03T11:00:00.5+02:00"}
    made = [call("POST", "/mechanic/time-off", body) for body in (later, OFF)]
    assert [answer.status for answer in made] == [201, 201]
    assert is_id(made[0].body["id"])
    assert made[0].body["start"] == "2026-07-03T08:00:00.000Z"
    assert made[0].body["end"] == "2026-07-03T09:00:00.500Z"
    shown = call("GET", "/mechanic/availability").body
    assert shown["time_off"] == [made[1].body, made[0].body]
    assert shown["version"] == 2
    world.clock.at = TEN + timedelta(hours=1)
    assert call("GET", "/mechanic/availability").body["time_off"] == [made[0].body]


def test_time_off_survives_a_change_of_availability(call: Any) -> None:
    off = call("POST", "/mechanic/time-off", OFF).body
    assert put(call, version=1).body["time_off"] == [off]


def test_time_off_is_ended_once(call: Any) -> None:
    off = call("POST", "/mechanic/time-off", OFF).body
    path = f"/mechanic/time-off/{off['id']}"
    assert call("DELETE", path, caller="somebody else", groups="[mechanic]").status == 404
    answers = [call("DELETE", path) for _ in range(2)]
    assert [answer.status for answer in answers] == [204, 404]
    assert answers[0].body is None


@pytest.mark.parametrize("confirmed", [True, False])
def test_time_off_over_bookings_is_refused_with_them(
    world: World, call: Any, confirmed: bool
) -> None:
    put(call)
    book(world, confirmed=confirmed)
    answer = call("POST", "/mechanic/time-off", OFF)
    assert (answer.status, answer.body["reason"]) == (409, "bookings_inside")
    assert answer.body["bookings"] == [
        {
            "session_id": "session-1",
            "status": "confirmed" if confirmed else "held",
            "start": "2026-07-02T14:00:00.000Z",
            "end": "2026-07-02T14:45:00.000Z",
        }
    ]
    assert call("GET", "/mechanic/availability").body["time_off"] == []


def test_time_off_asked_for_twice_under_one_key_is_one(call: Any) -> None:
    keyed: dict[str, Any] = {"headers": {"idempotency-key": "k1"}}
    first = call("POST", "/mechanic/time-off", OFF, **keyed)
    again = call("POST", "/mechanic/time-off", OFF, **keyed)
    assert (again.status, again.body) == (201, first.body)
    assert len(call("GET", "/mechanic/availability").body["time_off"]) == 1
    other = call("POST", "/mechanic/time-off", OFF | {"end": "2026-07-02T16:00:00Z"}, **keyed)
    assert (other.status, other.body["reason"]) == (409, "idempotency_mismatch")


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"start": None}, ["/start"]),
        ({"start": "2026-07-02"}, ["/start"]),
        ({"start": "2026-07-02T14:00:00"}, ["/start"]),
        ({"start": 1}, ["/start"]),
        ({"start": "2026-02-30T14:00:00Z"}, ["/start"]),
        ({"start": "0001-01-01T00:00:00+14:00"}, ["/start"]),
        ({"end": "9999-12-31T23:59:59-12:00"}, ["/end"]),
        ({"end": OFF["start"]}, ["/end"]),
        ({"start": "2026-06-01T00:00:00Z", "end": "2026-07-01T12:00:00Z"}, ["/end"]),
        ({"until": "2026-07-03T00:00:00Z"}, ["/until"]),
    ],
    ids=str,
)
def test_a_wrong_time_off_is_pointed_at(
    call: Any, fields: dict[str, Any], where: list[str]
) -> None:
    assert call("POST", "/mechanic/time-off", OFF | fields).pointers == where


# Bookings


def test_bookings_are_shown_by_both_clocks(world: World, call: Any) -> None:
    put(call)
    assert call("GET", "/mechanic/bookings").body == {"items": [], "next_cursor": None}
    book(world, confirmed=False)
    held = {
        "session_id": "session-1",
        "plan": "standard",
        "status": "held",
        "start": "2026-07-02T14:00:00.000Z",
        "end": "2026-07-02T14:45:00.000Z",
        "buffer_end": "2026-07-02T14:55:00.000Z",
        "local_start": "2026-07-02T10:00:00-04:00",
        "local_end": "2026-07-02T10:45:00-04:00",
        "held_until": "2026-07-01T12:15:00.000Z",
    }
    assert call("GET", "/mechanic/bookings").body["items"] == [held]
    world.clock.at += QUARTER
    assert call("GET", "/mechanic/bookings").body["items"] == []


def test_bookings_are_paged(world: World, call: Any) -> None:
    put(call)
    plan = Policy().plan("quick")
    assert plan
    for n in range(3):
        with Transaction() as tx:
            service.hold_slot(
                tx,
                mechanic_id=MECHANIC,
                session_id=f"s{n}",
                customer_id=f"c{n}",
                plan=plan,
                start=TEN + n * 3 * QUARTER,
                now=world.now,
            )
    first = call("GET", "/mechanic/bookings", query="limit=2").body
    cursor = first["next_cursor"]
    second = call("GET", "/mechanic/bookings", query=f"limit=2&cursor={cursor}").body
    assert [b["session_id"] for b in first["items"] + second["items"]] == ["s0", "s1", "s2"]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("cursor=nonsense", "/cursor"),
        ("cursor=eyJzayI6ICJSVUxFUyJ9", "/cursor"),
        ("cursor=eyJzayI6ICJ-In0", "/cursor"),
    ],
)
def test_a_wrong_page_is_pointed_at(call: Any, query: str, where: str) -> None:
    assert call("GET", "/mechanic/bookings", query=query).pointers == [where]


# Slots


def test_slots_are_told_in_utc_and_in_the_asked_zone(call: Any) -> None:
    put(call)
    answer = slots(call, "plan=standard&from=2026-07-02&to=2026-07-02&time_zone=Asia/Kathmandu")
    assert answer.status == 200
    assert answer.body["items"][0] == {
        "start": "2026-07-02T13:00:00.000Z",
        "end": "2026-07-02T13:45:00.000Z",
        "local_start": "2026-07-02T18:45:00+05:45",
        "local_end": "2026-07-02T19:30:00+05:45",
    }
    assert {name: value for name, value in answer.body.items() if name != "items"} == {
        "mechanic_id": MECHANIC,
        "plan": "standard",
        "time_zone": "Asia/Kathmandu",
        "next_cursor": None,
    }
    assert answer.starts[-1] == "23:45", "the day that was asked for ends in Kathmandu"


def test_slots_of_the_days_on_which_clocks_change(world: World, call: Any) -> None:
    put(call, weekly=[{"weekday": "sunday", "start": "00:00", "end": "04:00"}])
    for now, on, count in (("2026-10-31", "2026-11-01", 17), ("2027-03-13", "2027-03-14", 9)):
        world.clock.at = TEN.fromisoformat(f"{now}T12:00:00Z")
        found = slots(call, f"plan=standard&from={on}&to={on}&time_zone={TORONTO}").starts
        assert len(found) == count
        assert found.count("01:30") == (2 if count == 17 else 1)
        assert ("02:30" in found) is (count == 17)


@pytest.mark.parametrize(
    ("query", "first", "count"),
    [
        ("plan=standard", "13:00", 29),
        ("plan=free", "13:00", 31),
        ("plan=diagnostic&time_zone=America/Toronto", "09:00", 28),
        ("plan=standard&from=2026-07-02T14:00:00Z", "14:00", 25 + 4),
        ("plan=standard&from=2026-07-02T14:00:01Z", "14:15", 24 + 5),
        ("plan=standard&from=2026-07-02T14:00:00Z&to=2026-07-02T15:00:00Z", "14:00", 4),
        ("plan=standard&from=2026-07-02T10:00:00-04:00&to=2026-07-02", "14:00", 25),
        ("plan=standard&from=2026-07-01T12:00:00Z&to=2026-08-01T12:00:00Z", "13:00", 5 * 29),
        ("plan=standard&from=2026-07-01&to=2026-07-31", "13:00", 5 * 29),
        ("plan=standard&to=2026-07-02T13:30:00Z", "13:00", 2),
    ],
)
def test_a_stretch_is_asked_for_by_instants_or_by_days(
    call: Any, query: str, first: str, count: int
) -> None:
    put(call)
    found = slots(call, query).starts
    whole_week = "from" in query and "to=" not in query
    assert (found[0], len(found)) == (first, count if not whole_week else len(found))


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("", ["/plan"]),
        ("plan=", ["/plan"]),
        ("plan=gold", ["/plan"]),
        ("plan=free&time_zone=Toronto", ["/time_zone"]),
        ("plan=free&from=today", ["/from"]),
        ("plan=free&from=2026-07-02T14:00:00", ["/from"]),
        ("plan=free&from=2026-02-30", ["/from"]),
        ("plan=free&from=9999-12-31", ["/from"]),
        ("plan=free&to=0001-01-01T00:00:00Z", ["/to"]),
        ("plan=free&from=2026-07-02&to=2026-07-01", ["/to"]),
        ("plan=free&from=2026-07-02T14:00:00Z&to=2026-07-02T14:00:00Z", ["/to"]),
        ("plan=free&to=2026-06-30", ["/to"]),
        ("plan=free&from=2026-07-01&to=2026-08-01", ["/to"]),
        ("plan=free&from=2026-07-01T12:00:00Z&to=2026-08-01T12:00:01Z", ["/to"]),
        ("plan=free&zone=UTC", ["/zone"]),
    ],
)
def test_a_wrong_parameter_is_pointed_at(call: Any, query: str, where: list[str]) -> None:
    assert slots(call, query).pointers == where


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-11-01&to=2026-12-01",
        "from=2026-10-31&to=2026-11-30",
        "from=2027-03-01&to=2027-03-31",
        "from=2027-03-01T12:00:00Z&to=2027-04-01T12:00:00Z",
        "from=2026-10-20T12:00:00Z&to=2026-11-20T12:00:00Z",
    ],
)
def test_thirty_one_days_are_that_whatever_clocks_do(call: Any, query: str) -> None:
    assert slots(call, f"plan=free&{query}&time_zone={TORONTO}").status == 200


@pytest.mark.parametrize("on", ["2000-01-01", "2025-01-01", "2030-01-01", "2199-12-31"])
def test_far_away_nothing_can_be_booked(call: Any, on: str) -> None:
    put(call)
    assert slots(call, f"plan=free&from={on}&to={on}").starts == []


def test_a_hold_hides_a_slot_from_all_but_its_customer(world: World, call: Any) -> None:
    put(call)
    book(world, confirmed=False)
    assert "10:00" in slots(call).starts
    assert "10:00" not in slots(call, caller="another").starts
    assert "10:00" not in slots(call, **MECHANICS).starts


def test_a_mechanic_nobody_may_see_has_no_slots_to_show(world: World, call: Any) -> None:
    world.mechanic("suspended", on_shift=False, status="suspended")
    for mechanic in ("nobody", "suspended", "x" * 201):
        assert slots(call, mechanic=mechanic).status == 404


def test_who_may_not_be_matched_cannot_be_booked(world: World, call: Any) -> None:
    put(call)
    world.mechanic(MECHANIC, on_shift=False, profile_completion=79)
    assert slots(call).starts == []


# Who may call


@pytest.mark.parametrize("groups", ["[customer]", "[admin]", "[]", ""])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/mechanic/time-off", OFF),
        ("DELETE", f"/mechanic/time-off/{NO_SUCH_ID}", None),
        ("GET", "/mechanic/bookings", None),
    ],
)
def test_a_calendar_is_its_mechanics(
    call: Any, method: str, path: str, body: Any, groups: str
) -> None:
    answer = call(method, path, body, groups=groups)
    assert (answer.status, answer.body["type"]) == (403, "/problems/forbidden")


@pytest.mark.parametrize("groups", ["[customer]", "[]", ""])
def test_whoever_has_a_profile_has_an_availability(call: Any, groups: str) -> None:
    """Applicants, too: a complete profile has one."""
    assert call("PUT", "/mechanic/availability", BODY, groups=groups).status == 200
    assert call("GET", "/mechanic/availability", groups=groups).body["version"] == 1
    nobody = {"caller": "nobody", "groups": groups}
    assert call("GET", "/mechanic/availability", **nobody).status == 404
    assert call("PUT", "/mechanic/availability", BODY, **nobody).status == 404


@pytest.mark.parametrize("groups", ["[customer]", "[mechanic]", "[admin]"])
def test_slots_are_anybodys_to_see(call: Any, groups: str) -> None:
    put(call)
    assert slots(call, groups=groups).starts[0] == "09:00"


def test_the_availability_of_builders_is_the_one_used_here(call: Any) -> None:
    put(call, weekly=[NINE_TO_FIVE])
    said = service.calendar_of(MECHANIC).availability
    assert said.weekly == an_availability(TORONTO).weekly[3:4]
