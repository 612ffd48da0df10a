"""``make load``: a morning of drivers and mechanics on the local stack, and what is left of it.

Locust (in a virtualenv of its own) plays ``bench/morning.py``. Then two hours pass, and what must
always hold is looked for over HTTP: every booked session has come to an end, none was accepted
twice in one pending period, every customer's credits are the sum of their ledger, nobody is left
with a session or cannot clock out.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from bench import results
from local.errors import LocalStackError
from local.stack import RunningStack, running_stack

LOCUST = Path(__file__).parents[1] / ".venv-load" / "bin" / "locust"
MORNING = Path(__file__).with_name("morning.py")
WARM_AFTER_S = 20
OVER = ("completed", "cancelled", "unfilled", "no_show")
AGAIN = ("OfferReleased", "MechanicNotJoined", "SessionReassigned")
"""Facts after which a session may be accepted once more."""

_CITIES = (("Toronto", "M5V 2B2"), ("Toronto", "M6K 1A1"), ("Vancouver", "V5K 0A1"))
_SKILLS = (["check engine light", "engine diagnostic"], ["brake repair"], ["battery replacement"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--drivers", type=int, default=20, help="at the same time (default 20)")
    parser.add_argument("--mechanics", type=int, default=15, help="on shift (default 15)")
    parser.add_argument("--seconds", type=int, default=120, help="of real time (default 120)")
    return parser.parse_args()


def main() -> int:
    """Play, check, print, and write down; 1 if anything that must hold does not."""
    options, screen = _options(), Console()
    if not LOCUST.exists():
        screen.print("[red]Locust is missing. `make load` sets it up.[/]")
        return 1
    try:
        with tempfile.TemporaryDirectory(prefix="dispatch-load-") as name, running_stack() as stack:
            folder = Path(name)
            stack.seed(mechanics=[_mechanic(number) for number in range(options.mechanics)])
            screen.print(
                f"{options.drivers} drivers and {options.mechanics} mechanics for"
                f" {options.seconds} s on {stack.url} ..."
            )
            _play(options, stack, folder)
            calls = calls_in((folder / "calls").read_text(encoding="utf-8").splitlines())
            statuses, faults = _look_at_what_is_left(stack, folder / "sessions", options.mechanics)
    except LocalStackError as error:
        screen.print(f"[bold red]The stack failed:[/] {error}")
        return 1
    _report(options, screen, list(rows_of(calls, options.seconds)), statuses, faults)
    return 1 if faults else 0


def _mechanic(number: int) -> dict[str, Any]:
    city, postal_code = _CITIES[number % len(_CITIES)]
    return {
        "id": f"load-mechanic-{number}",
        "name": f"Mechanic {number}",
        "country": "Canada",
        "city": city,
        "postal_code": postal_code,
        "years_of_experience": number % 20,
        "rating": 3 + number % 20 / 10,
        "service_keywords": _SKILLS[number % len(_SKILLS)],
        "profile_completion": 90,
    }


def _play(options: argparse.Namespace, stack: RunningStack, folder: Path) -> None:
    (folder / "sessions").touch()
    played = subprocess.run(
        [
            *(LOCUST, "--headless", "--only-summary", "-f", MORNING, "-H", stack.url),
            *("-u", str(options.drivers + options.mechanics + 1), "-r", "10"),
            *("-t", f"{options.seconds}s"),
        ],
        cwd=folder,
        env={
            "PATH": os.environ.get("PATH", os.defpath),
            "LOAD_RECORD": str(folder / "sessions"),
            "LOAD_CALLS": str(folder / "calls"),
            "LOAD_MECHANICS": str(options.mechanics),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if not (folder / "calls").exists():
        raise LocalStackError(f"locust did not play: {played.stderr[-2000:]}")


@dataclass(frozen=True, slots=True)
class Call:
    """One request: ``at`` is in seconds since the first."""

    name: str
    at: float
    ms: float
    failed: bool


_HEADER = [
    *("call", "requests", "failed", "per second", "p50 ms", "p95 ms", "p99 ms"),
    f"p95 ms after {WARM_AFTER_S} s",
]


def calls_in(lines: Iterable[str]) -> list[Call]:
    """What ``bench/morning.py`` has noted."""
    noted = [json.loads(line) for line in lines]
    first = min(each["at"] for each in noted)
    return [Call(each["call"], each["at"] - first, each["ms"], each["failed"]) for each in noted]


def rows_of(calls: Sequence[Call], seconds: float) -> Iterator[list[str]]:
    """Of each kind of call, then of all."""
    kinds = sorted({call.name for call in calls}, key=lambda name: name.partition(" ")[::-1])
    for kind in kinds:
        yield _row(kind, [call for call in calls if call.name == kind], seconds)
    yield _row("all", calls, seconds)


def _row(name: str, calls: Sequence[Call], seconds: float) -> list[str]:
    times = [call.ms for call in calls]
    warm = [call.ms for call in calls if call.at >= WARM_AFTER_S]
    failed = sum(call.failed for call in calls)
    spread = [_percentile(times, percent) for percent in (50, 95, 99)]
    rate = f"{len(calls) / seconds:.1f}"
    return [name, f"{len(calls):,}", str(failed), rate, *spread, _percentile(warm, 95)]


def _percentile(times: Sequence[float], percent: int) -> str:
    """The time that so many of a hundred stay within (nearest rank)."""
    if not times:
        return ""
    return f"{sorted(times)[math.ceil(len(times) * percent / 100) - 1]:,.0f}"


def _look_at_what_is_left(
    stack: RunningStack, record: Path, mechanics: int
) -> tuple[Counter[str], list[str]]:
    """How the sessions ended, and everything that should not be."""
    stack.drain()
    for _ in range(8):
        stack.advance(15 * 60)
    statuses: Counter[str] = Counter()
    faults: list[str] = []
    for line in record.read_text(encoding="utf-8").splitlines():
        booked = json.loads(line)
        session_id = booked["session_id"]
        with _as(stack, "customer", booked["customer_id"]) as customer:
            session = customer.get(f"/sessions/{session_id}").json()
            events = _events(customer, session_id)
            faults += _ledger_faults(customer, session)
        statuses[session["status"]] += 1
        if session["status"] not in OVER:
            faults.append(f"session {session_id} is {session['status']} two hours later")
        if events["OfferAccepted"] > 1 + sum(events[type_] for type_ in AGAIN):
            faults.append(f"session {session_id} was accepted twice: {dict(events)}")
    if not statuses:
        faults.append("nobody booked anything")
    faults += [fault for number in range(mechanics) for fault in _left_with(stack, number)]
    return statuses, faults


def _as(stack: RunningStack, group: str, user_id: str) -> httpx.Client:
    token = stack.token(group, user_id)
    return httpx.Client(
        base_url=stack.url, headers={"Authorization": f"Bearer {token}"}, timeout=60
    )


def _events(customer: httpx.Client, session_id: str) -> Counter[str]:
    found: Counter[str] = Counter()
    cursor = None
    while True:
        parameters = {"limit": 100} | ({"cursor": cursor} if cursor else {})
        page = customer.get(f"/sessions/{session_id}/events", params=parameters).json()
        found.update(event["type"] for event in page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def _ledger_faults(customer: httpx.Client, session: dict[str, Any]) -> Iterator[str]:
    """A driver books once: what was given, less the session, unless that came back."""
    books = customer.get("/customer/credits", params={"limit": 100}).json()
    amounts = [entry["amount"] for entry in books["items"]]
    back = session["refund"]["credits"] if session["refund"] else 0
    given = sum(entry["amount"] for entry in books["items"] if entry["kind"] == "grant")
    paid = session["credits"] if session["payment_method"] == "credits" else 0
    if not sum(amounts) == books["balance"] == given - paid + back:
        yield f"session {session['id']}: balance {books['balance']}, ledger {amounts}, back {back}"


def _left_with(stack: RunningStack, number: int) -> Iterator[str]:
    with _as(stack, "mechanic", f"load-mechanic-{number}") as mechanic:
        mine = mechanic.get("/mechanic/queue").json()["mine"]
        if mine:
            yield f"mechanic {number} still has {[row['status'] for row in mine]}"
        if mechanic.get("/mechanic/clock").json()["currently_on_shift"]:
            answer = mechanic.post("/mechanic/clock", json={"action": "clock_out"})
            if answer.status_code != 200:
                yield f"mechanic {number} cannot clock out: {answer.text}"


def _report(
    options: argparse.Namespace,
    screen: Console,
    rows: list[list[str]],
    statuses: Counter[str],
    faults: list[str],
) -> None:
    screen.print(results.table("The morning", _HEADER, rows))
    ends = ", ".join(f"{count} {status}" for status, count in statuses.most_common())
    about = (
        f"{options.drivers} drivers with think time and {options.mechanics} mechanics,"
        f" {options.seconds} s, on the local stack: emulators, functions and locust share this"
        " machine's cores, so the figures say what a laptop does, not what AWS would. Everybody"
        " comes in the first seconds, in which each function starts on those cores: that is what"
        " p99 shows, and the last column leaves out. Wanted of queries: 50 ms, of other calls:"
        " 200 ms. Next: functions that are started before people come (provisioned concurrency)."
    )
    held = "All that must hold held." if not faults else f"{len(faults)} FAULTS: {faults[:5]}"
    left = f"{statuses.total()} sessions: {ends}. {held}"
    screen.print(left, style="red" if faults else "green")
    for fault in faults:
        screen.print(f"  {fault}", style="red")
    written = [results.where_and_when(), about, "", *results.markdown(_HEADER, rows), "", left]
    results.write("load", written)


if __name__ == "__main__":
    sys.exit(main())
