"""Counters: one item per user, action and window, gone by itself when the window is over."""

from datetime import datetime

from dispatch.core.table import SCHEMA, Key, Otherwise, Transaction, query
from dispatch.quotas.model import Action

_AT_ONCE = 100
"""As many as one transaction takes. Who does a lot each hour has more: TTL comes days late."""


def _subject(user_id: str) -> str:
    return f"QUOTA#{user_id}"


def count(
    tx: Transaction,
    action: Action,
    user_id: str,
    window: str,
    *,
    ends: datetime,
    most: int,
    otherwise: Otherwise,
) -> None:
    """One more, provided that there are not so many in this window."""
    tx.update(
        Key(_subject(user_id), f"{action.upper()}#{window}"),
        "SET #entity = :entity, #schema = :schema, #expires_ttl = :expires_ttl ADD #times :one",
        {
            ":entity": "quota",
            ":schema": SCHEMA,
            ":expires_ttl": int(ends.timestamp()),
            ":one": 1,
            ":most": most,
        },
        when="attribute_not_exists(#pk) OR #times < :most",
        otherwise=otherwise,
    )


def forget(user_id: str) -> None:
    """Drop what was counted of a user. Twice is once."""
    while kept := query(_subject(user_id), limit=_AT_ONCE).items:
        with Transaction() as tx:
            for item in kept:
                tx.delete(Key(item["pk"], item["sk"]))
