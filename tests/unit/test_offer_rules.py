"""Assignments and the dispatch they belong to: who is asked, who may accept, what a queue shows.

The rules are those of domain.md, Assignments.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations, product

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dispatch.core.errors import IllegalMove
from dispatch.matching.model import Priority
from dispatch.mechanics.model import Duty, Mechanic, Unavailable
from dispatch.offers import rules
from dispatch.offers.model import (
    Assignment,
    AssignmentStatus,
    Cause,
    Dispatch,
    Move,
    OfferKind,
    OpenOffer,
    Tally,
)
from tests.builders import (
    BROADCAST,
    CUSTOMER,
    FIVE_MINUTES,
    HALF_AN_HOUR,
    MECHANIC,
    ONE_HOUR,
    ONE_MINUTE,
    ONE_MS,
    ONE_SECOND,
    RIVAL,
    SESSION,
    TEN_MINUTES,
    TWO_MINUTES,
    a_brief,
    a_broadcast,
    a_dispatch,
    a_held_broadcast,
    a_match,
    a_preferred_offer,
    an_offer,
    an_open_offer,
)
from tests.clock import NOON
from tests.mechanic_builders import FREE, OFF, a_mechanic

S = AssignmentStatus

# The table of domain.md: from, move, to. Whatever is not here is refused.
TABLE = {
    ("held", "open"): "queued",
    ("held", "accept"): "accepted",
    ("held", "expire"): "expired",
    ("held", "rescind"): "rescinded",
    ("held", "cancel"): "cancelled",
    ("queued", "accept"): "accepted",
    ("queued", "expire"): "expired",
    ("queued", "rescind"): "rescinded",
    ("queued", "cancel"): "cancelled",
    ("offered", "accept"): "accepted",
    ("offered", "decline"): "declined",
    ("offered", "expire"): "expired",
    ("offered", "rescind"): "rescinded",
    ("offered", "cancel"): "cancelled",
    ("accepted", "join"): "joined",
    ("accepted", "release"): "released",
    ("accepted", "expire"): "expired",
    ("accepted", "rescind"): "rescinded",
    ("accepted", "cancel"): "cancelled",
    ("joined", "start"): "in_progress",
    ("joined", "release"): "released",
    ("joined", "expire"): "expired",
    ("joined", "rescind"): "rescinded",
    ("joined", "cancel"): "cancelled",
    ("joined", "end"): "ended",
    ("in_progress", "end"): "ended",
}
OVER = [S.ENDED, S.DECLINED, S.RELEASED, S.EXPIRED, S.RESCINDED, S.CANCELLED]
IN_HAND = [S.ACCEPTED, S.JOINED, S.IN_PROGRESS]


# The state machine


@pytest.mark.parametrize(("status", "move"), list(product(S, Move)))
def test_every_move_from_every_status(status: AssignmentStatus, move: Move) -> None:
    offer = an_offer(status)
    target = TABLE.get((status, move))
    if target is None:
        with pytest.raises(IllegalMove) as refused:
            rules.advance(offer, move)
        assert refused.value.members == {"reason": "illegal_move", "current_status": status}
    else:
        assert rules.advance(offer, move) == replace(offer, status=AssignmentStatus(target))


@pytest.mark.parametrize("status", OVER)
def test_what_is_over_stays_so(status: AssignmentStatus) -> None:
    assert not [move for move in Move if (status, move) in rules.TRANSITIONS]


# Open: before the deadline


def test_an_offer_is_open_up_to_but_not_at_its_deadline() -> None:
    offer = an_offer(expires_at=NOON + FIVE_MINUTES)
    assert rules.is_open(offer, NOON)
    assert rules.is_open(offer, NOON + FIVE_MINUTES - ONE_MS)
    assert not rules.is_open(offer, NOON + FIVE_MINUTES)
    assert not rules.is_open(offer, NOON + FIVE_MINUTES + ONE_MS)


def test_a_broadcast_is_open_as_long_as_the_session_is_pending() -> None:
    broadcast = a_broadcast(expires_at=NOON + HALF_AN_HOUR)
    assert rules.is_open(broadcast, NOON)
    assert rules.is_open(broadcast, NOON + HALF_AN_HOUR - ONE_MS)
    assert not rules.is_open(broadcast, NOON + HALF_AN_HOUR)


def test_a_broadcast_of_an_earlier_release_has_no_deadline() -> None:
    assert rules.is_open(a_broadcast(expires_at=None), NOON + timedelta(days=365))


@pytest.mark.parametrize("status", [*IN_HAND, *OVER])
def test_what_was_answered_is_not_open(status: AssignmentStatus) -> None:
    assert not rules.is_open(an_offer(status), NOON)
    assert not rules.is_open(a_broadcast(status), NOON)
    assert not rules.is_open(replace(a_held_broadcast(), status=status), NOON + TWO_MINUTES)


def test_a_held_broadcast_opens_at_its_instant_timer_or_no_timer() -> None:
    held = a_held_broadcast(opens_at=NOON + TWO_MINUTES)
    for now, opens in [
        (NOON, False),
        (NOON + TWO_MINUTES - ONE_MS, False),
        (NOON + TWO_MINUTES, True),
        (NOON + HALF_AN_HOUR - ONE_MS, True),
    ]:
        assert rules.is_open(held, now) is opens
        assert rules.is_held(held, now) is not opens


def test_a_broadcast_that_was_held_all_the_period_does_not_open_after_it() -> None:
    held = a_held_broadcast(opens_at=NOON + TWO_MINUTES, expires_at=NOON + TWO_MINUTES)
    assert not rules.is_open(held, NOON + TWO_MINUTES)
    assert not rules.is_held(held, NOON + TWO_MINUTES)


def test_a_row_is_read_as_time_makes_it() -> None:
    held = a_held_broadcast(opens_at=NOON + TWO_MINUTES)
    assert rules.as_of(held, NOON + TWO_MINUTES - ONE_MS) is held
    assert rules.as_of(held, NOON + TWO_MINUTES) == replace(held, status=S.QUEUED)


@pytest.mark.parametrize("status", [s for s in S if s is not S.HELD])
def test_time_alone_makes_nothing_else_of_a_row(status: AssignmentStatus) -> None:
    for row in (an_offer(status), a_broadcast(status)):
        assert rules.as_of(row, NOON + ONE_HOUR) is row


def test_an_opening_means_nothing_to_a_row_that_is_not_held() -> None:
    queued = a_broadcast(opens_at=NOON + TWO_MINUTES)
    assert rules.is_open(queued, NOON)
    assert not rules.is_held(queued, NOON)


def test_the_dispatch_knows_the_same_deadline() -> None:
    early = an_open_offer(MECHANIC, expires_at=NOON + FIVE_MINUTES)
    late = an_open_offer(RIVAL, expires_at=NOON + 2 * FIVE_MINUTES)
    dispatch = a_dispatch(offers=(early, late))
    for now, is_over in [
        (NOON, ()),
        (NOON + FIVE_MINUTES - ONE_MS, ()),
        (NOON + FIVE_MINUTES, (early,)),
        (NOON + 2 * FIVE_MINUTES, (early, late)),
    ]:
        assert rules.overdue_offers(dispatch, now) == is_over
        assert set(rules.open_offers(dispatch, now)) == {early, late} - set(is_over)


def test_what_ends_with_the_period_is_not_overdue_but_its_ends_to_close() -> None:
    early = an_open_offer(MECHANIC, expires_at=NOON + HALF_AN_HOUR - ONE_MS)
    last = an_open_offer(RIVAL, expires_at=NOON + HALF_AN_HOUR)
    dispatch = a_dispatch(offers=(early, last), pending_until=NOON + HALF_AN_HOUR)
    assert rules.open_offers(dispatch, NOON + HALF_AN_HOUR) == ()
    assert rules.overdue_offers(dispatch, NOON + HALF_AN_HOUR) == (early,)
    assert rules.due_at(replace(dispatch, offers=(last,))) == NOON + HALF_AN_HOUR


# Who may act, and on what


def test_an_offer_is_its_mechanics_alone_a_broadcast_everybodys() -> None:
    assert rules.may_act_on(an_offer(mechanic_id=MECHANIC), MECHANIC)
    assert not rules.may_act_on(an_offer(mechanic_id=MECHANIC), RIVAL)
    assert rules.may_act_on(a_broadcast(), RIVAL)
    assert rules.may_act_on(a_broadcast(S.ACCEPTED, mechanic_id=MECHANIC), RIVAL)


@pytest.mark.parametrize("status", S)
def test_a_winners_repeat_is_told_from_a_losers(status: AssignmentStatus) -> None:
    row = a_broadcast(status, mechanic_id=MECHANIC)
    assert rules.is_winners_repeat(row, MECHANIC) is (status in [*IN_HAND, S.ENDED])
    assert not rules.is_winners_repeat(row, RIVAL)


# Accept: the first reason that holds


def why_not(
    dispatch: Dispatch,
    row: Assignment,
    mechanic_id: str = MECHANIC,
    *,
    is_cancelled: bool = False,
    is_unfilled: bool = False,
    now: datetime = NOON,
) -> str | None:
    return rules.why_not_acceptable(
        dispatch,
        row,
        mechanic_id,
        is_cancelled=is_cancelled,
        is_unfilled=is_unfilled,
        now=now,
    )


def test_an_open_offer_and_an_open_broadcast_can_be_accepted() -> None:
    assert why_not(a_dispatch(), an_offer()) is None
    assert why_not(a_dispatch(), a_broadcast()) is None


def test_an_offer_can_be_accepted_up_to_but_not_at_its_deadline() -> None:
    offer = an_offer(expires_at=NOON + FIVE_MINUTES)
    assert why_not(a_dispatch(), offer, now=NOON + FIVE_MINUTES - ONE_MS) is None
    assert why_not(a_dispatch(), offer, now=NOON + FIVE_MINUTES) == "expired"


def test_a_broadcast_can_be_accepted_up_to_but_not_at_the_end_of_the_period() -> None:
    assert why_not(a_dispatch(), a_broadcast(), now=NOON + HALF_AN_HOUR - ONE_MS) is None
    assert why_not(a_dispatch(), a_broadcast(), now=NOON + HALF_AN_HOUR) == "expired"


def test_a_held_broadcast_can_be_accepted_from_its_opening_on() -> None:
    held = a_held_broadcast(opens_at=NOON + TWO_MINUTES)
    assert why_not(a_dispatch(), held, RIVAL, now=NOON + TWO_MINUTES - ONE_MS) == "not_eligible"
    assert why_not(a_dispatch(), held, RIVAL, now=NOON + TWO_MINUTES) is None
    assert why_not(a_dispatch(), held, RIVAL, now=NOON + HALF_AN_HOUR) == "expired"


def test_the_session_was_cancelled() -> None:
    assert why_not(a_dispatch(is_open=False), an_offer(), is_cancelled=True) == "cancelled"


def test_another_has_taken_the_session() -> None:
    assert why_not(a_dispatch(is_open=False), an_offer(S.RESCINDED)) == "taken"


@pytest.mark.parametrize("row", [an_offer(S.EXPIRED), a_broadcast(S.EXPIRED), an_offer()])
def test_nobody_has_taken_an_unfilled_session(row: Assignment) -> None:
    assert why_not(a_dispatch(is_open=False), row, is_unfilled=True) == "expired"


@pytest.mark.parametrize("status", [S.DECLINED, S.EXPIRED, S.RELEASED])
def test_my_offer_is_over(status: AssignmentStatus) -> None:
    assert why_not(a_dispatch(), an_offer(status)) == "expired"


def test_a_broadcast_is_over_for_who_declined_it_and_for_nobody_else() -> None:
    broadcast = a_broadcast(declined_by=frozenset({MECHANIC}))
    assert why_not(a_dispatch(), broadcast, MECHANIC) == "expired"
    assert why_not(a_dispatch(), broadcast, RIVAL) is None


def test_a_held_broadcast_is_over_for_who_declined() -> None:
    held = a_held_broadcast(declined_by=frozenset({MECHANIC}))
    assert why_not(a_dispatch(), held, MECHANIC) == "expired"
    assert why_not(a_dispatch(), held, RIVAL) == "not_eligible"


def test_who_is_excluded_may_not_have_it() -> None:
    dispatch = a_dispatch(excluded=(CUSTOMER, MECHANIC))
    assert why_not(dispatch, a_broadcast(), MECHANIC) == "not_eligible"
    assert why_not(dispatch, a_broadcast(), CUSTOMER) == "not_eligible"
    assert why_not(dispatch, a_broadcast(), RIVAL) is None


def test_of_several_reasons_the_first_is_told() -> None:
    """Each circumstance is taken away in turn: what is left names the next reason."""
    over, excluded = an_offer(S.EXPIRED), (MECHANIC,)
    shut, open_ = a_dispatch(is_open=False, excluded=excluded), a_dispatch(excluded=excluded)
    assert [
        why_not(shut, over, is_cancelled=True),
        why_not(shut, over),
        why_not(open_, over),
        why_not(open_, an_offer()),
        why_not(a_dispatch(), an_offer()),
    ] == ["cancelled", "taken", "expired", "not_eligible", None]


def test_unfilled_and_declined_come_before_excluded_and_held() -> None:
    shut = a_dispatch(is_open=False, excluded=(MECHANIC,))
    open_ = a_dispatch(excluded=(MECHANIC,))
    declined = a_held_broadcast(declined_by=frozenset({MECHANIC}))
    assert [
        why_not(shut, declined, is_unfilled=True),
        why_not(open_, declined),
        why_not(open_, a_held_broadcast()),
        why_not(open_, a_broadcast()),
        why_not(a_dispatch(), a_held_broadcast()),
        why_not(a_dispatch(), a_broadcast()),
    ] == ["expired", "expired", "not_eligible", "not_eligible", "not_eligible", None]


@pytest.mark.parametrize(
    "reason", ["cancelled", "taken", "expired", "not_eligible", "off_shift", "at_capacity"]
)
def test_every_reason_has_a_refusal_that_says_more(reason: str) -> None:
    refusal = rules.refused(reason)
    assert (refusal.status, refusal.reason) == (409, reason)
    assert len(refusal.detail) > len(reason)


# Decline


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (an_offer(S.CANCELLED), "cancelled"),
        (an_offer(S.RESCINDED), "taken"),
        (a_broadcast(S.ACCEPTED, mechanic_id=RIVAL), "taken"),
        (a_broadcast(S.ENDED, mechanic_id=RIVAL), "taken"),
        (an_offer(S.EXPIRED), "expired"),
        (a_broadcast(S.EXPIRED), "expired"),
        (an_offer(S.RELEASED), "expired"),
        (an_offer(), "expired"),
        (an_offer(S.ACCEPTED), "illegal_move"),
        (an_offer(S.IN_PROGRESS), "illegal_move"),
    ],
)
def test_why_there_is_nothing_left_to_decline(row: Assignment, reason: str) -> None:
    assert rules.why_not_declinable(row, MECHANIC, NOON + FIVE_MINUTES).reason == reason


def test_a_held_broadcast_is_nobodys_to_decline_until_it_opens() -> None:
    held = a_held_broadcast(opens_at=NOON + TWO_MINUTES)
    refusal = rules.why_not_declinable(held, MECHANIC, NOON + TWO_MINUTES - ONE_MS)
    assert refusal.reason == "not_eligible"


# Release


@pytest.mark.parametrize("row", [an_offer(), a_broadcast()])
def test_what_nobody_has_taken_cannot_be_given_back(row: Assignment) -> None:
    refusal = rules.why_not_releasable(row, MECHANIC, NOON)
    assert refusal.members == {"reason": "illegal_move", "current_status": row.status}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (an_offer(S.CANCELLED), "cancelled"),
        (an_offer(S.RESCINDED), "taken"),
        (a_broadcast(S.ACCEPTED, mechanic_id=RIVAL), "taken"),
        (an_offer(S.DECLINED), "expired"),
        (a_broadcast(declined_by=frozenset({MECHANIC})), "expired"),
        (an_offer(S.EXPIRED, cause=Cause.NOT_JOINED), "expired"),
        (an_offer(S.OFFERED, expires_at=NOON), "expired"),
        (a_held_broadcast(), "not_eligible"),
    ],
)
def test_why_there_is_nothing_to_give_back(row: Assignment, reason: str) -> None:
    assert rules.why_not_releasable(row, MECHANIC, NOON).reason == reason


# The dispatch: its deadlines


def test_a_dispatch_is_pending_up_to_but_not_at_the_end_of_the_period() -> None:
    dispatch = a_dispatch(pending_until=NOON + HALF_AN_HOUR)
    assert rules.is_pending(dispatch, NOON + HALF_AN_HOUR - ONE_MS)
    assert not rules.is_pending(dispatch, NOON + HALF_AN_HOUR)
    assert not rules.is_pending(replace(dispatch, is_open=False), NOON)


def test_a_dispatch_of_an_earlier_release_knows_no_end() -> None:
    dispatch = a_dispatch(pending_until=None)
    assert rules.is_pending(dispatch, NOON + timedelta(days=365))
    assert rules.offer_ends(dispatch, 300, NOON) == NOON + FIVE_MINUTES


@pytest.mark.parametrize(
    ("made", "ends"),
    [
        (NOON, NOON + FIVE_MINUTES),
        (NOON + timedelta(minutes=25), NOON + HALF_AN_HOUR),
        (NOON + timedelta(minutes=25) + ONE_MS, NOON + HALF_AN_HOUR),
        (NOON + HALF_AN_HOUR - ONE_MS, NOON + HALF_AN_HOUR),
    ],
)
def test_an_offer_ends_with_the_period_at_the_latest(made: datetime, ends: datetime) -> None:
    assert rules.offer_ends(a_dispatch(pending_until=NOON + HALF_AN_HOUR), 300, made) == ends


def test_somebody_has_to_look_when_an_offer_ends_or_there_is_something_to_seek() -> None:
    first, last = an_open_offer(MECHANIC), an_open_offer(RIVAL, expires_at=NOON + TEN_MINUTES)
    assert rules.due_at(a_dispatch()) is None
    assert rules.due_at(a_dispatch(offers=(last, first))) == NOON + FIVE_MINUTES
    assert rules.due_at(a_dispatch(seek_due_at=NOON)) == NOON
    assert rules.due_at(a_dispatch(offers=(first,), seek_due_at=NOON)) == NOON
    late = NOON + FIVE_MINUTES + ONE_MS
    assert rules.due_at(a_dispatch(offers=(first,), seek_due_at=late)) == NOON + FIVE_MINUTES


def test_nobody_has_to_look_at_a_search_that_is_over() -> None:
    dispatch = a_dispatch(is_open=False, offers=(an_open_offer(),), seek_due_at=NOON)
    assert rules.due_at(dispatch) is None


# The customer's choice


def test_a_preferred_mechanic_is_to_be_asked() -> None:
    assert rules.preferred_to_ask(a_dispatch(preferred_id=MECHANIC)) == MECHANIC
    assert rules.preferred_to_ask(a_dispatch()) is None


@pytest.mark.parametrize("in_", ["asked", "declined", "excluded"])
def test_nobody_is_asked_twice_nor_who_does_not_want_or_may_not_have_it(in_: str) -> None:
    assert rules.preferred_to_ask(a_dispatch(preferred_id=MECHANIC, **{in_: (MECHANIC,)})) is None
    assert rules.preferred_to_ask(a_dispatch(preferred_id=MECHANIC, **{in_: (RIVAL,)})) == MECHANIC


def test_a_search_begins_at_once_and_holds_the_broadcast_for_a_preferred_mechanic() -> None:
    chosen = rules.seeking(a_dispatch(preferred_id=MECHANIC), 120, NOON)
    assert (chosen.seek_due_at, chosen.opens_at) == (NOON, NOON + TWO_MINUTES)
    assert rules.broadcast_status(chosen) is S.HELD
    assert chosen.version == 1, "it is written with what made it"


def test_without_a_preferred_mechanic_the_broadcast_is_open_at_once() -> None:
    anybody = rules.seeking(a_dispatch(), 120, NOON)
    assert (anybody.seek_due_at, anybody.opens_at) == (NOON, None)
    assert rules.broadcast_status(anybody) is S.QUEUED


def test_a_broadcast_is_not_held_beyond_the_end_of_the_period() -> None:
    short = a_dispatch(preferred_id=MECHANIC, pending_until=NOON + ONE_MINUTE)
    assert rules.seeking(short, 120, NOON).opens_at == NOON + ONE_MINUTE


def test_the_preferred_mechanic_is_asked_alone_until_that_offer_ends() -> None:
    offer = a_preferred_offer(expires_at=NOON + TWO_MINUTES + ONE_SECOND)
    before = a_dispatch(
        preferred_id=MECHANIC, seek_due_at=NOON, opens_at=NOON + TWO_MINUTES, all_offline=True
    )
    asked = rules.with_preferred_asked(before, offer)
    assert (asked.offers, asked.asked) == ((offer,), (MECHANIC,))
    assert asked.opens_at == offer.expires_at, "the broadcast opens when the offer ends"
    assert (asked.matched, asked.seek_due_at, asked.all_offline) == (False, None, False)
    assert (asked.waves, asked.version) == (before.waves + 1, before.version + 1)
    assert rules.broadcast_status(asked) is S.HELD
    later = rules.with_preferred_asked(replace(before, asked=(RIVAL,)), offer)
    assert later.asked == (RIVAL, MECHANIC)
    for now, alone in [
        (NOON, True),
        (offer.expires_at - ONE_MS, True),
        (offer.expires_at, False),
    ]:
        assert rules.asks_preferred_alone(asked, now) is alone


@pytest.mark.parametrize("kind", [OfferKind.WAVE, OfferKind.CAPACITY])
def test_an_offer_of_another_kind_keeps_nobody_waiting(kind: OfferKind) -> None:
    dispatch = a_dispatch(preferred_id=MECHANIC, offers=(an_open_offer(MECHANIC, kind=kind),))
    assert not rules.asks_preferred_alone(dispatch, NOON)


Answer = Callable[[Dispatch, OpenOffer], Dispatch]
AT_ONE = NOON + ONE_MINUTE


def ending(cause: Cause) -> Answer:
    return lambda dispatch, offer: rules.with_ended(dispatch, [offer], cause, AT_ONE)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (lambda dispatch, offer: rules.with_decline(dispatch, offer, MECHANIC, AT_ONE), "declined"),
        (ending(Cause.TIMEOUT), "expired"),
        (ending(Cause.CLOCKED_OUT), "clocked_out"),
        (ending(Cause.AT_CAPACITY), "at_capacity"),
        (ending(Cause.UNDELIVERABLE), "undeliverable"),
        (ending(Cause.NOT_ELIGIBLE), "not_eligible"),
    ],
)
def test_after_the_preferred_mechanic_comes_a_whole_wave_at_once_and_the_reason_is_known(
    answer: Answer, outcome: str
) -> None:
    offer = a_preferred_offer(MECHANIC)
    asked = rules.with_preferred_asked(a_dispatch(preferred_id=MECHANIC), offer)
    after = answer(asked, offer)
    assert (after.offers, after.preferred_outcome) == ((), outcome)
    assert (after.matched, after.owed) == (False, 0), "a wave is due, not one offer"
    assert after.seek_due_at == AT_ONE
    assert rules.preferred_to_ask(after) is None
    assert rules.preferred_outcome(after, AT_ONE) == outcome
    assert after.version == asked.version + 1


def test_why_somebody_else_was_not_to_be_had_is_nothing_to_the_customer() -> None:
    offer = an_open_offer(RIVAL)
    dispatch = a_dispatch(preferred_id=MECHANIC, preferred_outcome="off_shift", offers=(offer,))
    for after in (
        rules.with_ended(dispatch, [offer], Cause.AT_CAPACITY, NOON),
        rules.with_decline(dispatch, offer, RIVAL, NOON),
    ):
        assert after.preferred_outcome == "off_shift"


def test_a_wave_tells_why_the_preferred_mechanic_was_passed_over_and_opens_the_broadcast() -> None:
    dispatch = rules.seeking(a_dispatch(preferred_id=MECHANIC), 120, NOON)
    after = wave(dispatch, an_open_offer(RIVAL), preferred_outcome="off_shift")
    assert after.preferred_outcome == "off_shift"
    assert after.opens_at is None
    assert rules.broadcast_status(after) is S.QUEUED
    assert wave(after, an_open_offer("third")).preferred_outcome == "off_shift"


def test_what_became_of_the_customers_choice() -> None:
    undecided = a_dispatch(preferred_id=MECHANIC)
    asked = rules.with_preferred_asked(undecided, a_preferred_offer(MECHANIC))
    assert rules.preferred_outcome(undecided, NOON) == "undecided"
    assert rules.preferred_outcome(asked, NOON) == "offered"
    assert rules.preferred_outcome(asked, NOON + TWO_MINUTES - ONE_MS) == "offered"
    assert rules.preferred_outcome(asked, NOON + TWO_MINUTES) == "expired"
    cut_short = replace(asked, pending_until=NOON + TWO_MINUTES)
    assert rules.preferred_outcome(cut_short, NOON + TWO_MINUTES) == "expired"
    passed_over = a_dispatch(preferred_id=MECHANIC, preferred_outcome="at_capacity")
    assert rules.preferred_outcome(passed_over, NOON) == "at_capacity"


def test_who_was_passed_over_may_be_asked_in_a_later_period_and_that_counts() -> None:
    """They were off shift when it became pending first, and are there when it does again."""
    before = a_dispatch(preferred_id=MECHANIC, preferred_outcome="off_shift", is_open=False)
    asked = rules.with_preferred_asked(reopen(before), a_preferred_offer(MECHANIC))
    assert rules.preferred_outcome(asked, NOON) == "offered"
    assert rules.preferred_outcome(asked, NOON + TWO_MINUTES) == "expired"


def test_a_choice_who_may_not_have_it_is_not_left_undecided() -> None:
    """The customer themselves, or who has had it and lost it."""
    assert rules.preferred_outcome(a_dispatch(preferred_id=CUSTOMER), NOON) == "not_eligible"
    lost = reopen(a_dispatch(preferred_id=MECHANIC, is_open=False), excluding=MECHANIC)
    assert rules.preferred_outcome(lost, NOON) == "released"


def test_a_choice_who_was_asked_in_vain_has_let_it_pass_though_another_took_it_meanwhile() -> None:
    """The broadcast opens by time: somebody may be quicker than what writes the expiry down."""
    asked = rules.with_preferred_asked(
        a_dispatch(preferred_id=MECHANIC), a_preferred_offer(MECHANIC)
    )
    taken = rules.closed(asked)
    assert rules.preferred_outcome(taken, NOON + TWO_MINUTES) == "expired"
    again = reopen(taken, excluding=RIVAL, now=NOON + FIVE_MINUTES)
    assert rules.preferred_outcome(again, NOON + FIVE_MINUTES) == "expired"


def test_a_choice_who_declined_the_broadcast_has_declined() -> None:
    declined = rules.with_decline(a_dispatch(preferred_id=MECHANIC), None, MECHANIC, NOON)
    assert rules.preferred_outcome(declined, NOON) == "declined"


# Waves


def wave(
    dispatch: Dispatch,
    *offers: OpenOffer,
    wanted: int = 3,
    now: datetime = NOON,
    preferred_outcome: str | None = None,
    announced: bool = False,
    all_offline: bool = False,
) -> Dispatch:
    return rules.with_wave(
        dispatch,
        offers,
        now,
        wanted=wanted,
        preferred_outcome=preferred_outcome,
        announced=announced,
        all_offline=all_offline,
    )


def test_a_wave_remembers_whom_it_asked() -> None:
    first, second = an_open_offer(MECHANIC), an_open_offer(RIVAL)
    dispatch = wave(a_dispatch(), first)
    assert (dispatch.matched, dispatch.announced, dispatch.waves) == (True, False, 1)
    dispatch = wave(dispatch, second)
    assert (dispatch.offers, dispatch.asked) == ((first, second), (MECHANIC, RIVAL))
    assert (dispatch.waves, dispatch.version) == (2, 3)


def test_a_wave_tells_nothing_unless_it_is_said() -> None:
    dispatch = rules.with_wave(a_dispatch(), (), NOON, wanted=3)
    assert (dispatch.announced, dispatch.all_offline) == (False, False)
    assert dispatch.preferred_outcome is None


def test_a_wave_does_what_was_due() -> None:
    dispatch = wave(a_dispatch(seek_due_at=NOON, owed=2), an_open_offer())
    assert (dispatch.seek_due_at, dispatch.owed) == (None, 0)


def test_a_wave_of_nobody_is_none_and_yet_the_search_has_been_made() -> None:
    dispatch = wave(a_dispatch(seek_due_at=NOON))
    assert (dispatch.matched, dispatch.waves, dispatch.asked) == (True, 0, ())
    assert dispatch.seek_due_at is None


def test_the_broadcast_is_pushed_once_per_period() -> None:
    assert not wave(a_dispatch()).announced
    assert wave(a_dispatch(), announced=True).announced
    assert wave(a_dispatch(announced=True), announced=False).announced
    assert not reopen(a_dispatch(announced=True, is_open=False)).announced


def test_that_all_are_offline_is_true_only_until_somebody_is_asked() -> None:
    dark = wave(a_dispatch(), all_offline=True)
    assert dark.all_offline
    assert not wave(dark).all_offline
    assert not rules.with_capacity(dark, an_open_offer(kind=OfferKind.CAPACITY)).all_offline
    assert not reopen(rules.closed(dark)).all_offline


@pytest.mark.parametrize(("found", "short"), [(3, 0), (2, 1), (1, 2), (0, 0)])
def test_a_first_wave_may_fall_short(found: int, short: int) -> None:
    """Of nobody is not short: who comes will be new capacity."""
    people = [an_open_offer(f"mechanic-{n}") for n in range(found)]
    dispatch = wave(a_dispatch(), *people, wanted=3, now=NOON + ONE_MINUTE)
    assert (dispatch.short, dispatch.wave_at) == (short, NOON + ONE_MINUTE)


def test_a_later_wave_is_not_short_itself_and_leaves_whom_the_first_may_have_missed() -> None:
    full = wave(a_dispatch(), an_open_offer(MECHANIC), wanted=1)
    assert wave(full, an_open_offer(RIVAL), wanted=2).short == 0
    short = wave(a_dispatch(), an_open_offer(MECHANIC), wanted=3)
    later = wave(short, an_open_offer(RIVAL), wanted=1, now=NOON + ONE_MINUTE)
    assert (later.short, later.wave_at) == (2, NOON), "the instant is the first wave's"
    assert wave(short, wanted=1).short == 2


def test_who_was_missed_by_a_wave_is_asked_once() -> None:
    first, missed = an_open_offer(MECHANIC), an_open_offer(RIVAL)
    dispatch = wave(a_dispatch(), first)
    assert dispatch.short == 2
    topped_up = rules.with_top_up(dispatch, [missed])
    assert (topped_up.offers, topped_up.asked) == ((first, missed), (MECHANIC, RIVAL))
    assert topped_up.short == 0
    assert (topped_up.waves, topped_up.version) == (2, dispatch.version + 1)


def test_to_miss_nobody_is_no_wave() -> None:
    dispatch = wave(a_dispatch(), an_open_offer())
    topped_up = rules.with_top_up(dispatch, [])
    assert topped_up == replace(dispatch, short=0, version=dispatch.version + 1)


@pytest.mark.parametrize(
    ("waiting_since", "was_there"),
    [(NOON - ONE_MS, True), (NOON, False), (NOON + ONE_MS, False), (None, False)],
)
def test_a_wave_missed_only_who_was_free_before_it(
    waiting_since: datetime | None, was_there: bool
) -> None:
    assert rules.was_waiting(Duty(on_shift=True, waiting_since=waiting_since), NOON) is was_there


# The ends of offers, and passing on


@pytest.mark.parametrize(
    ("cause", "owed"),
    [
        (Cause.TIMEOUT, 0),
        (Cause.CLOCKED_OUT, 1),
        (Cause.AT_CAPACITY, 1),
        (Cause.UNDELIVERABLE, 1),
        (Cause.NOT_ELIGIBLE, 1),
    ],
)
@pytest.mark.parametrize("kind", [OfferKind.WAVE, OfferKind.CAPACITY])
def test_an_offer_that_ends_early_passes_on_at_once_one_whose_time_is_up_does_not(
    cause: Cause, owed: int, kind: OfferKind
) -> None:
    mine, rivals = an_open_offer(MECHANIC, kind=kind), an_open_offer(RIVAL)
    dispatch = a_dispatch(offers=(mine, rivals), asked=(MECHANIC, RIVAL), matched=True)
    after = rules.with_ended(dispatch, [mine], cause, NOON)
    assert after.offers == (rivals,)
    assert after.owed == owed
    assert after.seek_due_at == NOON
    assert after.version == dispatch.version + 1


def test_offers_that_end_together_each_pass_on() -> None:
    mine, rivals = an_open_offer(MECHANIC), an_open_offer(RIVAL)
    dispatch = a_dispatch(offers=(mine, rivals), owed=1)
    assert rules.with_ended(dispatch, [mine, rivals], Cause.CLOCKED_OUT, NOON).owed == 3


def test_offers_that_have_ended_are_forgotten_those_asked_are_not() -> None:
    mine, rivals = an_open_offer(MECHANIC), an_open_offer(RIVAL)
    dispatch = a_dispatch(offers=(mine, rivals), asked=(MECHANIC, RIVAL))
    rest = rules.with_ended(dispatch, [mine], Cause.TIMEOUT, NOON)
    assert rest.offers == (rivals,)
    assert rest.asked == (MECHANIC, RIVAL)


def test_a_decline_ends_the_offer_and_passes_it_on() -> None:
    mine, rivals = an_open_offer(MECHANIC), an_open_offer(RIVAL)
    dispatch = rules.with_decline(a_dispatch(offers=(mine, rivals)), mine, MECHANIC, NOON)
    assert (dispatch.offers, dispatch.declined) == ((rivals,), (MECHANIC,))
    assert (dispatch.owed, dispatch.seek_due_at) == (1, NOON)
    assert dispatch.version == 2


def test_declines_are_remembered_in_later_periods() -> None:
    declined = rules.with_decline(a_dispatch(), an_open_offer(), MECHANIC, NOON)
    twice = rules.with_decline(declined, None, RIVAL, NOON)
    assert reopen(rules.closed(twice)).declined == (MECHANIC, RIVAL)


def test_a_decline_of_the_broadcast_leaves_the_offers_of_others_and_seeks_nobody() -> None:
    dispatch = a_dispatch(offers=(an_open_offer(RIVAL),))
    after = rules.with_decline(dispatch, None, MECHANIC, NOON)
    assert (after.offers, after.declined) == (dispatch.offers, (MECHANIC,))
    assert (after.owed, after.seek_due_at) == (0, None)
    due = replace(dispatch, seek_due_at=NOON)
    assert rules.with_decline(due, None, MECHANIC, AT_ONE).seek_due_at == NOON


def test_a_closed_dispatch_has_no_offers_and_nothing_to_do() -> None:
    busy = a_dispatch(
        offers=(an_open_offer(),),
        asked=(MECHANIC,),
        owed=1,
        short=1,
        seek_due_at=NOON,
        opens_at=NOON + TWO_MINUTES,
    )
    closed = rules.closed(busy)
    assert (closed.is_open, closed.offers, closed.asked) == (False, (), (MECHANIC,))
    assert (closed.owed, closed.short, closed.seek_due_at, closed.opens_at) == (0, 0, None, None)
    assert closed.version == busy.version + 1


def reopen(
    dispatch: Dispatch,
    *,
    excluding: str = RIVAL,
    now: datetime = NOON,
    until: datetime = NOON + HALF_AN_HOUR,
) -> Dispatch:
    return rules.reopened(
        dispatch,
        period=2,
        broadcast_id="second",
        excluding=excluding,
        preferred_s=120,
        now=now,
        until=until,
    )


def test_a_new_period_begins_afresh_without_the_mechanic_who_gave_it_back() -> None:
    before = a_dispatch(is_open=False, matched=True, announced=True, waves=1, asked=(MECHANIC,))
    again = reopen(before, excluding=MECHANIC, now=NOON + ONE_MINUTE, until=NOON + TEN_MINUTES)
    assert (again.is_open, again.matched, again.announced) == (True, False, False)
    assert (again.period, again.broadcast_id) == (2, "second")
    assert (again.pending_since, again.pending_until) == (NOON + ONE_MINUTE, NOON + TEN_MINUTES)
    assert again.seek_due_at == NOON + ONE_MINUTE
    assert again.excluded == (CUSTOMER, MECHANIC)
    assert again.asked == (MECHANIC,), "nobody is asked twice for one session"
    assert again.version == before.version + 1


def test_in_a_new_period_a_preferred_mechanic_who_was_not_asked_comes_first_again() -> None:
    before = a_dispatch(is_open=False, preferred_id=MECHANIC)
    assert reopen(before, now=AT_ONE).opens_at == AT_ONE + TWO_MINUTES
    assert reopen(before, excluding=MECHANIC).opens_at is None
    assert reopen(replace(before, asked=(MECHANIC,))).opens_at is None


# Who can no longer accept


CLOCKED_IN = NOON - ONE_HOUR


def on_shift_since(at: datetime | None) -> Mechanic:
    return replace(a_mechanic(FREE), clocked_in_at=at)


@pytest.mark.parametrize(
    ("why_not", "cause"),
    [
        (None, None),
        (Unavailable.NOT_ELIGIBLE, Cause.NOT_ELIGIBLE),
        (Unavailable.OFF_SHIFT, Cause.CLOCKED_OUT),
        (Unavailable.AT_CAPACITY, Cause.AT_CAPACITY),
    ],
)
def test_an_offer_is_untenable_for_who_is_not_available(
    why_not: Unavailable | None, cause: Cause | None
) -> None:
    found = rules.why_untenable(an_open_offer(), on_shift_since(CLOCKED_IN), why_not)
    assert found is cause


def test_every_reason_not_to_be_available_makes_an_offer_untenable() -> None:
    for why_not in Unavailable:
        assert rules.why_untenable(an_open_offer(), on_shift_since(CLOCKED_IN), why_not)


def test_an_offer_to_nobody_is_untenable() -> None:
    assert rules.why_untenable(an_open_offer(), None, None) is Cause.NOT_ELIGIBLE


@pytest.mark.parametrize(
    ("clocked_in_at", "cause"),
    [
        (NOON - ONE_MS, None),
        (NOON, None),
        (NOON + ONE_MS, Cause.CLOCKED_OUT),
        (None, None),
    ],
)
def test_who_has_clocked_out_since_is_not_waited_for_though_they_are_back(
    clocked_in_at: datetime | None, cause: Cause | None
) -> None:
    offer = an_open_offer(offered_at=NOON)
    assert rules.why_untenable(offer, on_shift_since(clocked_in_at), None) is cause


def test_that_somebody_is_away_is_told_as_they_are_now() -> None:
    offer = an_open_offer(offered_at=NOON)
    away = replace(a_mechanic(OFF), clocked_in_at=NOON + ONE_MS)
    assert rules.why_untenable(offer, away, Unavailable.AT_CAPACITY) is Cause.AT_CAPACITY


# New capacity


SEARCHED = a_dispatch(matched=True)


def may_have(dispatch: Dispatch, now: datetime = NOON) -> bool:
    may_be_offered = rules.may_be_offered_capacity(dispatch, now)
    return may_be_offered and rules.may_ask(dispatch, MECHANIC)


def test_new_capacity_goes_to_a_session_without_open_offers() -> None:
    assert may_have(SEARCHED)
    waiting = replace(SEARCHED, offers=(an_open_offer(RIVAL),))
    assert not may_have(waiting)
    assert not may_have(waiting, NOON + FIVE_MINUTES - ONE_MS)
    assert may_have(waiting, NOON + FIVE_MINUTES), "an overdue offer is none"


@pytest.mark.parametrize("in_", ["asked", "declined", "excluded"])
def test_new_capacity_is_not_offered_to_who_was_asked_or_may_not_have_it(in_: str) -> None:
    assert not may_have(a_dispatch(matched=True, **{in_: (MECHANIC,)}))
    assert may_have(a_dispatch(matched=True, **{in_: (RIVAL,)}))


def test_a_session_that_will_ask_by_itself_is_left_to_it() -> None:
    assert not may_have(replace(SEARCHED, matched=False)), "its first wave is still to come"
    assert not may_have(replace(SEARCHED, owed=1)), "an offer is being passed on"


@pytest.mark.parametrize(
    ("dispatch", "sought"),
    [
        (replace(SEARCHED, matched=False), True),
        (replace(SEARCHED, owed=1), True),
        (SEARCHED, False),
        (replace(SEARCHED, matched=False, is_open=False), False),
    ],
)
def test_a_session_is_sought_for_until_its_first_wave_and_while_offers_pass_on(
    dispatch: Dispatch, sought: bool
) -> None:
    assert rules.is_sought(dispatch, NOON) is sought
    assert not rules.is_sought(dispatch, NOON + HALF_AN_HOUR)


def test_new_capacity_is_no_use_to_a_session_that_is_not_pending() -> None:
    assert not may_have(replace(SEARCHED, is_open=False))
    assert may_have(SEARCHED, NOON + HALF_AN_HOUR - ONE_MS)
    assert not may_have(SEARCHED, NOON + HALF_AN_HOUR)


def test_new_capacity_is_remembered_as_asked() -> None:
    offer = an_open_offer(MECHANIC, kind=OfferKind.CAPACITY)
    before = replace(SEARCHED, asked=(RIVAL,), waves=1)
    after = rules.with_capacity(before, offer)
    assert (after.offers, after.asked) == ((offer,), (RIVAL, MECHANIC))
    assert (after.waves, after.version) == (2, before.version + 1)
    assert after.matched


def test_an_overdue_offer_is_remembered_beside_new_capacity_until_its_end_is_written() -> None:
    overdue = an_open_offer(RIVAL)
    offer = an_open_offer(MECHANIC, kind=OfferKind.CAPACITY, expires_at=NOON + TEN_MINUTES)
    after = rules.with_capacity(replace(SEARCHED, offers=(overdue,)), offer)
    assert after.offers == (overdue, offer)
    assert rules.overdue_offers(after, NOON + FIVE_MINUTES) == (overdue,)


# Statistics of a shift


SINCE, UNTIL = NOON, NOON + 8 * ONE_HOUR


def counted(*rows: Assignment) -> Tally:
    return rules.tally(rows, SINCE, UNTIL)


def taken(
    row: Assignment, minutes: int = 15, *, at: datetime = NOON, no_show: bool = False
) -> Assignment:
    return replace(row, accepted_at=at, brief=a_brief(minutes=minutes), no_show=no_show)


def test_a_shift_without_offers() -> None:
    assert counted() == Tally(0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("row", "tally"),
    [
        (an_offer(), Tally(offers_received=1)),
        (an_offer(S.DECLINED), Tally(offers_received=1, offers_declined=1)),
        (an_offer(S.EXPIRED, missed=True), Tally(offers_received=1, offers_missed=1)),
        (an_offer(S.EXPIRED, cause=Cause.TIMEOUT), Tally(offers_received=1)),
        (an_offer(S.EXPIRED, cause=Cause.CLOCKED_OUT), Tally(offers_received=1)),
        (an_offer(S.RESCINDED), Tally(offers_received=1)),
        (an_offer(S.CANCELLED), Tally(offers_received=1)),
        *(
            (taken(an_offer(status)), Tally(offers_received=1, offers_accepted=1))
            for status in (*IN_HAND, S.RELEASED, S.EXPIRED, S.CANCELLED)
        ),
    ],
    ids=lambda value: value.status if isinstance(value, Assignment) else "",
)
def test_what_came_of_an_offer(row: Assignment, tally: Tally) -> None:
    assert counted(row) == tally


@pytest.mark.parametrize(
    ("minutes", "micro", "full"), [(15, 1, 0), (16, 0, 1), (30, 0, 1), (60, 0, 1), (5, 1, 0)]
)
def test_a_completed_session_is_micro_up_to_fifteen_minutes_else_full(
    minutes: int, micro: int, full: int
) -> None:
    tally = counted(taken(an_offer(S.ENDED), minutes))
    assert (tally.micro_sessions, tally.full_sessions) == (micro, full)
    assert tally.offers_accepted == 1


def test_a_customer_who_did_not_come_makes_no_session() -> None:
    tally = counted(taken(an_offer(S.ENDED), no_show=True))
    assert tally == Tally(offers_received=1, offers_accepted=1)


@pytest.mark.parametrize("status", [s for s in S if s is not S.ENDED])
def test_only_what_ended_counts_as_a_session(status: AssignmentStatus) -> None:
    tally = counted(taken(an_offer(status)))
    assert (tally.micro_sessions, tally.full_sessions) == (0, 0)


def test_a_broadcast_that_was_taken_counts_as_a_session_and_not_as_an_offer() -> None:
    broadcast = taken(a_broadcast(S.ENDED, mechanic_id=MECHANIC))
    assert counted(broadcast) == Tally(micro_sessions=1)
    older = replace(broadcast, offered_at=SINCE - HALF_AN_HOUR)
    assert counted(older) == Tally(micro_sessions=1), "its accept counts, not its beginning"


def test_a_shift_counts_what_was_offered_within_it() -> None:
    for offered_at, received in [
        (SINCE - ONE_MS, 0),
        (SINCE, 1),
        (UNTIL, 1),
        (UNTIL + ONE_MS, 0),
    ]:
        row = an_offer(S.DECLINED, offered_at=offered_at)
        assert counted(row) == Tally(offers_received=received, offers_declined=received)


def test_a_shift_counts_what_was_accepted_within_it() -> None:
    for accepted_at, sessions in [
        (SINCE - ONE_MS, 0),
        (SINCE, 1),
        (UNTIL, 1),
        (UNTIL + ONE_MS, 0),
    ]:
        row = taken(a_broadcast(S.ENDED, mechanic_id=MECHANIC), at=accepted_at)
        assert counted(row) == Tally(micro_sessions=sessions)


def test_a_shift_is_the_sum_of_its_rows() -> None:
    rows = [
        an_offer(S.DECLINED),
        an_offer(S.EXPIRED, missed=True),
        an_offer(S.EXPIRED, missed=True),
        taken(an_offer(S.ENDED), 15),
        taken(an_offer(S.ENDED), 45),
        taken(a_broadcast(S.ENDED, mechanic_id=MECHANIC), 60),
    ]
    assert counted(*rows) == Tally(
        offers_received=5,
        offers_accepted=2,
        offers_declined=1,
        offers_missed=2,
        micro_sessions=1,
        full_sessions=2,
    )


# Queues


def sees(
    broadcast: Assignment,
    *,
    sessions_offered: frozenset[str] = frozenset(),
    now: datetime = NOON,
) -> bool:
    return rules.may_see_broadcast(broadcast, MECHANIC, sessions_offered=sessions_offered, now=now)


def test_an_open_broadcast_is_seen() -> None:
    assert sees(a_broadcast())


def test_up_to_but_not_at_the_end_of_the_period() -> None:
    assert sees(a_broadcast(), now=NOON + HALF_AN_HOUR - ONE_MS)
    assert not sees(a_broadcast(), now=NOON + HALF_AN_HOUR)


def test_a_held_broadcast_is_hidden_until_it_opens() -> None:
    assert not sees(a_held_broadcast(), now=NOON + TWO_MINUTES - ONE_MS)
    assert sees(a_held_broadcast(), now=NOON + TWO_MINUTES)


def test_a_miss_does_not_hide_it() -> None:
    """What was missed is not held by the mechanic any more, whether or not it was written down."""
    for missed in (an_offer(), an_offer(S.EXPIRED, cause=Cause.TIMEOUT, missed=True)):
        assert not rules.is_open(missed, NOON + FIVE_MINUTES)
        assert missed.status not in rules.WON
    assert sees(a_broadcast(), now=NOON + FIVE_MINUTES)


def test_not_while_holding_an_offer_for_that_session() -> None:
    assert not sees(a_broadcast(), sessions_offered=frozenset({SESSION}))
    assert sees(a_broadcast(), sessions_offered=frozenset({"another"}))


def test_not_after_declining_it() -> None:
    assert not sees(a_broadcast(declined_by=frozenset({MECHANIC})))
    assert sees(a_broadcast(declined_by=frozenset({RIVAL})))


def test_not_when_excluded() -> None:
    assert not sees(a_broadcast(excluded=frozenset({MECHANIC})))


@pytest.mark.parametrize("status", [s for s in S if s not in rules.OPEN])
def test_not_when_it_is_no_longer_open(status: AssignmentStatus) -> None:
    assert not sees(a_broadcast(status))


def test_an_offer_is_not_a_broadcast() -> None:
    assert not sees(an_offer(S.QUEUED))


IN_ORDER = [
    an_offer(id="preferred", priority=Priority.HIGH, match=a_match(100)),
    an_offer(id="urgent", brief=a_brief(urgent=True), match=a_match(80)),
    an_offer(id="urgent-broadcast", brief=a_brief(urgent=True), match=None),
    an_offer(id="best", match=a_match(149)),
    an_offer(id="older", match=a_match(120), brief=a_brief(created_at=NOON - ONE_MINUTE)),
    an_offer(id="newer", match=a_match(120), brief=a_brief(created_at=NOON)),
    a_broadcast(id="unscored"),
    an_offer(id="low", priority=Priority.LOW, brief=a_brief(urgent=True), match=a_match(300)),
]


def test_a_queue_is_sorted_by_priority_then_urgency_then_score_then_age() -> None:
    keys = [rules.queue_order(row) for row in IN_ORDER]
    assert all(first < second for first, second in combinations(keys, 2))


@pytest.mark.parametrize(
    ("row", "session"),
    [
        (S.HELD, "pending"),
        (S.QUEUED, "pending"),
        (S.OFFERED, "pending"),
        (S.ACCEPTED, "waiting"),
        (S.JOINED, "waiting"),
        (S.IN_PROGRESS, "live"),
    ],
)
def test_a_row_tells_where_its_session_stands(row: AssignmentStatus, session: str) -> None:
    assert rules.session_status(row) == session


def test_off_shift_it_is_not_worth_polling_soon() -> None:
    assert rules.poll_after_s(on_shift=True) < rules.poll_after_s(on_shift=False)


# Any history of a dispatch

CAUSES = [c for c in Cause if c not in (Cause.TIMEOUT, Cause.NOT_JOINED, Cause.UNFILLED)]


class AnyDispatch(RuleBasedStateMachine):
    """Random searches, answers, ends, accepts and releases: what holds in every dispatch."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.people = iter(f"mechanic-{n}" for n in range(1_000))
        self.dispatch = a_dispatch()

    @initialize(has_choice=st.booleans())
    def the_session_becomes_pending(self, has_choice: bool) -> None:
        preferred = next(self.people) if has_choice else None
        self.dispatch = rules.seeking(a_dispatch(preferred_id=preferred), 120, self.now)

    @rule(seconds=st.sampled_from([1, 119, 120, 300, 300, 600]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        if self.dispatch.is_open and not rules.is_pending(self.dispatch, self.now):
            self._becomes(rules.closed(self.dispatch))

    # The search

    @precondition(lambda self: self.dispatch.is_open and self.dispatch.seek_due_at is not None)
    @rule(free=st.integers(0, 4), choice_is_free=st.booleans())
    def what_is_due_is_sought(self, free: int, choice_is_free: bool) -> None:
        dispatch = self.dispatch
        chosen = rules.preferred_to_ask(dispatch)
        if dispatch.matched:
            self._wave(free, wanted=dispatch.owed)
        elif chosen and choice_is_free:
            offer = self._offer(chosen, OfferKind.PREFERRED, lasting_s=120)
            self._becomes(rules.with_preferred_asked(dispatch, offer))
        else:
            assert not rules.asks_preferred_alone(dispatch, self.now)
            self._wave(free, wanted=3, passed_over="off_shift" if chosen else None)

    def _wave(self, free: int, *, wanted: int, passed_over: str | None = None) -> None:
        offers = [self._offer(next(self.people)) for _ in range(min(free, wanted))]
        still_open = rules.open_offers(self.dispatch, self.now)
        self._becomes(
            wave(
                self.dispatch,
                *offers,
                wanted=wanted,
                now=self.now,
                preferred_outcome=passed_over,
                announced=not offers and not still_open,
            )
        )
        assert self.dispatch.seek_due_at is None

    def _offer(self, to: str, kind: OfferKind = OfferKind.WAVE, lasting_s: int = 300) -> OpenOffer:
        expires_at = rules.offer_ends(self.dispatch, lasting_s, self.now)
        return an_open_offer(to, offered_at=self.now, expires_at=expires_at, kind=kind)

    @precondition(lambda self: self.dispatch.short > 0)
    @rule(missed=st.integers(0, 3))
    def a_wave_is_topped_up(self, missed: int) -> None:
        missed = min(missed, self.dispatch.short)
        offers = [self._offer(next(self.people)) for _ in range(missed)]
        self._becomes(rules.with_top_up(self.dispatch, offers))

    @rule()
    def somebody_comes_on_shift(self) -> None:
        newcomer = next(self.people)
        if rules.may_be_offered_capacity(self.dispatch, self.now):
            offer = self._offer(newcomer, OfferKind.CAPACITY)
            self._becomes(rules.with_capacity(self.dispatch, offer))

    # Answers, and none

    @precondition(lambda self: bool(rules.overdue_offers(self.dispatch, self.now)))
    @rule()
    def the_overdue_expire(self) -> None:
        overdue = rules.overdue_offers(self.dispatch, self.now)
        still_open = rules.open_offers(self.dispatch, self.now)
        assert {*overdue, *still_open} == {*self.dispatch.offers}
        owed = self.dispatch.owed
        self._becomes(rules.with_ended(self.dispatch, overdue, Cause.TIMEOUT, self.now))
        assert self.dispatch.offers == still_open
        assert self.dispatch.owed == owed

    @precondition(lambda self: bool(self.dispatch.offers))
    @rule(data=st.data(), cause=st.sampled_from(CAUSES))
    def one_can_no_longer_accept(self, data: st.DataObject, cause: Cause) -> None:
        gone = data.draw(st.sampled_from(self.dispatch.offers))
        self._becomes(rules.with_ended(self.dispatch, [gone], cause, self.now))
        assert gone not in self.dispatch.offers
        assert self.dispatch.seek_due_at == self.now

    @precondition(lambda self: bool(self.dispatch.offers))
    @rule(data=st.data())
    def one_declines(self, data: st.DataObject) -> None:
        declined = data.draw(st.sampled_from(self.dispatch.offers))
        by = declined.mechanic_id
        self._becomes(rules.with_decline(self.dispatch, declined, by, self.now))
        assert declined not in self.dispatch.offers
        assert by in self.dispatch.declined

    @precondition(lambda self: rules.is_pending(self.dispatch, self.now))
    @precondition(lambda self: len(self.dispatch.declined) < 3)
    @rule()
    def somebody_declines_the_broadcast(self) -> None:
        before = self.dispatch
        self._becomes(rules.with_decline(before, None, next(self.people), self.now))
        assert self.dispatch.offers == before.offers
        assert self.dispatch.seek_due_at == before.seek_due_at

    # The session

    @precondition(lambda self: self.dispatch.is_open and self.dispatch.waves > 1)
    @rule()
    def accepted_or_cancelled(self) -> None:
        self._becomes(rules.closed(self.dispatch))

    @precondition(lambda self: not self.dispatch.is_open)
    @rule(lasting_s=st.sampled_from([60, 600, 1800]))
    def given_back(self, lasting_s: int) -> None:
        period = self.dispatch.period + 1
        self._becomes(
            rules.reopened(
                self.dispatch,
                period=period,
                broadcast_id=f"{BROADCAST}-{period}",
                excluding=next(self.people),
                preferred_s=120,
                now=self.now,
                until=self.now + timedelta(seconds=lasting_s),
            )
        )

    def _becomes(self, after: Dispatch) -> None:
        before, self.dispatch = self.dispatch, after
        assert after.version == before.version + 1
        for grows in ("asked", "excluded", "declined"):
            earlier = getattr(before, grows)
            assert getattr(after, grows)[: len(earlier)] == earlier
        assert after.waves >= before.waves
        if after.period == before.period:
            assert after.matched >= before.matched
            assert after.announced >= before.announced

    @invariant()
    def a_dispatch_that_is_over_has_nothing_to_do(self) -> None:
        dispatch = self.dispatch
        if not dispatch.is_open:
            assert (dispatch.offers, dispatch.owed, dispatch.short) == ((), 0, 0)
            assert (dispatch.seek_due_at, dispatch.opens_at) == (None, None)
            assert rules.due_at(dispatch) is None

    @invariant()
    def every_pending_session_has_a_way_forward(self) -> None:
        """Something is due, or whoever comes on shift is offered it."""
        if rules.is_pending(self.dispatch, self.now) and not rules.due_at(self.dispatch):
            assert rules.may_be_offered_capacity(self.dispatch, self.now)

    @invariant()
    def what_is_owed_is_sought(self) -> None:
        if self.dispatch.owed:
            assert self.dispatch.seek_due_at

    @invariant()
    def nobody_is_asked_twice(self) -> None:
        assert len(set(self.dispatch.asked)) == len(self.dispatch.asked)

    @invariant()
    def every_offer_is_to_somebody_who_was_asked(self) -> None:
        assert {offer.mechanic_id for offer in self.dispatch.offers} <= set(self.dispatch.asked)

    @invariant()
    def no_offer_outlives_the_period(self) -> None:
        until = self.dispatch.pending_until
        assert until
        assert all(offer.expires_at <= until for offer in self.dispatch.offers)

    @invariant()
    def a_preferred_mechanic_is_asked_alone_with_the_broadcast_held(self) -> None:
        dispatch = self.dispatch
        for offer in dispatch.offers:
            if offer.kind is OfferKind.PREFERRED:
                assert dispatch.offers == (offer,)
                assert offer.mechanic_id == dispatch.preferred_id
                assert not dispatch.matched
                assert dispatch.opens_at == offer.expires_at

    @invariant()
    def the_broadcast_is_held_only_before_the_first_wave_and_not_beyond_the_period(self) -> None:
        dispatch = self.dispatch
        if dispatch.opens_at:
            assert dispatch.pending_until
            assert not dispatch.matched
            assert dispatch.preferred_id
            assert dispatch.opens_at <= dispatch.pending_until

    @invariant()
    def the_customers_choice_is_asked_or_told_why_not(self) -> None:
        dispatch = self.dispatch
        if dispatch.preferred_id and dispatch.matched:
            assert rules.preferred_outcome(dispatch, self.now) != "undecided"

    @invariant()
    def the_customer_may_never_have_it(self) -> None:
        assert CUSTOMER in self.dispatch.excluded


TestAnyDispatch = AnyDispatch.TestCase
