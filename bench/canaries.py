"""Bookings of people who can be recognised wherever a word of theirs turns up.

``play`` tells of them by HTTP, with all that goes well and much that does not. Whoever calls it
searches what was logged meanwhile: ``make attack`` on the local stack, tests/integration/
test_logs.py in memory. It answers with ids of what it has left, for others to attack.
"""

from collections.abc import Iterator
from typing import Any, Protocol

Document = dict[str, Any]

CUSTOMER, UNLUCKY, MECHANIC, ADMIN = "c-4711", "c-4712", "m-4711", "a-4711"

CANARIES = {
    "customer's name": "Zebulon Quuxberry",
    "customer's mail": "zebulon@quuxberry.example",
    "customer's phone": "+14165550177",
    "customer's city": "Etobicokeville",
    "customer's postal code": "M5V 9Z9",
    "concern": "Check engine light on, rough idle; my neighbour Ottoline heard it",
    "signature": "Z. Quuxberry the Third",
    "VIN": "2HGFC2F52KH500001",
    "plate": "QUUX 901",
    "push token of the customer": "push-token-of-zebulon-quuxberry",
    "push token of the mechanic": "push-token-of-wilhelmina-wrenchly",
    "words of a rating": "Wilhelmina chatters too much for my taste",
    "reason of a cancellation": "My cousin Thaddeus repairs it now",
    "mechanic's name": "Wilhelmina Wrenchly",
    "mechanic's mail": "wilhelmina@wrenchly.example",
    "mechanic's phone": "+14165550188",
    "mechanic's street": "17 Sprocket Crescent",
    "mechanic's postal code": "M5V 8X8",
    "mechanic's shop": "Wrenchly and Daughters",
    "mechanic's certificate": "ON-310S-WRENCHLY",
    "about the mechanic": "Third in a line of wrenchers",
    "place of a shift": "Behind the blue door of number nine",
    "notes on a shift": "Bring the long torch, Wilhelmina",
    "reason of a release": "My daughter Perpetua has a fever",
    "reason of a suspension": "Three drivers complained of Wilhelmina",
    "reason of a grant": "Because Zebulon waited in the rain",
    "field nobody knows": "zebulons-own-field",
    "signature of a webhook": "t=1,v1=5e2f0c0ffee0decade",
}
"""What may be in no log, by what it is."""

# What is kept of a number or a code is not always how it was written.
_AS_KEPT = {
    "customer's postal code": ["M5V9Z9"],
    "mechanic's postal code": ["M5V8X8"],
    "customer's phone": ["4165550177", "416 555 0177"],
    "mechanic's phone": ["4165550188"],
    "concern": ["Ottoline"],
    "customer's name": ["Zebulon", "Quuxberry"],
    "mechanic's name": ["Wilhelmina", "Wrenchly"],
    "plate": ["QUUX901"],
}


def forms() -> Iterator[tuple[str, str]]:
    """Every form of every canary, with what it is."""
    for name, text in CANARIES.items():
        for form in (text, *_AS_KEPT.get(name, ())):
            yield name, form


def found_in(text: str) -> set[str]:
    """Which canaries a text has, in capitals or not."""
    folded = text.casefold()
    return {name for name, form in forms() if form.casefold() in folded}


