"""A morning of drivers and mechanics, for locust (see ``bench.load``). Knows nothing but HTTP.

Mechanics clock in, look at their queue, take what they are offered, join, and end the session.
Drivers book, free of charge or by credits that an admin has given them, sign, wait, join, talk;
one in ten thinks better of it. A clock moves the stack's time along with the real one, since
nothing moves it otherwise.
"""

import json
import os
import random
import time
import uuid
from pathlib import Path
from typing import Any

from locust import HttpUser, between, constant, events, task

RECORD = Path(os.environ["LOAD_RECORD"])
CALLS = Path(os.environ["LOAD_CALLS"])
MECHANICS = int(os.environ["LOAD_MECHANICS"])
PATIENCE_S = 90
CREDITS = 25
_OVER = ("completed", "cancelled", "unfilled", "no_show")

_CONCERNS = (
    ("Check engine light on, rough idle, need diagnostics", "Toronto", "M5V 1A1"),
    ("Brakes squeal when I slow down and the pedal feels soft", "Toronto", "M6K 2B2"),
    ("Battery is dead again, the car will not start this morning", "Vancouver", "V5K 0A1"),
)
_chance = random.Random(20)


@events.request.add_listener
def _note(
    request_type: str, name: str, start_time: float, response_time: float, exception: Any, **_: Any
) -> None:
    """What is in parentheses belongs to no user's day."""
    if not name.startswith("("):
        call = {"call": f"{request_type} {name}", "at": start_time, "ms": response_time}
        with CALLS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(call | {"failed": exception is not None}) + "\n")


class _Person(HttpUser):
    abstract = True
    group = ""

    def sign_in(self, user_id: str) -> None:
        self.client.headers["Authorization"] = self._bearer(self.group, user_id)

    def _bearer(self, group: str, user_id: str) -> str:
        answer = self.client.get(f"/_local/token/{group}/{user_id}", name="(token)")
        return f"Bearer {answer.json()['token']}"

    def ask(self, method: str, path: str, name: str, body: Any = None, ok: int = 200) -> Any:
        """The answer, or None for a refusal that belongs to the story (409)."""
        with self.client.request(method, path, name=name, json=body, catch_response=True) as answer:
            if answer.status_code not in (ok, 409):
                answer.failure(f"{answer.status_code}: {answer.text[:200]}")
                return None
            answer.success()
            return answer.json() if answer.status_code == ok else None


class Mechanic(_Person):
    group = "mechanic"
    fixed_count = MECHANICS
    wait_time = between(1, 3)
    _numbers = iter(range(MECHANICS))

    def on_start(self) -> None:
        self.sign_in(f"load-mechanic-{next(self._numbers)}")
        self.ask("POST", "/mechanic/clock", "/mechanic/clock", {"action": "clock_in"})

    @task
    def look(self) -> None:
        queue = self.ask("GET", "/mechanic/queue", "/mechanic/queue")
        if queue is None:
            return
        for row in queue["mine"]:
            self._go_on(row)
        if not queue["mine"] and queue["unassigned"] and _chance.random() < 0.5:
            self._accept(queue["unassigned"][0])

    def _go_on(self, row: dict[str, Any]) -> None:
        session = f"/sessions/{row['session_id']}"
        match row["status"]:
            case "offered":
                self._accept(row)
            case "accepted":
                self.ask("POST", f"{session}/join", "/sessions/{id}/join (mechanic)")
            case "in_progress" if _chance.random() < 0.4:
                self.ask("POST", f"{session}/end", "/sessions/{id}/end")

    def _accept(self, row: dict[str, Any]) -> None:
        path = f"/mechanic/assignments/{row['id']}/accept"
        self.ask("POST", path, "/mechanic/assignments/{id}/accept")


class Driver(_Person):
    group = "customer"
    wait_time = between(1, 4)

    @task
    def have_trouble(self) -> None:
        customer_id = f"load-driver-{uuid.uuid4()}"
        self.sign_in(customer_id)
        self.ask("GET", "/mechanics/available", "/mechanics/available")
        concern, city, postal_code = _chance.choice(_CONCERNS)
        intake = {
            **self._plan(customer_id),
            "name": "Jo Driver",
            "email": "jo@driver.example",
            "phone": "+1 416 555 0100",
            "customer_country": "Canada",
            "customer_city": city,
            "customer_postal_code": postal_code,
            "concern": concern,
        }
        booked = self.ask("POST", "/intake/start", "/intake/start", intake, ok=201)
        if booked is None:
            return
        session_id = booked["session_id"]
        with RECORD.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"customer_id": customer_id, "session_id": session_id}) + "\n")
        self.wait()
        waiver = {"full_name": "Jo Driver", "accepted": True}
        self.ask("POST", f"/sessions/{session_id}/waiver", "/sessions/{id}/waiver", waiver)
        self._see_it_through(f"/sessions/{session_id}")

    def _plan(self, customer_id: str) -> dict[str, str]:
        if _chance.random() < 0.5:
            return {"plan": "free", "payment_method": "free"}
        self.client.post(
            f"/admin/customers/{customer_id}/credits",
            name="/admin/customers/{id}/credits",
            json={"amount": CREDITS, "reason": "A morning's worth"},
            headers={"Authorization": self._bearer("admin", "load-admin")},
        )
        return {"plan": "quick", "payment_method": "credits"}

    def _see_it_through(self, session: str) -> None:
        given_up_at = time.monotonic() + PATIENCE_S
        changes_mind = _chance.random() < 0.1
        while time.monotonic() < given_up_at:
            self.wait()
            seen = self.ask("GET", session, "/sessions/{id}")
            if seen is None or seen["status"] in _OVER:
                return
            if changes_mind:
                self.ask("POST", f"{session}/cancel", "/sessions/{id}/cancel", {})
            elif seen["next"] == "join":
                self.ask("POST", f"{session}/join", "/sessions/{id}/join")


class Clock(HttpUser):
    fixed_count = 1
    wait_time = constant(1)

    def on_start(self) -> None:
        self._moved_at = time.monotonic()

    @task
    def tick(self) -> None:
        now = time.monotonic()
        by, self._moved_at = now - self._moved_at, now
        self.client.post("/_local/clock", json={"advance_s": round(by, 3)}, name="(clock)")
