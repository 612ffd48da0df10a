"""Counting what users do, in the transaction that does it: what is refused does not count.

Nor does what a repeat with the same Idempotency-Key is answered with, since nothing is done then.
"""

from datetime import datetime

from dispatch.core.table import Transaction
from dispatch.policy import service as policies
from dispatch.quotas import rules, store
from dispatch.quotas.model import Action, Times


def count(tx: Transaction, action: Action, user_id: str, now: datetime) -> None:
    """Once more. The transaction raises QuotaExceeded where that is too often."""
    most = rules.limit_of(action, policies.current(now))
    store.count(
        tx,
        action,
        user_id,
        rules.window_of(action, now),
        ends=rules.window_ends(action, now),
        most=most,
        otherwise=lambda _: rules.exceeded(action, most, now),
    )


def once_more(action: Action, times: Times, now: datetime) -> Times:
    """For who keeps an item of each user anyway, and counts there. Raises QuotaExceeded."""
    return rules.once_more(action, times, rules.limit_of(action, policies.current(now)), now)


def forget(user_id: str) -> None:
    """Drop what was counted of a user, who is erased and does nothing more. Twice is once."""
    store.forget(user_id)
