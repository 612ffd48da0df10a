"""``/_local/stripe/*``: what customers, operators and banks do at Stripe, and its webhook's calls.

The stand-in itself (``local.stripe``) lives in the process of ``moto_engine``. What happens there
is told by the webhook, signed, when it is asked for: at once, later, twice, in any order.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from local.gateway import Gateway
from local.stripe import signed
from local.waiting import MotoEngine

Document = dict[str, Any]

WEBHOOK = "/payments/stripe/webhook"

HOOKS: Mapping[str, Mapping[str, type]] = {
    "pay": {"session_id": str, "checkout_id": str, "deliver": int},
    "refund": {"payment_intent": str, "amount": int, "deliver": int},
    "fail": {"refund": str, "deliver": int},
    "deliver": {"event_id": str, "times": int},
    "down": {"down": bool},
}
"""Each hook, and what it takes. ``deliver`` is how often the event is told of at once."""

_NEEDED = {"refund": "payment_intent", "fail": "refund", "down": "down"}


class NotDone(Exception):
    """What was asked for cannot be."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class StripeAccount:
    """The account, and its webhook endpoint."""

    def __init__(
        self, engine: MotoEngine, gateway: Gateway, secret: str | None, now: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._gateway = gateway
        self._secret = secret
        self._now = now

    async def told(self) -> Document:
        """Everything that Stripe was told, and the events that came of it."""
        return await self._ask("told", {})

    async def do(self, hook: str, asked: Document) -> Document:
        """Do what a hook is there for. Raises NotDone."""
        if (needed := _NEEDED.get(hook)) and needed not in asked:
            raise NotDone(422, f"/{needed} is needed.")
        if hook == "deliver":
            return await self._deliver_again(asked)
        times = asked.pop("deliver", 1)
        answer = await self._ask(hook, asked)
        if hook == "down":
            return answer
        return {"event_id": answer["id"], "answers": await self._deliver(answer, times)}

    async def _deliver_again(self, asked: Document) -> Document:
        """One event again, or all that were never delivered, oldest first."""
        events = (await self.told())["events"]
        wanted = asked.get("event_id")
        chosen = [
            event
            for event in events
            if (event["id"] == wanted if wanted else not event["delivered"])
        ]
        if wanted and not chosen:
            raise NotDone(404, f"There is no event {wanted}.")
        answers = [await self._deliver(event, asked.get("times", 1)) for event in chosen]
        return {
            "event_ids": [event["id"] for event in chosen],
            "answers": [status for each in answers for status in each],
        }

    async def _deliver(self, event: Document, times: int) -> list[int]:
        """The statuses of the webhook's answers. Stripe takes what is no 2xx as not delivered."""
        if self._secret is None:
            raise NotDone(409, "The template has no Stripe.")
        told = {name: value for name, value in event.items() if name != "delivered"}
        statuses = []
        for _ in range(times):
            body, signature = signed(told, self._secret, self._now())
            headers = {"stripe-signature": signature}
            answer = await self._gateway.deliver(WEBHOOK, body, headers)
            if answer.status_code < 300:
                await self._ask("delivered", {"event_id": event["id"]})
            statuses.append(answer.status_code)
        return statuses

    async def _ask(self, hook: str, asked: Document) -> Document:
        status, answer = await self._engine.stripe(hook, asked)
        if status != 200:
            raise NotDone(status, answer["error"]["message"])
        return answer