class Api(Protocol):
    """Who plays it: calls of users, and time."""

    def call(
        self,
        group: str | None,
        user_id: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: str = "",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and document of a call; without a group, of somebody without a token."""

    def settle(self) -> None:
        """Let all happen that is due."""

    def pass_time(self, seconds: int) -> None:
        """Let time pass, and all happen that is due meanwhile."""


CAR = {
    "year": 2019,
    "make": "Honda",
    "model": "Civic",
    "vin": CANARIES["VIN"],
    "plate": CANARIES["plate"],
}
CUSTOMER_PROFILE = {
    "name": CANARIES["customer's name"],
    "email": CANARIES["customer's mail"],
    "phone": CANARIES["customer's phone"],
    "locale": "en-CA",
    "location": {
        "country": "CA",
        "state_province": "Ontario",
        "city": CANARIES["customer's city"],
        "postal_code": CANARIES["customer's postal code"],
    },
}
MECHANIC_PROFILE = {
    "version": 0,
    "name": CANARIES["mechanic's name"],
    "email": CANARIES["mechanic's mail"],
    "phone": CANARIES["mechanic's phone"],
    "street_address": CANARIES["mechanic's street"],
    "city": "Toronto",
    "state_province": "ON",
    "country": "CA",
    "postal_code": CANARIES["mechanic's postal code"],
    "time_zone": "America/Toronto",
    "shop_affiliation": CANARIES["mechanic's shop"],
    "about_me": CANARIES["about the mechanic"],
    "certification": {
        "number": CANARIES["mechanic's certificate"],
        "issuer": "Skilled Trades Ontario",
        "region": "Ontario",
        "expires_on": "2031-06-30",
    },
    "years_of_experience": 12,
    "hourly_rate_cents": 9500,
    "languages": ["en"],
    "brand_specializations": ["Honda"],
    "service_keywords": ["check engine light", "engine diagnostic", "brake repair"],
    "specialist_tier": "brand_specialist",
}
HOURS = {
    "version": 0,
    "time_zone": "America/Toronto",
    "weekly": [{"weekday": "monday", "start": "09:00", "end": "17:00"}],
    "overrides": [],
}
INTAKE = {
    "plan": "free",
    "payment_method": "free",
    "name": CANARIES["customer's name"],
    "email": CANARIES["customer's mail"],
    "phone": CANARIES["customer's phone"],
    "customer_country": "Canada",
    "customer_state_province": "Ontario",
    "customer_city": CANARIES["customer's city"],
    "customer_postal_code": CANARIES["customer's postal code"],
    "vehicle": {name: CAR[name] for name in ("year", "make", "model", "vin")},
    "concern": CANARIES["concern"],
}


class Story:
    """The people, and what each of them does; every answer has to be the one that is told here."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.answers: list[Any] = []
        """All that anybody was answered."""

    def ask(
        self,
        who: tuple[str | None, str],
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int = 200,
        **options: Any,
    ) -> Any:
        got, document = self._api.call(*who, method, path, body, **options)
        self.answers.append(document)
        if got != status:
            raise AssertionError(f"{method} {path}: {got} instead of {status}: {document}")
        return document

    def customer(self, *call: Any, **options: Any) -> Any:
        return self.ask(("customer", CUSTOMER), *call, **options)

    def unlucky(self, *call: Any, **options: Any) -> Any:
        return self.ask(("customer", UNLUCKY), *call, **options)

    def mechanic(self, *call: Any, **options: Any) -> Any:
        return self.ask(("mechanic", MECHANIC), *call, **options)

    def admin(self, *call: Any, **options: Any) -> Any:
        return self.ask(("admin", ADMIN), *call, **options)

    # The chapters

    def introduce(self) -> None:
        self.mechanic("PUT", "/mechanic/profile", MECHANIC_PROFILE)
        self.mechanic("PUT", "/mechanic/availability", HOURS)
        self.admin("POST", f"/admin/mechanics/{MECHANIC}/approve", {})
        self._api.settle()
        clock_in = {
            "action": "clock_in",
            "location": CANARIES["place of a shift"],
            "notes": CANARIES["notes on a shift"],
        }
        self.mechanic("POST", "/mechanic/clock", clock_in)
        phone = {"platform": "fcm", "token": CANARIES["push token of the mechanic"]}
        self.mechanic("PUT", "/devices/phone", phone)
        self.customer("PUT", "/customer/profile", CUSTOMER_PROFILE)
        phone = {"platform": "apns", "token": CANARIES["push token of the customer"]}
        self.customer("PUT", "/devices/phone", phone)
        self.customer("POST", "/customer/vehicles", CAR, status=201)
        self.customer("POST", "/customer/uploads", {"content_type": "image/jpeg"}, status=201)
        grant = {"amount": 5, "reason": CANARIES["reason of a grant"]}
        self.admin("POST", f"/admin/customers/{CUSTOMER}/credits", grant, status=201)

    def seek(self, who: Any, **fields: Any) -> str:
        """A signed booking that was offered to the mechanic; its session."""
        booked = who("POST", "/intake/start", INTAKE | fields, status=201)
        session_id = str(booked["session_id"])
        signed = {"full_name": CANARIES["signature"], "accepted": True}
        who("POST", f"/sessions/{session_id}/waiver", signed)
        self._api.settle()
        return session_id

    def take(self, session_id: str) -> str:
        rows = self.mechanic("GET", "/mechanic/queue")["mine"]
        (offer,) = [row["id"] for row in rows if row["session_id"] == session_id]
        self.mechanic("POST", f"/mechanic/assignments/{offer}/accept", {})
        self._api.settle()
        return str(offer)

    def go_well(self) -> tuple[str, str]:
        """Booked, taken, held, rated. The session, the offer."""
        session_id = self.seek(self.customer)
        offer = self.take(session_id)
        self.customer("POST", f"/sessions/{session_id}/join", {})
        self.mechanic("POST", f"/sessions/{session_id}/join", {})
        self.mechanic("POST", f"/sessions/{session_id}/end", {})
        rating = {"stars": 4, "comment": CANARIES["words of a rating"]}
        self.customer("POST", f"/sessions/{session_id}/rate", rating)
        self._api.settle()
        return session_id, offer

    def go_badly(self) -> str:
        """Given back by the mechanic, nobody else there, cancelled at last. The session."""
        session_id = self.seek(self.unlucky)
        offer = self.take(session_id)
        reason = {"reason": CANARIES["reason of a release"]}
        self.mechanic("POST", f"/mechanic/assignments/{offer}/release", reason)
        self._api.pass_time(700)
        self.unlucky("GET", f"/sessions/{session_id}/events")
        reason = {"reason": CANARIES["reason of a cancellation"]}
        self.unlucky("POST", f"/sessions/{session_id}/cancel", reason)
        self._api.settle()
        return session_id

    def be_refused(self, session_id: str) -> None:
        """Every field wrong in turn, with a canary in it; and what else is not to be had."""
        wrong = CANARIES["field nobody knows"]
        for name in INTAKE:
            value: Any = [CANARIES["customer's name"], wrong]
            self.customer("POST", "/intake/start", INTAKE | {name: value}, status=422)
        for fields in (
            {wrong: 1},
            {"email": CANARIES["customer's name"]},
            {"phone": CANARIES["customer's mail"]},
            {"customer_country": CANARIES["customer's city"]},
            {"vehicle": {**CAR, "vin": CANARIES["customer's mail"]}},
            {"vehicle_id": CANARIES["VIN"]},
            {"preferred_mechanic_id": CANARIES["mechanic's name"]},
            {"attachments": [CANARIES["customer's mail"]]},
        ):
            self.customer("POST", "/intake/start", INTAKE | fields, status=422)
        body: Document = {"target": "brand", "brand": CANARIES["customer's name"]}
        self.customer("POST", "/customer/waitlist/join", body, status=422)
        body = MECHANIC_PROFILE | {"postal_code": CANARIES["customer's mail"], "version": 1}
        self.mechanic("PUT", "/mechanic/profile", body, status=422)
        body = MECHANIC_PROFILE | {"about_me": CANARIES["words of a rating"]}
        self.mechanic("PUT", "/mechanic/profile", body, status=409)
        body = {"full_name": CANARIES["signature"], "accepted": False}
        self.customer("POST", f"/sessions/{session_id}/waiver", body, status=422)
        self.customer("GET", f"/sessions/{CANARIES['VIN']}", status=404)
        query = f"cursor={CANARIES['push token of the customer']}"
        self.customer("GET", "/sessions", query=query, status=422)
        self.customer("GET", "/mechanic/queue", status=403)
        told = {"name": CANARIES["customer's name"], "email": CANARIES["customer's mail"]}
        self.ask(
            (None, ""),
            "POST",
            "/payments/stripe/webhook",
            {"id": "evt_1", "data": {"object": {"customer_details": told}}},
            headers={"stripe-signature": CANARIES["signature of a webhook"]},
            status=400,
        )

    def wait(self) -> str:
        """In line while nobody is there; the place in it."""
        self.mechanic("POST", "/mechanic/clock", {"action": "clock_out"})
        self._api.settle()
        placed = self.customer("POST", "/customer/waitlist/join", {"target": "any"}, status=201)
        return str(placed["id"])

    def be_judged(self) -> None:
        reason = {"reason": CANARIES["reason of a suspension"]}
        self.admin("POST", f"/admin/mechanics/{MECHANIC}/suspend", reason)
        self._api.settle()
        self.admin("POST", f"/admin/mechanics/{MECHANIC}/reinstate", {})
        self._api.settle()

    def forget(self) -> None:
        self.unlucky("DELETE", "/customer/profile", status=204)
        self._api.pass_time(60)


def play(api: Api) -> Story:
    """All of it. Raises AssertionError where an answer is another than is told."""
    story = Story(api)
    story.introduce()
    session_id, _ = story.go_well()
    story.go_badly()
    story.be_refused(session_id)
    story.wait()
    story.be_judged()
    story.forget()
    return story
