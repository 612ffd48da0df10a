"""AWS calls that meet bad luck: one of them, once.

It fails, before it takes effect or after, or somebody else comes just before it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from tests.fast.services import refusal
from tests.roles import ask, nobody


class Killed(BaseException):
    """The process is gone: nothing catches this."""


class Fault(Enum):
    """What becomes of a call."""

    REFUSED = "it is refused and has no effect"
    UNHEARD = "it takes effect, and its caller sees a timeout"
    KILLED_BEFORE = "its caller dies before it"
    KILLED_AFTER = "it takes effect, and its caller dies"
    CONFLICT = "it meets another transaction"

    def fits(self, call: str) -> bool:
        """Whether this can become of such a call."""
        operation = call.partition(".")[2]
        if self is Fault.CONFLICT:
            return operation == "transact_write_items"
        reads = operation.startswith(("get_", "query", "list_"))
        return not reads or self in {Fault.REFUSED, Fault.KILLED_BEFORE}


@dataclass
class Faults:
    """Counts the calls from ``arm`` on, and lets the ``at``-th of them fail.

    Where there is something to do ``meanwhile``, that is done just before it instead.
    """

    calls: list[str] = field(default_factory=list)
    at: int | None = None
    fault: Fault = Fault.REFUSED
    meanwhile: Callable[[], None] | None = None
    armed: bool = False
    struck: int = 0
    """How many calls have failed, ever."""

    def arm(
        self,
        at: int | None = None,
        fault: Fault = Fault.REFUSED,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        self.calls, self.at, self.fault, self.meanwhile = [], at, fault, meanwhile
        self.armed = True

    def disarm(self) -> None:
        self.armed = False

    def around(self, service: str, client: Any) -> "Client":
        return Client(service, client, self)

    def meet(self, name: str, call: Callable[..., Any], request: dict[str, Any]) -> Any:
        """Make the call, or let it fail."""
        if not self.armed:
            return call(**request)
        self.calls.append(name)
        if self.at != len(self.calls) - 1:
            return call(**request)
        if self.meanwhile:
            self.armed = False
            with nobody():
                self.meanwhile()
            return call(**request)
        if not self.fault.fits(name):
            self.at += 1  # the next one, then
            return call(**request)
        self.struck += 1
        if self.fault in {Fault.UNHEARD, Fault.KILLED_AFTER}:
            call(**request)
        raise self._error(name, request)

    def _error(self, name: str, request: dict[str, Any]) -> BaseException:
        match self.fault:
            case Fault.REFUSED:
                return refusal(name, "InternalServerError", "try again", 500)
            case Fault.UNHEARD:
                return ReadTimeoutError(endpoint_url=name)
            case Fault.CONFLICT:
                return _conflict(len(request["TransactItems"]))
        return Killed(name)


def _conflict(operations: int) -> ClientError:
    """As DynamoDB tells most losers of a race; neither moto nor ministack ever does."""
    reasons = [{"Code": "None"} for _ in range(operations)]
    reasons[0] = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
        "CancellationReasons": reasons,
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    return ClientError(response, "TransactWriteItems")


@dataclass(frozen=True, slots=True)
class Client:
    """A client whose calls may fail, or be no right of the function that makes them."""

    service: str
    real: Any
    faults: Faults

    def __getattr__(self, operation: str) -> Any:
        call = getattr(self.real, operation)
        name = f"{self.service}.{operation}"

        def asking(**request: Any) -> Any:
            ask(self.service, operation, request)
            return self.faults.meet(name, call, request)

        return asking
