"""Use cases around a mechanic's profile: they edit it, admins decide on it.

Any signed-in user may keep one; only an admin's approval makes a mechanic of them.
"""

from collections.abc import Mapping
from datetime import datetime

from dispatch.core.errors import NotFound
from dispatch.core.events import Event, EventType
from dispatch.core.idempotency import Once
from dispatch.core.logging import MetricUnit, metrics
from dispatch.core.table import Transaction, decides_anew
from dispatch.customers import service as customers
from dispatch.mechanics import rules
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Completion, Mechanic, Profile, ProfileEdit, StandingMove
from dispatch.quotas import service as quotas
from dispatch.quotas.model import Action

profile_of = mechanics.existing
listed = mechanics.listed


@decides_anew
def edit_profile(mechanic_id: str, edit: ProfileEdit, version: int, now: datetime) -> Mechanic:
    """The editable part of a profile anew, as a whole; the first makes an applicant of the user.

    The status stays, and matching follows at once. Repeating the last edit changes nothing.
    Raises Conflict ``stale_version`` unless ``version`` is the one in force, 0 before the first;
    and ``erased``, since who has a profile is not erased; QuotaExceeded.
    """
    before = mechanics.get(mechanic_id)
    if before and rules.is_same_edit(before, edit, version):
        return before
    profile = rules.edited(before, mechanic_id, edit, version, now)
    with Transaction() as tx:
        if before is None:
            customers.check_not_erased(tx, mechanic_id)
        quotas.count(tx, Action.EDIT, mechanic_id, now)
        after = mechanics.put_profile(tx, profile, before, now, version=version + 1)
        tx.record(mechanics.changed(mechanic_id, now))
    return after


def completion_for(mechanic_id: str, by: str, now: datetime, *, is_admin: bool) -> Completion:
    """How complete a profile is, for its mechanic and for admins; NotFound for anybody else."""
    mechanic = mechanics.get(mechanic_id) if is_admin or by == mechanic_id else None
    if mechanic is None:
        raise NotFound("There is no such mechanic.")
    return rules.completion(mechanic.profile, now.date())


def percentage(profile: Profile, now: datetime) -> int:
    """What the profile is shown with: an operator's word, or what it is by now."""
    return rules.with_completion(profile, now.date()).profile_completion


# What admins decide

_FACTS: Mapping[StandingMove, EventType] = {
    StandingMove.APPROVE: EventType.MECHANIC_APPROVED,
    StandingMove.SUSPEND: EventType.MECHANIC_SUSPENDED,
    StandingMove.REINSTATE: EventType.MECHANIC_REINSTATED,
}


@decides_anew
def decide(
    mechanic_id: str,
    move: StandingMove,
    by: str,
    now: datetime,
    *,
    reason: str | None = None,
    once: Once | None = None,
) -> Mechanic:
    """An admin approves, suspends or reinstates; doing that again changes nothing.

    From a suspension on they are offered nothing and can accept nothing: that stands in the
    conditions of those writes. What they have in hand is dealt with by those who hear of the fact
    (``sessions.end_duties``), or by the sweeper. Raises NotFound, IllegalMove.
    """
    before = mechanics.get(mechanic_id)
    if before is None:
        raise NotFound("There is no such mechanic.")
    if rules.is_repeat(before.profile, move):
        if once:
            with Transaction() as tx:
                once.remember(tx, before, now)
        return before
    after = rules.moved(before, move, now, reason)
    with Transaction() as tx:
        if once:
            once.remember(tx, after, now)
        is_suspension = move is StandingMove.SUSPEND
        mechanics.put_profile(tx, after.profile, before, now, off_duty=is_suspension)
        facts = {"mechanic_id": mechanic_id, "by": by}
        tx.record(Event(_FACTS[move], f"MECHANIC#{mechanic_id}", now, facts))
    metrics.add_metric(f"Mechanics_{move}", MetricUnit.Count, 1)
    return after
