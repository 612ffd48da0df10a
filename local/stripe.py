"""A stand-in for Stripe: what this code base uses of its API, and the events that follow from it.

It keeps to Stripe's rules where money depends on them: a page can be paid once and only while it
is open, an idempotency key repeats the first answer and refuses other parameters, nobody gets back
more than was taken. Ids count up, so the same calls always give the same ones. It tells everything
that it was told.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from local.plain_http import Request

Document = dict[str, Any]

PREFIX = "/_stripe"
"""Where the stand-in is served, its API below it and its hooks under ``/_stripe/_hook/``."""

_SHORTEST_S, _LONGEST_S = 30 * 60, 24 * 3600
"""How long a page may be open."""

_LEAST_CENTS = 50
"""What a payment has to come to, in most currencies."""

_GIVES_NOTHING_BACK = ("failed", "canceled")


class StripeError(Exception):
    """An answer that is an error, as Stripe words it."""

    def __init__(self, status: int, kind: str, text: str, **members: Any) -> None:
        super().__init__(text)
        self.status = status
        self.document: Document = {"error": {"type": kind, "message": text, **members}}


def signed(event: Document, secret: str, at: datetime) -> tuple[bytes, str]:
    """The body and the ``Stripe-Signature`` with which an event is delivered at that time."""
    body = json.dumps(event, indent=2).encode()  # as Stripe writes it: not as anybody would again
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return body, f"t={seconds},v1={digest.hexdigest()}"


@dataclass(slots=True)
class StandIn:
    """One account. ``events`` are all that ever happened, ``delivered`` how often each was."""

    now: Callable[[], datetime]
    down: bool = False
    checkouts: dict[str, Document] = field(default_factory=dict)
    payments: dict[str, Document] = field(default_factory=dict)
    refunds: dict[str, Document] = field(default_factory=dict)
    events: list[Document] = field(default_factory=list)
    delivered: dict[str, int] = field(default_factory=dict)
    marks: dict[str, Document] = field(default_factory=dict)
    """By page: the metadata that its payment is to have. The page's own is not the payment's."""
    answers: dict[str, tuple[Document, int, Document]] = field(default_factory=dict)
    """By idempotency key: what was asked, and what was answered."""

    # The API

    def answer(
        self, method: str, path: str, body: str, headers: Mapping[str, str]
    ) -> tuple[int, Document]:
        """Status and document of the answer to a call; ``path`` may carry a query."""
        try:
            return self._answer(method, path, body, {k.lower(): v for k, v in headers.items()})
        except StripeError as error:
            return error.status, error.document

    def _answer(
        self, method: str, path: str, body: str, headers: Mapping[str, str]
    ) -> tuple[int, Document]:
        if self.down:
            raise StripeError(503, "api_error", "Stripe is down, as it was told to be.")
        if not headers.get("authorization", "").startswith("Bearer sk_test_"):
            raise StripeError(401, "invalid_request_error", "Invalid API Key provided.")
        path, _, query = path.partition("?")
        asked = parameters(query if method == "GET" else body)
        call = {
            "POST /v1/checkout/sessions": self._make_checkout,
            "POST /v1/refunds": self._make_refund,
            "GET /v1/refunds": self._list_refunds,
        }.get(f"{method} {path}")
        if call is None:
            raise StripeError(404, "invalid_request_error", f"Unrecognized URL {method} {path}")
        key = headers.get("idempotency-key") if method == "POST" else None
        if key is None:
            return 200, call(asked)
        if key in self.answers:
            before, status, answer = self.answers[key]
            if before != asked:
                raise StripeError(
                    400,
                    "idempotency_error",
                    "Keys for idempotent requests can only be used with the same parameters.",
                )
            return status, answer
        try:
            status, answer = 200, json.loads(json.dumps(call(asked)))
        except StripeError as error:
            status, answer = error.status, error.document
        self.answers[key] = asked, status, answer
        return status, answer

    def _make_checkout(self, asked: Document) -> Document:
        lasts_s = int(asked["expires_at"]) - self.now().timestamp()
        if not _SHORTEST_S <= lasts_s <= _LONGEST_S:
            raise StripeError(
                400,
                "invalid_request_error",
                "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.",
                param="expires_at",
            )
        price = [
            (int(line["quantity"]) * int(line["price_data"]["unit_amount"]), line["price_data"])
            for line in asked["line_items"].values()
        ]
        total = sum(amount for amount, _ in price)
        if total < _LEAST_CENTS:
            text = f"The total amount due must add up to at least {_LEAST_CENTS} cents."
            raise StripeError(400, "invalid_request_error", text, code="amount_too_small")
        id_ = f"cs_test_{len(self.checkouts) + 1:06}"
        self.marks[id_] = asked.get("payment_intent_data", {}).get("metadata", {})
        made = {
            "id": id_,
            "object": "checkout.session",
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
            "amount_total": total,
            "currency": price[0][1]["currency"],
            "client_reference_id": asked.get("client_reference_id"),
            "metadata": asked.get("metadata", {}),
            "expires_at": int(asked["expires_at"]),
            "success_url": asked["success_url"],
            "cancel_url": asked["cancel_url"],
            "url": f"https://checkout.stripe.example/c/pay/{id_}",
        }
        self.checkouts[id_] = made
        return made

    def _make_refund(self, asked: Document) -> Document:
        payment = self._payment(asked["payment_intent"])
        left = payment["amount"] - self.returned(payment["id"])
        amount = int(asked.get("amount", left))
        if left == 0:
            text = f"Charge {payment['latest_charge']} has already been refunded."
            raise StripeError(400, "invalid_request_error", text, code="charge_already_refunded")
        if not 0 < amount <= left:
            text = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})."
            raise StripeError(400, "invalid_request_error", text, param="amount")
        id_ = f"re_{len(self.refunds) + 1:06}"
        refund = {
            "id": id_,
            "object": "refund",
            "status": "succeeded",
            "amount": amount,
            "currency": payment["currency"],
            "payment_intent": payment["id"],
            "charge": payment["latest_charge"],
            "metadata": asked.get("metadata", {}),
        }
        self.refunds[id_] = refund
        self._happens("charge.refunded", self._charge(payment))
        return refund

    def _list_refunds(self, asked: Document) -> Document:
        found = [
            refund
            for refund in self.refunds.values()
            if refund["payment_intent"] == asked["payment_intent"]
        ]
        most = int(asked.get("limit", 10))
        listed = {"has_more": len(found) > most, "data": found[::-1][:most]}
        return {"object": "list", "url": "/v1/refunds", **listed}

    # What people do

    def pay(self, checkout_id: str) -> Document:
        """The customer pays on the page. Answers the event; raises StripeError if they cannot."""
        checkout = self.checkouts.get(checkout_id)
        if checkout is None:
            raise StripeError(404, "invalid_request_error", "There is no such page.")
        if checkout["status"] != "open" or self.now().timestamp() >= checkout["expires_at"]:
            raise StripeError(409, "invalid_request_error", "This page is not open any more.")
        number = len(self.payments) + 1
        payment = {
            "id": f"pi_{number:06}",
            "object": "payment_intent",
            "status": "succeeded",
            "amount": checkout["amount_total"],
            "currency": checkout["currency"],
            "latest_charge": f"ch_{number:06}",
            "metadata": self.marks[checkout_id],
        }
        self.payments[payment["id"]] = payment
        checkout |= {
            "status": "complete",
            "payment_status": "paid",
            "payment_intent": payment["id"],
        }
        self._happens("payment_intent.succeeded", payment)
        return self._happens("checkout.session.completed", checkout)

    def open_page(self, asked: Document) -> str:
        """The page of that id, or the latest of that session. Raises StripeError without one."""
        if "checkout_id" in asked:
            return str(asked["checkout_id"])
        for checkout in reversed(self.checkouts.values()):
            if checkout["client_reference_id"] == asked.get("session_id"):
                return str(checkout["id"])
        raise StripeError(404, "invalid_request_error", "There is no page for this session.")

    def give_back(self, payment_id: str, amount: int | None = None) -> Document:
        """Somebody refunds by hand, all that is left or so much. Answers the event."""
        asked: Document = {"payment_intent": payment_id}
        self._make_refund(asked if amount is None else asked | {"amount": amount})
        return self.events[-1]

    def fail_refund(self, refund_id: str) -> Document:
        """The customer's bank does not take a refund. Answers the event."""
        refund = self.refunds.get(refund_id)
        if refund is None:
            raise StripeError(404, "invalid_request_error", f"No such refund: '{refund_id}'")
        refund["status"] = "failed"
        return self._happens("refund.failed", refund)

    # What there is to see

    def taken(self, session_id: str) -> int:
        """What was paid for a session, and not given back."""
        return sum(
            payment["amount"] - self.returned(payment["id"])
            for payment in self.payments.values()
            if session_id in payment["metadata"].values()
        )

    def returned(self, payment_id: str) -> int:
        return sum(
            refund["amount"]
            for refund in self.refunds.values()
            if refund["payment_intent"] == payment_id
            and refund["status"] not in _GIVES_NOTHING_BACK
        )

    def undelivered(self) -> list[Document]:
        """The events that nobody was told of yet, oldest first."""
        return [event for event in self.events if not self.delivered.get(event["id"])]

    def note_delivery(self, event_id: str) -> None:
        self.delivered[event_id] = self.delivered.get(event_id, 0) + 1

    def told(self) -> Document:
        """Everything, as plain JSON."""
        return {
            "down": self.down,
            "checkouts": list(self.checkouts.values()),
            "payments": list(self.payments.values()),
            "refunds": list(self.refunds.values()),
            "events": [
                event | {"delivered": self.delivered.get(event["id"], 0)} for event in self.events
            ],
        }

    def _payment(self, payment_id: str) -> Document:
        payment = self.payments.get(payment_id)
        if payment is None:
            text = f"No such payment_intent: '{payment_id}'"
            raise StripeError(404, "invalid_request_error", text, code="resource_missing")
        return payment

    def _charge(self, payment: Document) -> Document:
        back = self.returned(payment["id"])
        return {
            "id": payment["latest_charge"],
            "object": "charge",
            "amount": payment["amount"],
            "amount_refunded": back,
            "refunded": back == payment["amount"],
            "currency": payment["currency"],
            "payment_intent": payment["id"],
            "metadata": payment["metadata"],
        }

    def _happens(self, type_: str, thing: Document) -> Document:
        """The event holds the thing as it is now."""
        event = {
            "id": f"evt_{len(self.events) + 1:06}",
            "object": "event",
            "type": type_,
            "created": int(self.now().timestamp()),
            "livemode": False,
            "data": {"object": json.loads(json.dumps(thing))},
        }
        self.events.append(event)
        return event


