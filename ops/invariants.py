"""What always holds in the table, whatever was done, in whatever order, and whatever was lost.

``check`` looks at all that is stored at one instant; each rule is an assertion with its name. Tests
hold it after every story, ``ops.restore`` before a restored table is put to use. Everything is kept
in memory: some kilobytes a session.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from dispatch.core.events import PREFIX
from dispatch.core.table import Item, decode
from dispatch.mechanics.model import Mechanic
from dispatch.mechanics.store import mechanic_of
from dispatch.notifications.model import Entry as Notice
from dispatch.offers import rules as offer_rules
from dispatch.offers import store as offer_items
from dispatch.offers.model import (
    Assignment,
    AssignmentStatus,
    Dispatch,
    MatchType,
)
from dispatch.payments.model import Balance, Payment, PaymentStatus
from dispatch.payments.model import Entry as CreditEntry
from dispatch.policy.model import Policy
from dispatch.policy.rules import from_document
from dispatch.sessions.model import ACTIVE, PaymentMethod, Session, Status
from dispatch.shifts.model import Shift
from dispatch.waitlist.model import Entry

_IN_HAND = frozenset({Status.WAITING, Status.LIVE})
_HOLDING = frozenset(
    {AssignmentStatus.ACCEPTED, AssignmentStatus.JOINED, AssignmentStatus.IN_PROGRESS}
)
_GOES_ON = ACTIVE | {Status.SCHEDULED}
_FINAL_FACTS = frozenset(
    {"SessionCompleted", "SessionCancelled", "SessionUnfilled", "CustomerNotJoined"}
)


@dataclass(slots=True)
class Picture:
    """Everything stored, as the model has it."""

    now: datetime
    capacity: int = Policy().capacity
    sessions: dict[str, Session] = field(default_factory=dict)
    dispatches: dict[str, Dispatch] = field(default_factory=dict)
    rows: dict[str, Assignment] = field(default_factory=dict)
    mechanics: dict[str, Mechanic] = field(default_factory=dict)
    shifts: list[Shift] = field(default_factory=list)
    locks: dict[str, str] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    notices: dict[tuple[str, str], Notice] = field(default_factory=dict)
    """The ledger: by the person, and the notice's id."""
    balances: dict[str, Balance] = field(default_factory=dict)
    ledger: list[CreditEntry] = field(default_factory=list)
    payments: dict[str, Payment] = field(default_factory=dict)
    facts: list[Item] = field(default_factory=list)
    due: dict[tuple[str, str], str] = field(default_factory=dict)
    """Where the sweeper looks, and since when."""

    def facts_of(self, *types: str) -> Iterator[Item]:
        return (fact for fact in self.facts if fact["type"] in types)

    def is_active(self, customer_id: str) -> bool:
        return customer_id in self.locks

    def session_of(self, customer_id: str) -> Session | None:
        """The customer's active session."""
        return self.sessions.get(self.locks.get(customer_id, ""))


def picture(now: datetime, stored: Iterable[Mapping[str, Any]]) -> Picture:
    """Of the items of a table, as DynamoDB hands them out."""
    picture = Picture(now)
    for raw in stored:
        item = decode(raw)
        if "due_at" in item:
            picture.due[item["pk"], item["sk"]] = item["due_at"]
        if item["sk"].startswith(PREFIX):
            picture.facts.append(item)
        else:
            _add(picture, item)
            _add_money(picture, item)
    return picture


def _add(picture: Picture, item: Item) -> None:
    id_ = item["pk"].partition("#")[2]
    match item["entity"]:
        case "session":
            picture.sessions[id_] = _state(item, Session)
        case "dispatch":
            picture.dispatches[id_] = _state(item, Dispatch)
        case "assignment":
            picture.rows[id_] = offer_items.assignment_of(item)
        case "mechanic":
            picture.mechanics[id_] = mechanic_of(item)
        case "shift":
            picture.shifts.append(msgspec.json.decode(item["log"], type=Shift))
        case "policy":
            picture.capacity = from_document(json.loads(item["document"])).capacity
        case "active_session":
            picture.locks[id_] = item["session_id"]
        case "waitlist_entry":
            picture.entries.append(_state(item, Entry))
        case "notice":
            notice = _state(item, Notice)
            picture.notices[notice.user_id, notice.id] = notice


