"""Everything that can be refused, each with its slug, title and status.

Use cases raise these; the HTTP edge turns them into ``application/problem+json`` (RFC 9457), a
consumer logs them. ``detail`` says what to do about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


class Refusal(Exception):
    """An expected refusal. ``members`` are the extra members of the problem document."""

    slug: ClassVar[str]
    title: ClassVar[str]
    status: ClassVar[int]

    def __init__(self, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.members: Mapping[str, Any] = members


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that was refused: a JSON pointer to it (RFC 6901) and what is wrong."""

    pointer: str
    detail: str


class Invalid(Refusal):
    """The input is not acceptable, whatever the state is."""

    slug, title, status = "invalid-input", "Invalid input", 422

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(f"{e.pointer}: {e.detail}" for e in errors))
        self.members = {"errors": [{"pointer": e.pointer, "detail": e.detail} for e in errors]}

    @classmethod
    def field(cls, pointer: str, detail: str) -> "Invalid":
        return cls([FieldError(pointer, detail)])


class Forbidden(Refusal):
    """The caller is not in the group this call is for."""

    slug, title, status = "forbidden", "Forbidden", 403


class NotFound(Refusal):
    """There is no such thing, or none that this caller may know of."""

    slug, title, status = "not-found", "Not found", 404


class Conflict(Refusal):
    """The state does not allow it. ``reason`` is one of the words of ``api.md``."""

    slug, title, status = "conflict", "Conflict", 409

    def __init__(self, reason: str, detail: str, **members: Any) -> None:
        super().__init__(detail, reason=reason, **members)
        self.reason = reason


class TooFewCredits(Refusal):
    """The customer's credits do not pay for it; ``missing`` is how many more it takes."""

    slug, title, status = "insufficient-credits", "Too few credits", 402

    def __init__(self, detail: str, *, balance: int, missing: int) -> None:
        super().__init__(detail, reason="insufficient_credits", balance=balance, missing=missing)


class QuotaExceeded(Refusal):
    """This user has done it as often as one may; ``retry_after_s`` is when they may again."""

    slug, title, status = "quota-exceeded", "Too often", 429

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail, reason="quota_exceeded", retry_after_s=retry_after_s)


class BadSignature(Refusal):
    """A message that says it is a partner's is not, or is too old to be believed."""

    slug, title, status = "bad-signature", "Bad signature", 400


class IllegalMove(Conflict):
    """The state machine has no such move from where the thing is, its ``current_status``."""

    def __init__(self, move: str, status: str) -> None:
        detail = f"You cannot {move} it while it is {status}."
        super().__init__("illegal_move", detail, current_status=status)


class Busy(Refusal):
    """The store kept refusing for load or contention. Nothing was changed; trying again may do."""

    slug, title, status = "busy", "Try again", 503


class StaleVersion(Exception):
    """Somebody else changed an item between the read and the write: read again, decide again."""
