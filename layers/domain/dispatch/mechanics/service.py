"""Profiles, presence and load of mechanics, and the index of those that changed.

The functions that take a transaction add one clause each to another use case's transaction.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from dispatch.core.errors import NotFound
from dispatch.core.events import Event, EventType
from dispatch.core.table import Item, Otherwise, Transaction, decides_anew
from dispatch.mechanics import rules, store
from dispatch.mechanics.model import Mechanic, RosterRow, Unavailable
from dispatch.policy.model import Policy

Refuse = Callable[[Unavailable], Exception]
"""Names the exception for the reason why a mechanic cannot take a session."""

country_of = store.country_of
partitions = store.partitions


def get(mechanic_id: str) -> Mechanic | None:
    """The mechanic as they are now, or None."""
    if len(mechanic_id) > rules.MAX_TEXT:  # from outside, and too long for a key
        return None
    found = store.find(mechanic_id)
    return found[0] if found else None


def get_many(mechanic_ids: Iterable[str]) -> list[Mechanic]:
    """Those who exist, as they are now, in any order; read at once, at most a hundred."""
    return store.find_many(mechanic_ids)


def profile_for(mechanic_id: str, by: str) -> Mechanic:
    """A mechanic as ``by`` may see them: themselves, or anybody approved. Raises NotFound."""
    mechanic = get(mechanic_id) if rules.is_id(mechanic_id) else None
    if mechanic is None or not (by == mechanic_id or rules.is_visible(mechanic)):
        raise NotFound("There is no such mechanic.")
    return mechanic


def is_eligible(mechanic: Mechanic, policy: Policy, now: datetime, brand_key: str | None) -> bool:
    """Whether they may be matched, listed or offered, on shift or not."""
    return rules.is_eligible(rules.roster_entry(mechanic), policy, now.date(), brand_key)


@decides_anew
def upsert(record: Mapping[str, Any], now: datetime) -> Mechanic:
    """Write the whole profile that ``record`` describes, new or not. Presence and load stay.

    Raises Invalid with a pointer for each wrong field, and then changes nothing.
    """
    profile = rules.profile_from(record)
    found = store.find(profile.id)
    before = found[1] if found else None
    with Transaction() as tx:
        partition = store.put_profile(tx, profile, before, now)
        if partition not in store.partitions():
            store.list_partition(tx, partition)
        tx.record(
            Event(
                EventType.MECHANIC_CHANGED,
                store.subject(profile.id),
                now,
                {"mechanic_id": profile.id},
            )
        )
    return Mechanic(profile, found[0].duty) if found else Mechanic(profile)


# Clauses of other use cases' transactions


def go_on_shift(
    tx: Transaction,
    mechanic_id: str,
    shift_id: str,
    now: datetime,
    otherwise: Otherwise | None = None,
) -> None:
    """Provided that the mechanic exists and is off shift."""
    store.go_on_shift(tx, mechanic_id, shift_id, now, otherwise)


def go_off_shift(
    tx: Transaction,
    mechanic_id: str,
    shift_id: str,
    now: datetime,
    otherwise: Otherwise | None = None,
) -> None:
    """Provided that the mechanic is on that very shift, without load."""
    store.go_off_shift(tx, mechanic_id, shift_id, now, otherwise)


def take_load(
    tx: Transaction,
    mechanic_id: str,
    *,
    policy: Policy,
    brand_key: str | None,
    now: datetime,
    otherwise: Refuse,
) -> None:
    """One session more, provided that the mechanic is eligible, on shift and has room for it."""
    refuse = _named(otherwise, policy, brand_key, now)
    store.take_load(tx, mechanic_id, policy, brand_key, now, refuse)


def check_available(
    tx: Transaction,
    mechanic_id: str,
    *,
    policy: Policy,
    brand_key: str | None,
    now: datetime,
    otherwise: Refuse,
) -> None:
    """Provided that the mechanic is eligible, on shift and has room: offers stand under this."""
    refuse = _named(otherwise, policy, brand_key, now)
    store.check_available(tx, mechanic_id, policy, brand_key, now, refuse)


def _named(otherwise: Refuse, policy: Policy, brand_key: str | None, now: datetime) -> Otherwise:
    def refuse(old: Item | None) -> Exception:
        mechanic = store.mechanic_of(old) if old else None
        reason = rules.why_not_available(mechanic, policy, now.date(), brand_key)
        assert reason is not None, "the condition and the rule must say the same"
        return otherwise(reason)

    return refuse


def free_load(
    tx: Transaction,
    mechanic_id: str,
    *,
    now: datetime,
    completed: bool,
    session_ended: bool = True,
) -> None:
    """One session less. A ``completed`` one counts; one given back has not ended."""
    store.free_load(tx, mechanic_id, session_ended=session_ended, completed=completed, now=now)


# What ranking reads


def changes(partition: str, since: datetime | None) -> Iterator[RosterRow]:
    """What changed in a partition of the index since, oldest first; everything, without."""
    return store.changes(partition, since)