def _add_money(picture: Picture, item: Item) -> None:
    match item["entity"]:
        case "balance":
            id_ = item["pk"].partition("#")[2]
            picture.balances[id_] = Balance(id_, item["credits"], item["entries"])
        case "credit_entry":
            picture.ledger.append(_state(item, CreditEntry))
        case "payment":
            payment = _state(item, Payment)
            picture.payments[payment.id] = payment


def _state(item: Item, type_: type[Any]) -> Any:
    return msgspec.json.decode(item["state"], type=type_)


def broken(picture: Picture) -> dict[str, str]:
    """What does not hold: the rule's name, and of what it was noticed first."""
    found = {}
    for rule in RULES:
        try:
            rule(picture)
        except (AssertionError, KeyError) as error:  # KeyError: what must be there is missing
            found[rule.__name__] = str(error).partition("\n")[0]
    return found


def check(picture: Picture) -> None:
    """Raise AssertionError for whatever does not hold."""
    for rule in RULES:
        rule(picture)


# Rules


def a_balance_is_the_sum_of_its_ledger(picture: Picture) -> None:
    """Line by line: nothing is missing, and nobody ever owed anything."""
    lines: dict[str, list[CreditEntry]] = defaultdict(list)
    for entry in sorted(picture.ledger, key=lambda each: each.number):
        lines[entry.customer_id].append(entry)
    assert lines.keys() == picture.balances.keys()
    for customer_id, balance in picture.balances.items():
        credits_ = 0
        for number, entry in enumerate(lines[customer_id], 1):
            credits_ += entry.amount
            assert (entry.number, entry.balance) == (number, credits_), entry.id
            assert credits_ >= 0, entry.id
        assert (balance.credits, balance.entries) == (credits_, len(lines[customer_id]))


def a_session_takes_its_credits_once_and_gives_back_what_it_says(picture: Picture) -> None:
    moved: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in picture.ledger:
        if entry.session_id:
            moved[entry.session_id][entry.kind] += entry.amount
    for session in picture.sessions.values():
        by_credits = session.payment_method is PaymentMethod.CREDITS
        back = session.refund.credits if session.refund else 0
        wanted = {"booking": -session.credits, "refund": back} if by_credits else {}
        assert moved[session.id] == Counter({k: v for k, v in wanted.items() if v}), session.id


def nobody_is_sought_for_what_is_not_paid(picture: Picture) -> None:
    for session in picture.sessions.values():
        if session.payment_method is PaymentMethod.STRIPE:
            goes_ahead = session.period > 0 or session.booking_version > 0
            assert goes_ahead is (session.payment_id is not None), session.id
        if session.payment_id:
            assert picture.payments[session.payment_id].session_id == session.id


def a_payment_is_the_sessions_or_given_back(picture: Picture) -> None:
    for payment in picture.payments.values():
        session = picture.sessions[payment.session_id]
        counts = session.payment_id == payment.id
        back = session.refund.price_cents if session.refund else 0
        if payment.status is PaymentStatus.RETURNED_EARLY:
            assert not counts, payment.id
        elif payment.status is PaymentStatus.REFUNDED:  # by hand, too
            assert payment.returned_cents >= (back if counts else payment.amount_cents), payment.id
        elif payment.status is not PaymentStatus.PAID:
            assert payment.due_cents == (back if counts else payment.amount_cents), payment.id
        else:
            assert counts, payment.id
            assert back == 0, payment.id
        is_due = (f"SESSION#{session.id}", f"PAYMENT#{payment.id}") in picture.due
        assert is_due is (payment.status is PaymentStatus.REFUND_DUE), payment.id


