"""What always holds (``ops.invariants``), and what holds besides in a world that we see whole: what
Stripe has, what was pushed, who could have met.
"""

import json
from collections import Counter
from typing import Any

from dispatch.mechanics import rules as mechanic_rules
from dispatch.mechanics.model import Mechanic
from dispatch.notifications.model import OFFER_WITHDRAWN, Channel
from dispatch.offers import rules as offer_rules
from dispatch.offers.model import (
    AssignmentStatus,
    Cause,
    Dispatch,
    MatchType,
    OfferKind,
)
from dispatch.policy.model import Policy
from dispatch.sessions.model import Session
from dispatch.waitlist import rules as waitlist_rules
from dispatch.waitlist.model import Entry, EntryStatus
from ops.invariants import RULES, Picture, check, picture
from tests.fast.services import Push
from tests.fast.world import FastWorld

__all__ = [
    "RULES",
    "Picture",
    "check",
    "check_ledger",
    "check_money",
    "check_that_all_have_met",
    "notice_of",
    "picture",
    "picture_of",
    "stripe_costs",
]


def picture_of(world: FastWorld) -> Picture:
    return picture(world.now, world.table.scan(TableName=world.table.name)["Items"])


def check_money(world: FastWorld, picture: Picture) -> None:
    """Once every refund was made and everything told: Stripe has what the sessions cost."""
    for session in picture.sessions.values():
        assert world.stripe.taken(session.id) == stripe_costs(session), session.id
    for payment in picture.payments.values():
        assert payment.returned_cents == world.stripe.returned(payment.id), payment.id


def stripe_costs(session: Session) -> int:
    """What a session rightly costs that is paid for by Stripe."""
    if session.payment_id is None:
        return 0
    return session.price_cents - (session.refund.price_cents if session.refund else 0)


def check_ledger(world: FastWorld, picture: Picture) -> None:
    """The ledger matches what was sent: whatever was pushed had been noted down, and is noted as
    pushed, to that device, once. A call that failed may have left a push that is not.
    """
    pushed = Counter(
        (push.owner, notice_id, push.device)
        for push in world.topic.pushes
        if (notice_id := notice_of(push))
    )
    noted = Counter(
        (notice.user_id, notice.id, delivery.target)
        for notice in picture.notices.values()
        if notice.channel is Channel.PUSH
        for delivery in notice.deliveries
        if delivery.message_id
    )
    for owner, notice_id, _ in pushed:
        assert (owner, notice_id) in picture.notices
    assert not noted - pushed, "noted, and never pushed"
    assert (pushed - noted).total() <= world.faults.struck, "pushed, and not noted"


def notice_of(push: Push) -> str | None:
    """The id of the notice that was pushed; None for a silent withdrawal of one."""
    message: Any = json.loads(json.loads(push.message)["GCM"])["fcmV1Message"]["message"]
    data: dict[str, str] = message["data"]
    return None if data["type"] == OFFER_WITHDRAWN else data["notice_id"]


def check_that_all_have_met(picture: Picture) -> None:
    """Once all has been heard and nothing was lost: nobody waits whom somebody free could serve.

    Who let a turn run out waits for new capacity. Who has an open offer or turn is not free. Some
    who are free are told of the broadcast and not asked: ``_is_left_to_the_broadcast``.
    """
    free = [mechanic for mechanic in picture.mechanics.values() if _is_free(picture, mechanic)]
    for entry in picture.entries:
        if _is_awake(picture, entry) and not entry.was_sent_back:
            met = [m.id for m in free if m.id != entry.customer_id and _serves(m, entry)]
            assert not met, f"{entry.customer_id} waits, and {met} are free"
    for dispatch in picture.dispatches.values():
        if not offer_rules.may_be_offered_capacity(dispatch, picture.now):
            continue
        there = [m for m in picture.mechanics.values() if _is_there(picture, m)]
        theirs = [m for m in there if m.id != dispatch.customer_id]
        assert not (dispatch.all_offline and theirs), f"{dispatch.session_id}: not all are offline"
        assert dispatch.all_offline or theirs, f"{dispatch.session_id}: all are offline"
        out = {*dispatch.excluded, *dispatch.declined}
        met = [m.id for m in free if m.id not in out]
        assert dispatch.announced or not met, f"{dispatch.session_id} waits, and {met} are free"
        unasked = [
            id_
            for id_ in met
            if offer_rules.may_ask(dispatch, id_)
            and not _is_left_to_the_broadcast(picture, dispatch, id_)
        ]
        assert not unasked, f"{dispatch.session_id} waits, and {unasked} were not asked"


def _is_left_to_the_broadcast(picture: Picture, dispatch: Dispatch, mechanic_id: str) -> bool:
    """Since this mechanic last had new capacity, one of two things has used it up (``domain.md``).

    It was offered to a session, and what that one did not take is the waitlist's; or this session's
    last offers ran out, and what runs out does not pass on.
    """
    came = max(
        fact["id"]
        for fact in picture.facts_of("MechanicClockedIn", "MechanicFreed", "CapacityRenewed")
        if fact["mechanic_id"] == mechanic_id
    )
    was_offered = any(
        fact["kind"] == OfferKind.CAPACITY
        and mechanic_id in fact["mechanic_ids"]
        and fact["id"] > came
        for fact in picture.facts_of("OffersMade")
    )
    ends = [
        fact
        for fact in picture.facts_of("OffersExpired", "OfferDeclined")
        if fact["session_id"] == dispatch.session_id
        and fact.get("match_type") != MatchType.BROADCAST
    ]
    last = max(ends, key=lambda fact: str(fact["id"]), default={})
    ran_out = last.get("cause") == Cause.TIMEOUT and last["period"] == dispatch.period
    return was_offered or (ran_out and last["id"] > came)


def _is_there(picture: Picture, mechanic: Mechanic) -> bool:
    duty = mechanic_rules.duty_at(mechanic, picture.now)
    entry = mechanic_rules.roster_entry(mechanic)
    return duty.on_shift and mechanic_rules.is_eligible(entry, Policy(), picture.now.date())


def _is_free(picture: Picture, mechanic: Mechanic) -> bool:
    """Free, and nobody else is about to be served."""
    if mechanic_rules.why_not_available(mechanic, Policy(), picture.now):
        return False
    has_turn = any(
        entry.turn and entry.turn.mechanic_id == mechanic.id and picture.now < entry.turn.until
        for entry in picture.entries
    )
    has_offer = any(
        row.mechanic_id == mechanic.id and row.status is AssignmentStatus.OFFERED
        for row in picture.rows.values()
    )
    return not has_turn and not has_offer


def _is_awake(picture: Picture, entry: Entry) -> bool:
    others = [each for each in picture.entries if each.customer_id == entry.customer_id]
    has_turn = any(each.turn and picture.now < each.turn.until for each in others)
    return (
        entry.status is EntryStatus.WAITING
        and picture.now < entry.expires_at
        and not has_turn
        and not picture.is_active(entry.customer_id)
    )


def _serves(mechanic: Mechanic, entry: Entry) -> bool:
    return entry.line in waitlist_rules.lines_served(mechanic.profile)
