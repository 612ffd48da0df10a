"""Secrets: SecureStrings of SSM's Parameter Store, kept in memory for some minutes.

So a secret that was replaced is in use everywhere five minutes later, without a deployment.
"""

from datetime import datetime, timedelta

from dispatch.core import aws

CACHED_FOR = timedelta(minutes=5)

_known: dict[str, tuple[datetime, str]] = {}


class MissingSecret(Exception):
    """There is no such parameter: an operator has yet to put it (docs/operations.md)."""


def secret(name: str, now: datetime) -> str:
    """The value of the parameter ``name``. Raises MissingSecret."""
    known = _known.get(name)
    if known is None or not timedelta(0) <= now - known[0] < CACHED_FOR:
        answer = aws.ssm().get_parameters(Names=[name], WithDecryption=True)
        found = answer["Parameters"]
        if not found:
            raise MissingSecret(f"put the SSM parameter {name}; docs/operations.md says how")
        known = _known[name] = now, found[0]["Value"]
    return known[1]


def forget() -> None:
    """Read everything anew. For tests, which change secrets."""
    _known.clear()