def a_session_has_one_winner_while_it_is_in_hand(picture: Picture) -> None:
    holding = Counter(row.session_id for row in picture.rows.values() if row.status in _HOLDING)
    for session in picture.sessions.values():
        in_hand = session.status in _IN_HAND
        assert holding[session.id] == in_hand, f"{session.id} is {session.status}"
        if in_hand:
            row = picture.rows[session.assignment_id or ""]
            assert row.status in _HOLDING
            assert row.mechanic_id == session.mechanic_id


def load_is_what_a_mechanic_has_in_hand(picture: Picture) -> None:
    in_hand = Counter(
        session.mechanic_id for session in picture.sessions.values() if session.status in _IN_HAND
    )
    for mechanic in picture.mechanics.values():
        assert mechanic.duty.load == in_hand[mechanic.id], mechanic.id
        assert mechanic.duty.load <= picture.capacity, mechanic.id


def an_offer_is_out_while_its_search_knows_of_it(picture: Picture) -> None:
    out = {row.id for row in picture.rows.values() if row.status is AssignmentStatus.OFFERED}
    known = {
        offer.assignment_id
        for dispatch in picture.dispatches.values()
        for offer in dispatch.offers
        if dispatch.is_open
    }
    assert out == known


def an_offer_ends_once(picture: Picture) -> None:
    ends: Counter[str] = Counter()
    for fact in picture.facts_of("OfferAccepted", "OfferDeclined"):
        ends[fact["assignment_id"]] += 1
    for fact in picture.facts_of("OffersExpired"):
        ends.update(fact["assignment_ids"])
    for fact in picture.facts:
        ends.update(fact.get("lost_assignment_ids", ()))
    for id_, count in ends.items():
        row = picture.rows[id_]
        # Each who does not want a broadcast says so.
        assert count == 1 or row.match_type is MatchType.BROADCAST, f"{id_} ended {count} times"
        assert row.status is not AssignmentStatus.OFFERED, id_


def nobody_is_asked_twice(picture: Picture) -> None:
    asked = Counter(
        (row.session_id, row.mechanic_id)
        for row in picture.rows.values()
        if row.match_type is MatchType.TARGETED
    )
    assert all(count == 1 for count in asked.values()), asked
    for dispatch in picture.dispatches.values():
        assert len(dispatch.asked) == len(set(dispatch.asked)), dispatch.session_id
        assert dispatch.customer_id not in dispatch.asked


def a_lock_is_an_active_session(picture: Picture) -> None:
    active = {
        session.customer_id: session.id
        for session in picture.sessions.values()
        if session.status in ACTIVE
    }
    waiting = {
        session.customer_id: session.id
        for session in picture.sessions.values()
        if session.status is Status.SCHEDULED and session.delayed_until
    }
    for customer_id, session_id in picture.locks.items():
        assert session_id in (active.get(customer_id), waiting.get(customer_id)), customer_id
    assert picture.locks.keys() >= active.keys()


def a_pending_session_has_a_way_on(picture: Picture) -> None:
    """Its broadcast is there for all, or opens by itself; what is sought is marked as due."""
    for session in picture.sessions.values():
        dispatch = picture.dispatches.get(session.id)
        pending = session.status is Status.PENDING
        assert pending is (dispatch is not None and dispatch.is_open), session.id
        if not pending or dispatch is None:
            continue
        broadcast = picture.rows[dispatch.broadcast_id]
        assert broadcast.status is offer_rules.broadcast_status(dispatch), session.id
        assert broadcast.opens_at == dispatch.opens_at, session.id
        assert dispatch.matched or dispatch.seek_due_at or dispatch.offers, session.id
        assert dispatch.owed == 0 or dispatch.seek_due_at, session.id


def whatever_has_a_deadline_is_found_by_the_sweeper(picture: Picture) -> None:
    """So that nothing depends on a message: neither a customer nor a mechanic can be stuck."""
    for session in picture.sessions.values():
        is_due = (f"SESSION#{session.id}", "META") in picture.due
        assert is_due is (session.status in _GOES_ON), session.id
    for dispatch in picture.dispatches.values():
        is_due = (f"SESSION#{dispatch.session_id}", "DISPATCH") in picture.due
        assert is_due is bool(dispatch.offers or dispatch.seek_due_at), dispatch.session_id


