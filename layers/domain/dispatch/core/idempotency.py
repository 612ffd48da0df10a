"""``Idempotency-Key``: the first committed answer to a request is the answer to its repeats.

The key is an item in the transaction of the use case, holding the answer, so that what was done
and what is repeated can not part. It stands for 24 hours, per caller and route.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from dispatch.core.errors import Conflict
from dispatch.core.table import Item, Key, Transaction, get

KEPT_FOR = timedelta(hours=24)
_FREE_OR_OVER = "attribute_not_exists(#pk) OR #kept_until <= :now"


class AlreadyAnswered(Exception):
    """The request was answered before. ``answer`` is that answer's JSON document."""

    def __init__(self, answer: Any) -> None:
        super().__init__("answered before")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Once:
    """One keyed request: whose and for which route, its body, and how its result is shown.

    ``answers`` are those that were remembered; all but the last belong to attempts that failed.
    """

    pk: str
    body_sha256: str
    show: Callable[[Any], Any]
    answers: list[Any] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        *,
        caller: str,
        route: str,
        key: str,
        body: bytes,
        show: Callable[[Any], Any],
    ) -> "Once":
        scope = json.dumps([caller, route, key])
        return cls(
            pk=f"IDEMPOTENCY#{hashlib.sha256(scope.encode()).hexdigest()}",
            body_sha256=hashlib.sha256(body).hexdigest(),
            show=show,
        )

    def answering(self, result: Any) -> "Once":
        """The same request, answered by showing ``result``, whatever the use case remembers."""
        return replace(self, show=lambda _: self.show(result))

    def check(self, now: datetime) -> None:
        """Raise AlreadyAnswered for a repeat, Conflict where the key came with another body."""
        item = get(Key(self.pk))
        if item and item["kept_until"] > int(now.timestamp()):
            raise self._spent(item)

    def remember(self, tx: Transaction, result: Any, now: datetime) -> None:
        """Add the key and the answer that shows ``result``. Add it before any other clause."""
        until = int((now + KEPT_FOR).timestamp())
        self.answers.append(self.show(result))
        tx.put(
            {
                "pk": self.pk,
                "sk": "META",
                "entity": "idempotency_key",
                "body_sha256": self.body_sha256,
                "answer": json.dumps(self.answers[-1]),
                "kept_until": until,
                "expires_ttl": until,
            },
            when=_FREE_OR_OVER,
            values={":now": int(now.timestamp())},
            otherwise=lambda old: self._spent(old or {}),
        )

    def _spent(self, item: Item) -> Exception:
        if item.get("body_sha256") != self.body_sha256:
            return Conflict(
                "idempotency_mismatch",
                "This Idempotency-Key came with another body before. Use a new key.",
            )
        return AlreadyAnswered(json.loads(item["answer"]))
