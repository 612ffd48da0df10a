"""Assignments: their state machine, who may accept, what a queue shows (domain.md, Assignments)."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations, product

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dispatch.core.errors import IllegalMove
from dispatch.matching.model import Priority
from dispatch.offers import rules
from dispatch.offers.model import Assignment, AssignmentStatus, Dispatch, Move
from tests.builders import (
    BROADCAST,
    CUSTOMER,
    FIVE_MINUTES,
    MECHANIC,
    ONE_MINUTE,
    ONE_MS,
    RIVAL,
    SESSION,
    a_brief,
    a_broadcast,
    a_dispatch,
    a_match,
    an_offer,
    an_open_offer,
)
from tests.clock import NOON

S = AssignmentStatus

# The table of domain.md: from, move, to. Whatever is not here is refused.
TABLE = {
    ("queued", "accept"): "accepted",
    ("queued", "rescind"): "rescinded",
    ("queued", "cancel"): "cancelled",
    ("offered", "accept"): "accepted",
    ("offered", "decline"): "declined",
    ("offered", "expire"): "expired",
    ("offered", "rescind"): "rescinded",
    ("offered", "cancel"): "cancelled",
    ("accepted", "join"): "joined",
    ("accepted", "release"): "released",
    ("accepted", "cancel"): "cancelled",
    ("joined", "start"): "in_progress",
    ("joined", "release"): "released",
    ("joined", "cancel"): "cancelled",
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


def test_a_broadcast_has_no_deadline() -> None:
    assert rules.is_open(a_broadcast(), NOON + timedelta(days=365))


@pytest.mark.parametrize("status", [*IN_HAND, *OVER])
def test_what_was_answered_is_not_open(status: AssignmentStatus) -> None:
    assert not rules.is_open(an_offer(status), NOON)
    assert not rules.is_open(a_broadcast(status), NOON)


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
    now: datetime = NOON,
) -> str | None:
    return rules.why_not_acceptable(dispatch, row, mechanic_id, is_cancelled=is_cancelled, now=now)


def test_an_open_offer_and_an_open_broadcast_can_be_accepted() -> None:
    assert why_not(a_dispatch(), an_offer()) is None
    assert why_not(a_dispatch(), a_broadcast()) is None


def test_an_offer_can_be_accepted_up_to_but_not_at_its_deadline() -> None:
    offer = an_offer(expires_at=NOON + FIVE_MINUTES)
    assert why_not(a_dispatch(), offer, now=NOON + FIVE_MINUTES - ONE_MS) is None
    assert why_not(a_dispatch(), offer, now=NOON + FIVE_MINUTES) == "expired"


def test_the_session_was_cancelled() -> None:
    assert why_not(a_dispatch(is_open=False), an_offer(), is_cancelled=True) == "cancelled"


def test_another_has_taken_the_session() -> None:
    assert why_not(a_dispatch(is_open=False), an_offer(S.RESCINDED)) == "taken"


@pytest.mark.parametrize("status", [S.DECLINED, S.EXPIRED, S.RELEASED])
def test_my_offer_is_over(status: AssignmentStatus) -> None:
    assert why_not(a_dispatch(), an_offer(status)) == "expired"


def test_a_broadcast_is_over_for_who_declined_it_and_for_nobody_else() -> None:
    broadcast = a_broadcast(declined_by=frozenset({MECHANIC}))
    assert why_not(a_dispatch(), broadcast, MECHANIC) == "expired"
    assert why_not(a_dispatch(), broadcast, RIVAL) is None


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
        (an_offer(S.RELEASED), "expired"),
        (an_offer(), "expired"),
        (an_offer(S.ACCEPTED), "illegal_move"),
        (an_offer(S.IN_PROGRESS), "illegal_move"),
    ],
)
def test_why_there_is_nothing_left_to_decline(row: Assignment, reason: str) -> None:
    assert rules.why_not_declinable(row, MECHANIC).reason == reason


# The dispatch: waves, the broadcast, periods


def test_a_wave_remembers_whom_it_asked() -> None:
    first, second = an_open_offer(MECHANIC), an_open_offer(RIVAL)
    dispatch = rules.with_wave(a_dispatch(), (first,), announce=False)
    assert (dispatch.matched, dispatch.announced, dispatch.waves) == (True, False, 1)
    dispatch = rules.with_wave(dispatch, (second,), announce=False)
    assert (dispatch.offers, dispatch.asked) == ((first, second), (MECHANIC, RIVAL))
    assert (dispatch.waves, dispatch.version) == (2, 3)


def test_a_wave_of_nobody_announces_the_broadcast_at_once() -> None:
    assert rules.with_wave(a_dispatch(), (), announce=True).announced
    assert rules.with_wave(a_dispatch(announced=True), (), announce=False).announced
    assert rules.announced(a_dispatch()).announced


def test_offers_that_have_ended_are_forgotten_those_asked_are_not() -> None:
    mine, rivals = an_open_offer(MECHANIC), an_open_offer(RIVAL)
    dispatch = a_dispatch(offers=(mine, rivals), asked=(MECHANIC, RIVAL))
    rest = rules.without(dispatch, [mine])
    assert rest.offers == (rivals,)
    assert rest.asked == (MECHANIC, RIVAL)


def test_a_decline_ends_the_offer_and_is_remembered_in_later_periods() -> None:
    mine, rivals = an_open_offer(MECHANIC), an_open_offer(RIVAL)
    dispatch = rules.with_decline(a_dispatch(offers=(mine, rivals)), mine.assignment_id, MECHANIC)
    assert (dispatch.offers, dispatch.declined) == ((rivals,), (MECHANIC,))
    assert dispatch.version == 2
    again = rules.reopened(
        rules.closed(dispatch), period=2, broadcast_id="second", excluding=RIVAL, now=NOON
    )
    assert again.declined == (MECHANIC,)


def test_a_decline_of_the_broadcast_leaves_the_offers_of_others() -> None:
    dispatch = a_dispatch(offers=(an_open_offer(RIVAL),))
    assert rules.with_decline(dispatch, BROADCAST, MECHANIC).offers == dispatch.offers


def test_a_closed_dispatch_has_no_offers() -> None:
    closed = rules.closed(a_dispatch(offers=(an_open_offer(),), asked=(MECHANIC,)))
    assert (closed.is_open, closed.offers, closed.asked) == (False, (), (MECHANIC,))


def test_a_new_period_begins_afresh_without_the_mechanic_who_gave_it_back() -> None:
    before = a_dispatch(is_open=False, matched=True, announced=True, waves=1, asked=(MECHANIC,))
    again = rules.reopened(
        before, period=2, broadcast_id="second", excluding=MECHANIC, now=NOON + ONE_MINUTE
    )
    assert (again.is_open, again.matched, again.announced) == (True, False, False)
    assert (again.period, again.broadcast_id) == (2, "second")
    assert again.pending_since == NOON + ONE_MINUTE
    assert again.excluded == (CUSTOMER, MECHANIC)
    assert again.asked == (MECHANIC,), "nobody is asked twice for one session"
    assert again.version == before.version + 1


# Queues


def sees(broadcast: Assignment, *, sessions_offered: frozenset[str] = frozenset()) -> bool:
    return rules.may_see_broadcast(broadcast, MECHANIC, sessions_offered=sessions_offered)


def test_an_open_broadcast_is_seen() -> None:
    assert sees(a_broadcast())


def test_not_while_holding_an_offer_for_that_session() -> None:
    assert not sees(a_broadcast(), sessions_offered=frozenset({SESSION}))
    assert sees(a_broadcast(), sessions_offered=frozenset({"another"}))


def test_not_after_declining_it() -> None:
    assert not sees(a_broadcast(declined_by=frozenset({MECHANIC})))
    assert sees(a_broadcast(declined_by=frozenset({RIVAL})))


def test_not_when_excluded() -> None:
    assert not sees(a_broadcast(excluded=frozenset({MECHANIC})))


@pytest.mark.parametrize("status", [s for s in S if s is not S.QUEUED])
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


class AnyDispatch(RuleBasedStateMachine):
    """Random waves, answers, accepts and releases: what holds in every dispatch."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.dispatch = a_dispatch()
        self.people = iter(f"mechanic-{n}" for n in range(1_000))

    @rule(seconds=st.integers(0, 400))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.dispatch.is_open)
    @rule(size=st.integers(0, 3))
    def a_wave(self, size: int) -> None:
        offers = tuple(
            an_open_offer(next(self.people), expires_at=self.now + FIVE_MINUTES)
            for _ in range(size)
        )
        self._becomes(rules.with_wave(self.dispatch, offers, announce=not offers))

    @precondition(lambda self: self.dispatch.offers)
    @rule()
    def the_overdue_expire(self) -> None:
        overdue = rules.overdue_offers(self.dispatch, self.now)
        still_open = rules.open_offers(self.dispatch, self.now)
        assert {*overdue, *still_open} == {*self.dispatch.offers}
        self._becomes(rules.without(self.dispatch, overdue))
        assert self.dispatch.offers == still_open

    @precondition(lambda self: self.dispatch.offers)
    @rule(data=st.data())
    def one_declines(self, data: st.DataObject) -> None:
        declined = data.draw(st.sampled_from(self.dispatch.offers))
        after = rules.with_decline(self.dispatch, declined.assignment_id, declined.mechanic_id)
        self._becomes(after)
        assert declined not in self.dispatch.offers
        assert declined.mechanic_id in self.dispatch.declined

    @precondition(lambda self: self.dispatch.is_open)
    @rule()
    def accepted_or_cancelled(self) -> None:
        self._becomes(rules.closed(self.dispatch))

    @precondition(lambda self: not self.dispatch.is_open)
    @rule()
    def given_back(self) -> None:
        period = self.dispatch.period + 1
        self._becomes(
            rules.reopened(
                self.dispatch,
                period=period,
                broadcast_id=f"{BROADCAST}-{period}",
                excluding=next(self.people),
                now=self.now,
            )
        )

    def _becomes(self, after: Dispatch) -> None:
        before, self.dispatch = self.dispatch, after
        assert after.version == before.version + 1
        assert after.asked[: len(before.asked)] == before.asked
        assert after.excluded[: len(before.excluded)] == before.excluded

    @invariant()
    def only_an_open_dispatch_has_offers(self) -> None:
        assert self.dispatch.is_open or not self.dispatch.offers

    @invariant()
    def nobody_is_asked_twice(self) -> None:
        assert len(set(self.dispatch.asked)) == len(self.dispatch.asked)

    @invariant()
    def every_offer_is_to_somebody_who_was_asked(self) -> None:
        assert {offer.mechanic_id for offer in self.dispatch.offers} <= set(self.dispatch.asked)

    @invariant()
    def the_customer_may_never_have_it(self) -> None:
        assert CUSTOMER in self.dispatch.excluded


TestAnyDispatch = AnyDispatch.TestCase
