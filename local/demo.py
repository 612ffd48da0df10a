"""``make demo``: a driver in Toronto gets a mechanic, told in the terminal.

Everything goes over HTTP to a local stack of its own, as frontends would do it; what is shown is
what came back, but for the points of the ranking, which the layer's rules count here and which have
to agree with the offers. Any answer that is not as it should be ends the demo with a message and
exit code 1.
"""

import sys
import time
from datetime import UTC, datetime
from typing import Any

import httpx
from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table

from dispatch.matching.keywords import find_keywords
from dispatch.matching.rules import match_request, score
from dispatch.mechanics.model import Duty, Mechanic, RosterEntry
from dispatch.mechanics.rules import profile_from, roster_entry
from dispatch.policy.model import Scoring
from local.errors import LocalStackError
from local.stack import RunningStack, running_stack

CONCERN = "Check engine light on, rough idle, need diagnostics"

_SKILLS = ["check engine light", "engine diagnostic"]
_TORONTO = {"country": "Canada", "state_province": "Ontario", "city": "Toronto"}
MECHANICS: list[dict[str, Any]] = [
    {
        "id": "mechanic-a",
        "name": "Amara (A)",
        **_TORONTO,
        "postal_code": "M5V 2B2",
        "certified": True,
        "years_of_experience": 5,
        "rating": 4.8,
        "service_keywords": _SKILLS,
        "currently_on_shift": True,
    },
    {
        "id": "mechanic-b",
        "name": "Ben (B)",
        **_TORONTO,
        "postal_code": "M6K 1B1",
        "years_of_experience": 3,
        "rating": 4.5,
        "service_keywords": ["engine diagnostic"],
        "currently_on_shift": True,
    },
    {
        "id": "mechanic-c",
        "name": "Chloe (C)",
        "country": "Canada",
        "state_province": "British Columbia",
        "city": "Vancouver",
        "postal_code": "V6B 2W9",
        "years_of_experience": 10,
        "rating": 4.9,
        "service_keywords": ["engine diagnostic"],
        "currently_on_shift": True,
    },
    {
        "id": "mechanic-d",
        "name": "Dmitri (D)",
        **_TORONTO,
        "postal_code": "M5V 3A1",
        "rating": 4.2,
        "service_keywords": ["engine diagnostic"],
        "currently_on_shift": False,
    },
    {
        "id": "mechanic-e",
        "name": "Elise (E)",
        "country": "Canada",
        "state_province": "Quebec",
        "city": "Montreal",
        "postal_code": "H2X 1Y4",
        "years_of_experience": 8,
        "rating": 4.6,
        "service_keywords": ["engine diagnostic"],
        "currently_on_shift": False,
    },
]
for _mechanic in MECHANICS:
    _mechanic.setdefault("profile_completion", 90)
NAMES = {mechanic["id"]: mechanic["name"] for mechanic in MECHANICS}


class Failed(Exception):
    """The stack did not answer as the story goes."""