def parameters(form: str) -> Document:
    """What a form says: ``a[b][0]=c`` is ``{"a": {"b": {"0": "c"}}}``."""
    found: Document = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        *steps, last = name.replace("]", "").split("[")
        place = found
        for step in steps:
            place = place.setdefault(step, {})
        place[last] = value
    return found


# Served to other processes


def served(account: StandIn, request: Request) -> tuple[int, Document]:
    """Status and document for a request under ``PREFIX``: a call of the API, or a hook."""
    target = request.target.removeprefix(PREFIX)
    if target.startswith("/_hook/"):
        try:
            name = target.partition("?")[0].removeprefix("/_hook/")
            return 200, hook(account, name, json.loads(request.body or b"{}"))
        except StripeError as error:
            return error.status, error.document
    return account.answer(request.method, target, request.body.decode(), dict(request.headers))


def hook(account: StandIn, name: str, asked: Document) -> Document:
    """What people and banks do, and what there is to see. Raises StripeError for what cannot be."""
    match name:
        case "told":
            return account.told()
        case "down":
            account.down = bool(asked["down"])
            return {"down": account.down}
        case "pay":
            return account.pay(account.open_page(asked))
        case "refund":
            return account.give_back(asked["payment_intent"], asked.get("amount"))
        case "fail":
            return account.fail_refund(asked["refund"])
        case "delivered":
            account.note_delivery(asked["event_id"])
            return {}
    raise StripeError(404, "invalid_request_error", f"There is no hook {name}.")
