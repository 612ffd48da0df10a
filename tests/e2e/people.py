"""Customers and mechanics of end-to-end tests, who act over HTTP like anybody else.

State and clock are shared by all tests of a run. A ``Town`` keeps its test apart: its drivers ask
for specialists of a brand that only its own mechanics know, so that no other test's mechanics are
ranked, asked, or told. All of it is in Iceland, far from the main job's Canada.
"""

import base64
import uuid
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from local.stack import RunningStack

Document = dict[str, Any]

VIN = "2HGFC2F59KH500001"
SIGNATURE = {"full_name": "Jo Driver", "accepted": True}
PIXEL = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJ"
    "DRENDg8QEBEQCgwSExIQEw8QEBD/yQALCAABAAEBAREA/8wABgAQEAX/2gAIAQEAAD8A0s8g/9k="
)
"""A JPEG of one black pixel."""


def answer(response: httpx.Response, status: int = 200) -> Any:
    """The document of an answer that must have this status."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:1000]}"
    return response.json()


def refused(response: httpx.Response, status: int, reason: str | None = None) -> Document:
    """The problem document of a refusal, with every member the contract asks for."""
    problem: Document = answer(response, status)
    told = response.text[:1000]
    assert response.headers["content-type"] == "application/problem+json", told
    assert problem["type"].startswith("/problems/"), told
    assert problem["title"], told
    assert problem["status"] == status, told
    assert problem["detail"], told
    assert problem.get("reason") == reason, told
    if status == 422:
        assert problem["errors"], told
        assert all(set(error) == {"pointer", "detail"} for error in problem["errors"]), told
    return problem


def pointers(response: httpx.Response) -> list[str]:
    """Which fields a 422 points at, sorted."""
    return sorted(error["pointer"] for error in refused(response, 422)["errors"])


@dataclass(frozen=True, slots=True)
class Person:
    """A user with a token."""

    id: str
    token: str
    http: httpx.Client

    def call(
        self, method: str, path: str, body: Any = None, key: str | None = None, **request: Any
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}", **request.pop("headers", {})}
        if key is not None:
            headers["idempotency-key"] = key
        if body is not None:
            request["json"] = body
        return self.http.request(method, path, headers=headers, **request)

    def get(self, path: str, **request: Any) -> httpx.Response:
        return self.call("GET", path, **request)

    def post(self, path: str, body: Any = None, **request: Any) -> httpx.Response:
        return self.call("POST", path, body, **request)

    # What mechanics do

    def queue(self) -> Document:
        return dict(answer(self.get("/mechanic/queue")))

    def offer(self, session_id: str) -> Document:
        """The one row of a session in the mechanic's hands."""
        (row,) = [row for row in self.queue()["mine"] if row["session_id"] == session_id]
        return dict(row)

    def was_asked(self, session_id: str) -> bool:
        return any(row["session_id"] == session_id for row in self.queue()["mine"])

    def broadcast(self, session_id: str) -> Document:
        """The row of a session that anybody may take."""
        (row,) = [row for row in self.queue()["unassigned"] if row["session_id"] == session_id]
        return dict(row)

    def load(self) -> int:
        return int(answer(self.get("/mechanic/clock"))["load"])

    def accept(self, row: Document, **request: Any) -> httpx.Response:
        return self.post(f"/mechanic/assignments/{row['id']}/accept", **request)

    def decline(self, row: Document, **request: Any) -> httpx.Response:
        return self.post(
            f"/mechanic/assignments/{row['id']}/decline", {"reason": "busy"}, **request
        )

    def release(self, row: Document, **request: Any) -> httpx.Response:
        return self.post(f"/mechanic/assignments/{row['id']}/release", {"reason": "ill"}, **request)

    def clock(self, action: str, **request: Any) -> httpx.Response:
        return self.post("/mechanic/clock", {"action": action}, **request)

    # What customers do, and both sides

    def session(self, session_id: str) -> Document:
        return dict(answer(self.get(f"/sessions/{session_id}")))

    def act(self, session_id: str, move: str, body: Any = None, **request: Any) -> httpx.Response:
        """``waiver``, ``join``, ``end`` or ``cancel``."""
        return self.post(f"/sessions/{session_id}/{move}", body, **request)

    def timeline(self, session_id: str) -> list[Document]:
        return list(answer(self.get(f"/sessions/{session_id}/events"))["items"])

    def events(self, session_id: str) -> list[str]:
        """The types of the timeline's facts."""
        return [fact["type"] for fact in self.timeline(session_id)]