class _Person:
    """A customer or mechanic with their token."""

    def __init__(self, stack: RunningStack, group: str, user_id: str) -> None:
        token = stack.token(group, user_id)
        self._http = httpx.Client(
            base_url=stack.url, headers={"Authorization": f"Bearer {token}"}, timeout=60
        )

    def call(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        answer = self._http.request(method, path, json=body)
        if answer.status_code != expect:
            raise Failed(f"{method} {path} answered {answer.status_code}: {answer.text}")
        return answer.json()


class Story:
    """The demo, step by step."""

    def __init__(self, stack: RunningStack, screen: Console) -> None:
        self._stack = stack
        self._screen = screen
        self._mechanics = {id_: _Person(stack, "mechanic", id_) for id_ in NAMES}

    def tell(self) -> None:
        """All of it: the main job, a booking that nobody answers in time, and the night."""
        self.people_arrive()
        self.main_job()
        self.nobody_answers()
        self.night()

    def people_arrive(self) -> None:
        self._step("Five mechanics, three of them on shift")
        self._stack.seed(mechanics=MECHANICS)
        table = Table("mechanic", "place", "on shift", "years", "rating", "certified", "phone")
        for number, (id_, mechanic) in enumerate(self._mechanics.items()):
            platform = "apns" if number % 2 else "fcm"
            device = {"platform": platform, "token": f"demo-token-of-{id_}"}
            mechanic.call("PUT", f"/devices/phone-of-{id_}", device)
            record = MECHANICS[number]
            table.add_row(
                record["name"],
                f"{record['city']} {record['postal_code'][:3]}",
                "[green]yes[/]" if record["currently_on_shift"] else "[dim]no[/]",
                str(record.get("years_of_experience", "")),
                str(record["rating"]),
                "yes" if record.get("certified") else "",
                platform,
            )
        self._screen.print(table)

    def _book(self, customer_id: str, **wishes: Any) -> tuple[_Person, str]:
        customer = _Person(self._stack, "customer", customer_id)
        intake = {
            **wishes,
            "plan": "free",
            "payment_method": "free",
            "name": "Jo Driver",
            "email": "jo@driver.example",
            "phone": "+1 416 555 0100",
            "customer_country": "Canada",
            "customer_state_province": "Ontario",
            "customer_city": "Toronto",
            "customer_postal_code": "M5V 1A1",
            "vehicle": {"year": 2019, "make": "Honda", "model": "Civic"},
            "concern": CONCERN,
        }
        booked = customer.call("POST", "/intake/start", intake, expect=201)
        self._screen.print(f'  concern   "{CONCERN}"')
        self._screen.print(f"  keywords  [cyan]{', '.join(booked['keywords'])}[/]")
        self._screen.print(f"  status    {booked['status']}, next: {booked['next']}")
        session_id = booked["session_id"]
        waiver = {"full_name": "Jo Driver", "accepted": True}
        signed = customer.call("POST", f"/sessions/{session_id}/waiver", waiver)
        self._screen.print(f"  signed    {signed['status']}")
        started = time.perf_counter()
        self._stack.drain()
        waited = time.perf_counter() - started
        self._screen.print(f"  [dim]matched, offered and pushed {waited:.1f} s later[/]")
        return customer, session_id

    def main_job(self) -> None:
        self._step("A driver in Toronto books a free chat")
        customer, session_id = self._book("driver-1")
        expected = self._show_ranking()
        offers = self._show_offers(session_id)
        if any(offer["match_score"] != expected[offer["mechanic_id"]] for offer in offers):
            raise Failed("the stack scored otherwise than the rules")
        self._show_pushes("offer_made")

        self._step("The best one accepts, the second is too late")
        winner, loser = offers[0], offers[1]
        accepted = self._answer(winner, "accept")
        self._screen.print(
            f"  [green]200[/] {NAMES[winner['mechanic_id']]} has the session:"
            f" {accepted['status']}, next: {accepted['next']}"
        )
        refused = self._answer(loser, "accept", expect=409)
        self._screen.print(
            f"  [red]409[/] {NAMES[loser['mechanic_id']]}: {refused['reason']}. {refused['detail']}"
        )
        if refused["reason"] != "taken":
            raise Failed(f"the second accept was refused as {refused['reason']}, not taken")

        self._step("Both join, they talk, the mechanic ends it")
        mechanic = self._mechanics[winner["mechanic_id"]]
        mechanic.call("POST", f"/sessions/{session_id}/join")
        live = customer.call("POST", f"/sessions/{session_id}/join")
        self._stack.advance(8 * 60)
        ended = mechanic.call("POST", f"/sessions/{session_id}/end")
        self._screen.print(
            f"  {live['status']} at {live['live_at']}, {ended['status']} by mechanic"
        )
        if (live["status"], ended["status"]) != ("live", "completed"):
            raise Failed("the session did not run to its end")
        self._stack.drain()
        self._show_timeline(customer, session_id)

    def nobody_answers(self) -> None:
        self._step("A second driver books, and nobody answers for five minutes")
        customer, session_id = self._book("driver-2")
        self._show_offers(session_id)
        self._stack.advance(5 * 60)
        self._screen.print("  [yellow]five minutes later[/] the offers are over")
        rows = [
            (id_, row)
            for id_, mechanic in self._mechanics.items()
            for row in mechanic.call("GET", "/mechanic/queue")["unassigned"]
            if row["session_id"] == session_id
        ]
        if not rows:
            raise Failed("the session did not fall back to the broadcast")
        table = Table("open to", "status", "badge", "match type", "session", title="Broadcast")
        for id_, row in rows:
            match_type = row["metadata"]["match_type"]
            status = row["session"]["status"]
            table.add_row(NAMES[id_], row["status"], row["badge"], match_type, status)
        self._screen.print(table)
        self._show_pushes("broadcast_announced")
        self._show_timeline(customer, session_id)

    def night(self) -> None:
        self._step("Night: everybody is off shift, and two drivers join the waitlist")
        for mechanic in self._mechanics.values():
            if mechanic.call("GET", "/mechanic/clock")["currently_on_shift"]:
                mechanic.call("POST", "/mechanic/clock", {"action": "clock_out"})
        drivers = [_Person(self._stack, "customer", f"night-driver-{n}") for n in (1, 2)]
        place = {"country": "Canada", "city": "Toronto", "postal_code": "M5V 1A1"}
        self._stack.seed(customers=[{"id": f"night-driver-{n}", **place} for n in (1, 2)])
        self._stack.drain()
        found = drivers[0].call("GET", "/mechanics/available")
        ways = ", ".join(found["options"])
        self._screen.print(f"  availability [yellow]{found['availability']}[/], ways on: {ways}")
        if found["availability"] != "all_offline":
            raise Failed(f"at night the mechanics are {found['availability']}, not all offline")
        table = Table("waits", "for", "place", title="Waitlist")
        for number, driver in enumerate(drivers, 1):
            driver.call(
                "PUT", f"/devices/{number}", {"platform": "fcm", "token": f"night-{number}"}
            )
            entry = driver.call("POST", "/customer/waitlist/join", {"target": "any"}, expect=201)
            table.add_row(f"night-driver-{number}", entry["target"], str(entry["place"]))
        self._screen.print(table)

        self._step(
            "One mechanic clocks in: the first in line is told, and five minutes later the next"
        )
        early_bird = next(iter(self._mechanics))
        self._mechanics[early_bird].call("POST", "/mechanic/clock", {"action": "clock_in"})
        self._stack.drain()
        self._show_turn("night-driver-1")
        self._stack.advance(5 * 60)
        self._show_turn("night-driver-2")

        self._step(f"The second books with {NAMES[early_bird]}, who is asked first, and accepts")
        customer, session_id = self._book("night-driver-2", preferred_mechanic_id=early_bird)
        (offer,) = self._mechanics[early_bird].call("GET", "/mechanic/queue")["mine"]
        self._answer(offer, "accept")
        self._stack.drain()
        session = customer.call("GET", f"/sessions/{session_id}")
        (entry,) = customer.call("GET", "/customer/waitlist")["items"]
        outcome = session["preferred"]["outcome"]
        self._screen.print(
            f"  [green]{session['status']}[/], preferred mechanic: {outcome},"
            f" waitlist: {entry['status']}"
        )
        if (outcome, entry["status"]) != ("accepted", "claimed"):
            raise Failed("the night did not end well")

    def _show_turn(self, driver_id: str) -> None:
        told = [p for p in self._stack.pushes(driver_id) if p["type"] == "waitlist_told"]
        if not told:
            raise Failed(f"{driver_id} was not told that it is their turn")
        title, body = _alert(told[-1]["payload"])
        self._screen.print(f"  pushed to [cyan]{driver_id}[/]: {title}. {body}")

    # What it looks like

    def _step(self, title: str) -> None:
        self._screen.print()
        self._screen.print(Rule(f"[bold]{title}[/]", align="left"))

    def _answer(self, offer: dict[str, Any], answer: str, expect: int = 200) -> Any:
        mechanic = self._mechanics[offer["mechanic_id"]]
        path = f"/mechanic/assignments/{offer['id']}/{answer}"
        return mechanic.call("POST", path, expect=expect)

    def _show_ranking(self) -> dict[str, int]:
        """All five by the rules of the layer, point by point, on or off shift."""
        request = match_request(
            keywords=find_keywords(CONCERN),
            country="Canada",
            state_province="Ontario",
            city="Toronto",
            postal_code="M5V 1A1",
        )
        today = datetime.now(UTC).date()
        scored = [
            (mechanic, score(_entry(mechanic), request, Scoring(), today)) for mechanic in MECHANICS
        ]
        scored.sort(key=lambda pair: -pair[1].match_score)
        names = [mechanic["name"] for mechanic, _ in scored]
        table = Table("points for", *names, title="Ranking, on shift or not")
        for criterion in dict.fromkeys(c for _, result in scored for c in result.breakdown):
            points = [str(result.breakdown.get(criterion, "")) for _, result in scored]
            table.add_row(criterion.replace("_", " "), *points)
        table.add_section()
        table.add_row("score", *(f"[bold]{result.match_score}[/]" for _, result in scored))
        self._screen.print(table)
        return {mechanic["id"]: result.match_score for mechanic, result in scored}

    def _show_offers(self, session_id: str) -> list[dict[str, Any]]:
        """Everybody's offer of this session, best first."""
        offers = [
            row
            for mechanic in self._mechanics.values()
            for row in mechanic.call("GET", "/mechanic/queue")["mine"]
            if row["session_id"] == session_id and row["status"] == "offered"
        ]
        offers.sort(key=lambda row: -row["match_score"])
        if len(offers) != 3:
            raise Failed(f"{len(offers)} mechanics were asked, not three")
        table = Table("asked", "score", "badge", "why", "seconds left", title="Offers")
        for offer in offers:
            table.add_row(
                NAMES[offer["mechanic_id"]],
                f"[bold]{offer['match_score']}[/]",
                offer["badge"],
                "\n".join(offer["match_reasons"]),
                str(offer["expires_in_s"]),
            )
        self._screen.print(table)
        return offers

    def _show_pushes(self, type_: str) -> None:
        pushes = [
            (id_, push)
            for id_ in NAMES
            for push in self._stack.pushes(id_)
            if push["type"] == type_
        ]
        if len(pushes) < 3:
            raise Failed(f"{len(pushes)} pushes of type {type_}, not three")
        table = Table("pushed to", "device", "title", "body", title=f"Pushes: {type_}")
        for id_, push in pushes:
            title, body = _alert(push["payload"])
            table.add_row(NAMES[id_], push["device_id"], title, body)
        self._screen.print(table)

    def _show_timeline(self, customer: _Person, session_id: str) -> None:
        events = customer.call("GET", f"/sessions/{session_id}/events")["items"]
        table = Table("at", "what", "detail", title="Timeline, as the customer sees it")
        for event in events:
            detail = ", ".join(f"{name}: {_text(value)}" for name, value in event["detail"].items())
            table.add_row(event["at"][11:19], event["type"], f"[dim]{detail}[/]")
        self._screen.print(table)


def _entry(mechanic: dict[str, Any]) -> RosterEntry:
    record = dict(mechanic)
    on_shift = record.pop("currently_on_shift")
    return roster_entry(Mechanic(profile_from(record), Duty(on_shift=on_shift)))


def _text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _alert(payload: dict[str, Any]) -> tuple[str, str]:
    """Title and body of a push, whichever platform it was written for."""
    if "aps" in payload:
        alert = payload["aps"]["alert"]
    else:
        alert = payload["fcmV1Message"]["message"]["notification"]
    return alert["title"], alert["body"]


def main() -> int:
    """Run the demo; the exit code."""
    screen = Console()
    screen.print(Panel("[bold]Dispatch[/]: from a check-engine light to the right mechanic"))
    screen.print("[dim]Starting the local stack ...[/]")
    try:
        with running_stack() as stack:
            Story(stack, screen).tell()
    except (LocalStackError, Failed, httpx.HTTPError) as error:
        screen.print(f"[bold red]The demo failed:[/] {error}")
        return 1
    screen.print()
    screen.print("[bold green]Done.[/] Keep a stack up with [bold]make run[/].")
    return 0


if __name__ == "__main__":
    sys.exit(main())
