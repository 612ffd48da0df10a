"""Profiles, presence and load of mechanics, and the index of those that changed.

The functions that take a transaction add one clause each to another use case's transaction.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from dispatch.core.errors import NotFound, StaleVersion
from dispatch.core.events import Event, EventType
from dispatch.core.table import Item, Otherwise, Transaction, decides_anew
from dispatch.mechanics import rules, store
from dispatch.mechanics.model import (
    Mechanic,
    MechanicStatus,
    Profile,
    RosterRow,
    Unavailable,
)
from dispatch.policy.model import Policy

Refuse = Callable[[Unavailable], Exception]
"""Names the exception for the reason why a mechanic cannot take a session."""

country_of = store.country_of
partitions = store.partitions


def get(mechanic_id: str) -> Mechanic | None:
    """The mechanic as they are now, or None."""
    if len(mechanic_id) > rules.MAX_TEXT:  # from outside, and too long for a key
        return None
    return store.find(mechanic_id)


def get_many(mechanic_ids: Iterable[str]) -> list[Mechanic]:
    """Those who exist, as they are now, in any order; read at once, at most a hundred."""
    return store.find_many(mechanic_ids)


def profile_for(mechanic_id: str, by: str) -> Mechanic:
    """A mechanic as ``by`` may see them: themselves, or anybody approved. Raises NotFound."""
    mechanic = get(mechanic_id) if rules.is_id(mechanic_id) else None
    if mechanic is None or not (by == mechanic_id or rules.is_visible(mechanic)):
        raise NotFound("There is no such mechanic.")
    return mechanic


def why_not_available(
    mechanic: Mechanic | None,
    policy: Policy,
    now: datetime,
    brand_key: str | None,
    keeps_until: datetime | None = None,
) -> Unavailable | None:
    """The first reason why they cannot take a session now; None if they can."""
    return rules.why_not_available(mechanic, policy, now, brand_key, keeps_until)


def is_eligible(mechanic: Mechanic, policy: Policy, now: datetime, brand_key: str | None) -> bool:
    """Whether they may be matched, listed or offered, on shift or not."""
    return rules.is_eligible(rules.roster_entry(mechanic), policy, now.date(), brand_key)


@decides_anew
def upsert(record: Mapping[str, Any], now: datetime) -> Mechanic:
    """Write the whole profile that ``record`` describes, new or not, as operators do.

    Presence and load stay, and what the calendar says. Raises Invalid with a pointer for each wrong
    field, and then changes nothing.
    """
    profile = rules.profile_from(record)
    before = store.find(profile.id)
    profile = rules.recorded(profile, before, now)
    with Transaction() as tx:
        version = before.version + 1 if before and before.version else 0
        after = put_profile(tx, profile, before, now, version=version, with_count=True)
        tx.record(changed(profile.id, now))
    return after


@decides_anew
def set_photo(mechanic_id: str, url: str, now: datetime) -> None:
    """Show this photo of theirs from now on. Raises NotFound without a profile."""
    mechanic = existing(mechanic_id)
    if mechanic.profile.photo_url != url:
        with Transaction() as tx:
            change_profile(tx, mechanic, replace(mechanic.profile, photo_url=url), now)


def existing(mechanic_id: str) -> Mechanic:
    """The mechanic as they are now. Raises NotFound without a profile."""
    mechanic = get(mechanic_id)
    if mechanic is None:
        raise NotFound("You have no mechanic profile yet.")
    return mechanic


def listed(
    status: MechanicStatus, limit: int, cursor: str | None
) -> tuple[list[Mechanic], str | None]:
    """Mechanics of that status, who attained it longest ago first, and the cursor of the next page.

    The list may lag by a moment: whoever has another status by now is left out.
    """
    ids, cursor = store.listed(status, limit, cursor)
    found = {mechanic.id: mechanic for mechanic in store.find_many(ids)}
    there = [found[id_] for id_ in ids if id_ in found]
    return [mechanic for mechanic in there if mechanic.profile.status is status], cursor


@decides_anew
def forget_due(mechanic_id: str, kept: int) -> None:
    """Who is off duty has the ``kept`` sessions in hand and no other: nothing else is due."""
    mechanic = get(mechanic_id)
    if mechanic and mechanic.capacity_at is None and 0 < mechanic.duty.load <= kept:
        with Transaction() as tx:
            store.forget_due(tx, mechanic)


@decides_anew
def has_new_capacity(mechanic_id: str) -> bool:
    """Whether capacity is marked that nobody has put to use. Else nothing is due any more."""
    mechanic = get(mechanic_id)
    if mechanic is None:
        return False
    if mechanic.capacity_at is None:
        with Transaction() as tx:
            store.forget_due(tx, mechanic)
    return mechanic.capacity_at is not None


# Clauses of other use cases' transactions


def check_no_profile(tx: Transaction, user_id: str) -> None:
    """Provided that the user is no mechanic, and does not want to be one."""
    store.check_no_profile(tx, user_id)


def drop_applicant(tx: Transaction, mechanic: Mechanic, now: datetime) -> None:
    """They do not want to be one any more. On commit: StaleVersion where that was decided on."""
    assert rules.is_applicant(mechanic), "others rely on the rest"
    store.drop_profile(tx, mechanic, now)


def add_stars(tx: Transaction, mechanic_id: str, stars: int, now: datetime) -> None:
    """A customer has rated them: the mean is over one more."""
    store.add_stars(tx, mechanic_id, stars, now)


def put_profile(
    tx: Transaction,
    profile: Profile,
    before: Mechanic | None,
    now: datetime,
    *,
    version: int | None = None,
    with_count: bool = False,
    off_duty: bool = False,
) -> Mechanic:
    """The whole profile, as in ``store.put_profile``, and the partition it is in, if that is new.

    The roster follows: it is what ranking reads. Completion is not looked at. Answers with the
    mechanic as they are then.
    """
    was = before or Mechanic(profile)
    version = was.version if version is None else version
    partition = store.put_profile(
        tx, profile, before, now, version=version, with_count=with_count, off_duty=off_duty
    )
    if partition not in store.partitions():
        store.list_partition(tx, partition)
    stars = rules.stars_of_record(profile)[1] if with_count else was.rating_count
    return replace(
        was,
        profile=profile,
        version=version,
        revision=was.revision + 1,
        partition=partition,
        rating_count=stars,
    )


def change_profile(tx: Transaction, mechanic: Mechanic, after: Profile, now: datetime) -> None:
    """Something about the profile is another by now, and with it the completion.

    Provided that nobody has changed it since the mechanic was read.
    """
    put_profile(tx, rules.with_completion(after, now.date()), mechanic, now)
    tx.record(changed(mechanic.id, now))


def put_weekly_hours(
    tx: Transaction, mechanic: Mechanic, now: datetime, *, has_hours: bool
) -> None:
    """What the calendar says: whether they work at any hour of the week. Likewise."""
    if mechanic.profile.has_weekly_hours is not has_hours:
        change_profile(tx, mechanic, replace(mechanic.profile, has_weekly_hours=has_hours), now)


def changed(mechanic_id: str, now: datetime) -> Event:
    """The fact that a profile was written."""
    facts = {"mechanic_id": mechanic_id}
    return Event(EventType.MECHANIC_CHANGED, store.subject(mechanic_id), now, facts)


def go_on_shift(
    tx: Transaction,
    mechanic_id: str,
    shift_id: str,
    now: datetime,
    ends_at: datetime,
    otherwise: Otherwise | None = None,
) -> None:
    """Provided that the mechanic exists, is approved and off shift. By ``ends_at`` they are off."""
    store.go_on_shift(tx, mechanic_id, shift_id, now, ends_at, otherwise)


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
    keeps_until: datetime | None = None,
) -> None:
    """One session more, provided that the mechanic is eligible, on shift and has room for it: also
    of time, before their own next booking, where it is said until when it keeps them.
    """
    refuse = _named(otherwise, policy, brand_key, keeps_until, now)
    store.take_load(tx, mechanic_id, policy, brand_key, keeps_until, now, refuse)


def check_available(
    tx: Transaction,
    mechanic_id: str,
    *,
    policy: Policy,
    brand_key: str | None,
    now: datetime,
    otherwise: Refuse,
    keeps_until: datetime | None = None,
) -> None:
    """Provided that the mechanic is eligible, on shift and has room: offers stand under this."""
    refuse = _named(otherwise, policy, brand_key, keeps_until, now)
    store.check_available(tx, mechanic_id, policy, brand_key, keeps_until, now, refuse)


def take_load_of_booking(
    tx: Transaction,
    mechanic_id: str,
    *,
    policy: Policy,
    brand_key: str | None,
    next_booking_at: datetime | None,
    now: datetime,
    otherwise: Refuse,
) -> None:
    """As ``take_load``, of a booking of theirs that begins: another one is the next from now on."""
    refuse = _named(otherwise, policy, brand_key, None, now)
    store.take_load_of_booking(tx, mechanic_id, policy, brand_key, next_booking_at, now, refuse)


def put_next_booking(
    tx: Transaction, mechanic_id: str, next_booking_at: datetime | None, now: datetime
) -> None:
    """When the earliest of their bookings starts that was not dealt with; None without any."""
    store.put_next_booking(tx, mechanic_id, next_booking_at, now)


def put_new_booking(
    tx: Transaction,
    mechanic_id: str,
    next_booking_at: datetime | None,
    *,
    policy: Policy,
    now: datetime,
    otherwise: Otherwise,
) -> None:
    """The same where one has come, provided that the mechanic is eligible."""
    store.put_new_booking(tx, mechanic_id, next_booking_at, policy, now, otherwise)


def _named(
    otherwise: Refuse,
    policy: Policy,
    brand_key: str | None,
    keeps_until: datetime | None,
    now: datetime,
    *,
    else_stale: bool = False,
) -> Otherwise:
    """``else_stale`` where the condition asks for more than the rule does."""

    def refuse(old: Item | None) -> Exception:
        mechanic = store.mechanic_of(old) if old else None
        reason = rules.why_not_available(mechanic, policy, now, brand_key, keeps_until)
        if reason is None and else_stale:
            return StaleVersion()
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
    """One session less. A ``completed`` one counts; one given back has not ended.

    Provided that the shift is not closing with this session: ``free_last_and_go_off_shift``.
    """
    store.free_load(tx, mechanic_id, session_ended=session_ended, completed=completed, now=now)


def free_last_and_go_off_shift(
    tx: Transaction,
    mechanic_id: str,
    shift_id: str,
    *,
    now: datetime,
    completed: bool,
    session_ended: bool = True,
) -> None:
    """The last session less, and off that closing shift with it."""
    store.free_last_and_go_off_shift(
        tx, mechanic_id, shift_id, session_ended=session_ended, completed=completed, now=now
    )


def close_shift(
    tx: Transaction,
    mechanic_id: str,
    shift_id: str,
    cause: str,
    now: datetime,
    *,
    stays_due: bool = False,
) -> None:
    """No new offers, provided that there is a session in hand and the shift not closing yet.

    ``stays_due``: something else of this mechanic is still to be done.
    """
    store.close_shift(tx, mechanic_id, shift_id, cause, now, stays_due=stays_due)


def check_shift(tx: Transaction, mechanic_id: str, shift_id: str) -> None:
    """Provided that the mechanic is on that very shift still."""
    store.check_shift(tx, mechanic_id, shift_id)


def count_miss(tx: Transaction, mechanic: Mechanic, policy: Policy, now: datetime) -> None:
    """One miss more in a row, provided that the mechanic is on shift and free still."""
    is_last = mechanic.misses + 1 >= policy.misses_to_clock_out
    store.count_miss(tx, mechanic, policy.capacity, now, is_last=is_last)


def forget_misses(tx: Transaction, mechanic_id: str) -> None:
    """The mechanic has answered."""
    store.forget_misses(tx, mechanic_id)


def renew_capacity(
    tx: Transaction, mechanic_id: str, *, policy: Policy, now: datetime, otherwise: Refuse
) -> None:
    """Mark what is free as if it were new, provided that they could take a session now."""
    refuse = _named(otherwise, policy, None, None, now, else_stale=True)
    store.renew_capacity(tx, mechanic_id, policy, now, refuse)


def put_capacity_to_use(tx: Transaction, mechanic: Mechanic) -> None:
    """What was marked as new capacity has been dealt with, provided that the mark still stands."""
    assert mechanic.capacity_at is not None, "only marked capacity can be put to use"
    store.put_capacity_to_use(tx, mechanic.id, mechanic.capacity_at)


def offer_capacity(
    tx: Transaction,
    mechanic: Mechanic,
    *,
    policy: Policy,
    brand_key: str | None,
    now: datetime,
    otherwise: Refuse,
    keeps_until: datetime | None = None,
) -> None:
    """As ``check_available``; marked capacity is dealt with, provided that the mark stands."""
    if mechanic.capacity_at is None:
        check_available(
            tx,
            mechanic.id,
            policy=policy,
            brand_key=brand_key,
            now=now,
            otherwise=otherwise,
            keeps_until=keeps_until,
        )
        return
    refuse = _named(otherwise, policy, brand_key, keeps_until, now, else_stale=True)
    store.offer_marked_capacity(
        tx, mechanic.id, mechanic.capacity_at, policy, brand_key, keeps_until, now, refuse
    )


duty_at = rules.duty_at


def is_clear(mechanic: Mechanic, keeps_until: datetime) -> bool:
    """Whether their own next booking leaves them time until then."""
    return rules.is_clear(mechanic.duty, keeps_until)


def room(mechanic: Mechanic, policy: Policy, now: datetime) -> int:
    """How many sessions more the mechanic may take now."""
    return rules.room(rules.duty_at(mechanic, now), policy.capacity)


# What ranking reads


def changes(partition: str, since: datetime | None) -> Iterator[RosterRow]:
    """What changed in a partition of the index since, oldest first; everything, without."""
    return store.changes(partition, since)