def intake(brand: str, **fields: Any) -> Document:
    """The body of a booking: the free plan, for a specialist of this brand."""
    return {
        "plan": "free",
        "payment_method": "free",
        "name": "Jo Driver",
        "email": "jo@driver.example",
        "phone": "+354 555 0100",
        "customer_country": "Iceland",
        "vehicle": {"year": 2019, "make": "Honda", "model": "Civic", "vin": VIN},
        "concern": "It rattles when I brake",
        "request_type": "brand_specialist",
        "requested_brand": brand,
        **fields,
    }


def ask(person: Person, path: str) -> Document:
    """A form by which they can upload one JPEG."""
    return dict(answer(person.post(path, {"content_type": "image/jpeg"}), 201))


def upload(form: Document, content: bytes, name: str = "me.jpg") -> None:
    """What a browser does with a form."""
    sent = httpx.post(
        form["url"], data=form["fields"], files={"file": (name, content, form["content_type"])}
    )
    assert sent.status_code == 204, sent.text


STORY = [
    "SessionBooked",
    "WaiverSigned",
    "SessionPending",
    "OffersMade",
    "OfferAccepted",
    "MechanicJoined",
    "CustomerJoined",
    "SessionStarted",
    "SessionCompleted",
]
"""What has happened to a session that was booked, taken, joined by both and ended, in order."""


class Town:
    """A brand of car, its drivers and its mechanics."""

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self.brand = f"Brand {uuid.uuid4().hex[:12]}"
        self.http = httpx.Client(
            base_url=stack.url,
            timeout=120,
            limits=httpx.Limits(max_connections=100),
            verify=False,  # plain HTTP: no certificates to load
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.http.close()

    def person(self, group: str, user_id: str | None = None) -> Person:
        """Somebody of a group; without an id, somebody nobody met before."""
        user_id = user_id or f"{group}-{uuid.uuid4().hex[:12]}"
        return Person(user_id, self.stack.token(group, user_id), self.http)

    def customer(self) -> Person:
        return self.person("customer")

    def mechanic(self, **record: Any) -> Person:
        """A mechanic on shift who knows the town's brand, unless ``record`` says otherwise."""
        (mechanic,) = self.mechanics(record)
        return mechanic

    def mechanics(self, *records: Document) -> list[Person]:
        people = [self.person("mechanic", record.get("id")) for record in records]
        self.stack.seed(
            mechanics=[
                {
                    "id": person.id,
                    "name": "Einar",
                    "country": "Iceland",
                    "profile_completion": 80,
                    "brand_specializations": [self.brand],
                    "currently_on_shift": True,
                    **record,
                }
                for person, record in zip(people, records, strict=True)
            ]
        )
        return people

    def intake(self, **fields: Any) -> Document:
        """The body of a booking: the free plan, for the town's brand."""
        return intake(self.brand, **fields)

    def book(self, customer: Person, **fields: Any) -> str:
        """A booking that awaits its waiver; its session's id."""
        booked = answer(customer.post("/intake/start", self.intake(**fields)), 201)
        return str(booked["session_id"])

    def seek(self, customer: Person, **fields: Any) -> str:
        """A signed booking, once everybody has been asked and told."""
        session_id = self.book(customer, **fields)
        answer(customer.act(session_id, "waiver", SIGNATURE))
        self.stack.drain()
        return session_id

    def pushes(self, person: Person, type_: str) -> list[Document]:
        return [push for push in self.stack.pushes(person.id) if push["type"] == type_]