def who_is_on_shift_has_one_open_shift(picture: Picture) -> None:
    still_open = [shift for shift in picture.shifts if shift.ended_at is None]
    for mechanic in picture.mechanics.values():
        mine = [shift.id for shift in still_open if shift.mechanic_id == mechanic.id]
        assert mine == ([mechanic.shift_id] if mechanic.duty.on_shift else []), mechanic.id
        assert mechanic.duty.on_shift or mechanic.duty.load == 0, mechanic.id


def a_session_is_told_of_once(picture: Picture) -> None:
    began = Counter(fact["session_id"] for fact in picture.facts_of("SessionPending"))
    over = Counter(fact["session_id"] for fact in picture.facts_of(*_FINAL_FACTS))
    booked = Counter(fact["session_id"] for fact in picture.facts_of("SessionBooked"))
    for session in picture.sessions.values():
        assert booked[session.id] == 1
        assert began[session.id] == session.period, session.id
        assert over[session.id] == (session.status not in _GOES_ON), session.id


def a_session_is_rated_once(picture: Picture) -> None:
    """And its stars are among those of its mechanic, who may have come with some."""
    told = {fact["session_id"]: fact["stars"] for fact in picture.facts_of("SessionRated")}
    rated = {each.id: each.rating.stars for each in picture.sessions.values() if each.rating}
    assert rated == told
    assert len(told) == sum(1 for _ in picture.facts_of("SessionRated"))
    counts = Counter(picture.sessions[id_].mechanic_id for id_ in rated)
    for mechanic_id, count in counts.items():
        assert picture.mechanics[mechanic_id or ""].rating_count >= count


def a_session_remembers_who_came(picture: Picture) -> None:
    """Since the last accept: who has joined, and that it began with the second."""
    since: dict[str, str] = {}
    for fact in picture.facts_of("OfferAccepted"):
        since[fact["session_id"]] = max(fact["id"], since.get(fact["session_id"], ""))
    came = Counter(
        (fact["session_id"], fact["type"])
        for fact in picture.facts_of("MechanicJoined", "CustomerJoined", "SessionStarted")
        if fact["id"] > since.get(fact["session_id"], "")
    )
    for session in picture.sessions.values():
        if session.status in _IN_HAND:
            assert came[session.id, "MechanicJoined"] == bool(session.mechanic_joined_at)
            assert came[session.id, "CustomerJoined"] == bool(session.customer_joined_at)
            assert came[session.id, "SessionStarted"] == (session.status is Status.LIVE)


def no_more_turns_than_capacity(picture: Picture) -> None:
    turns = [
        entry.turn for entry in picture.entries if entry.turn and picture.now < entry.turn.until
    ]
    at = Counter(turn.mechanic_id for turn in turns)
    whose = Counter(turn.customer_id for turn in turns)
    assert all(count <= picture.capacity for count in at.values()), at
    assert all(count == 1 for count in whose.values()), whose


RULES = (
    a_session_has_one_winner_while_it_is_in_hand,
    load_is_what_a_mechanic_has_in_hand,
    an_offer_is_out_while_its_search_knows_of_it,
    an_offer_ends_once,
    nobody_is_asked_twice,
    a_lock_is_an_active_session,
    a_pending_session_has_a_way_on,
    whatever_has_a_deadline_is_found_by_the_sweeper,
    who_is_on_shift_has_one_open_shift,
    a_session_is_told_of_once,
    a_session_is_rated_once,
    a_session_remembers_who_came,
    no_more_turns_than_capacity,
    a_balance_is_the_sum_of_its_ledger,
    a_session_takes_its_credits_once_and_gives_back_what_it_says,
    nobody_is_sought_for_what_is_not_paid,
    a_payment_is_the_sessions_or_given_back,
)
