"""Every condition of every write: refused by that clause alone, and what it is there for.

The first half is about the stores. Each case builds a state that violates one clause of one write,
sees the write refused by its name with nothing changed, and then, with that clause taken out, sees
it pass: so it was that clause. A condition without a case fails the tests.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import dispatch
from dispatch.calendar import rules as calendar_rules
from dispatch.calendar import service as calendars
from dispatch.calendar import store as calendar_items
from dispatch.core import aws as clients
from dispatch.core import settings
from dispatch.core.errors import (
    Conflict,
    Invalid,
    NotFound,
    QuotaExceeded,
    StaleVersion,
    TooFewCredits,
)
from dispatch.core.idempotency import KEPT_FOR, AlreadyAnswered, Once
from dispatch.core.table import Item, Key, Transaction, decode, get
from dispatch.core.time import format_time
from dispatch.customers import rules as customer_rules
from dispatch.customers import service as customers
from dispatch.customers import store as customer_items
from dispatch.customers.model import Customer, KeptVehicle, Vehicle
from dispatch.matching import store as response_items
from dispatch.mechanics import service as mechanics
from dispatch.mechanics import store as mechanic_items
from dispatch.mechanics.model import Mechanic
from dispatch.mechanics.rules import profile_from
from dispatch.notifications import store as device_items
from dispatch.notifications.model import (
    Channel,
    Device,
    Language,
    NoticeType,
    Platform,
    Registrations,
    Side,
)
from dispatch.notifications.model import Entry as LedgerEntry
from dispatch.offers import rules as offer_rules
from dispatch.offers import store as offer_items
from dispatch.offers.model import AssignmentStatus, LeftCapacity
from dispatch.payments import rules as payment_rules
from dispatch.payments import service as payments
from dispatch.payments import store as payment_items
from dispatch.payments.model import Balance, Checkout, EntryKind, Notice, Paid
from dispatch.policy import rules as policy_rules
from dispatch.policy import store as policy_items
from dispatch.policy.model import Policy, PolicyVersion
from dispatch.quotas import rules as quota_rules
from dispatch.quotas import store as quota_items
from dispatch.quotas.model import Action, Times
from dispatch.sessions import service as sessions
from dispatch.sessions import store as session_items
from dispatch.uploads import store as upload_items
from dispatch.uploads.model import Kind, Ref, Upload
from dispatch.waitlist import store as waitlist_items
from dispatch.waitlist.model import Entry, Target, Turn, Turns, Wish
from tests import builders
from tests.builders import (
    BROADCAST,
    CUSTOMER,
    MECHANIC,
    OFFER,
    ONE_MINUTE,
    ONE_MS,
    ONE_SECOND,
    RIVAL,
    SESSION,
)
from tests.calendar_builders import QUARTER, TEN, a_booking, a_calendar, a_hold
from tests.clock import NOON
from tests.mechanic_builders import a_record


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatch.core.table.time.sleep", lambda _seconds: None)


def everything() -> dict[Key, Item]:
    """All that is in the table."""
    pages = clients.dynamodb().get_paginator("scan").paginate(TableName=settings.table_name())
    items = [decode(raw) for page in pages for raw in page["Items"]]
    return {Key(item["pk"], item["sk"]): item for item in items}


# Conditions, as they are written down and as they are written


def _parts(expression: str, operator: str) -> list[str]:
    """Split at an operator, but not within parentheses."""
    parts, depth = [""], 0
    for word in expression.split(" "):
        if word == operator and depth == 0:
            parts.append("")
        else:
            parts[-1] += f" {word}"
            depth += word.count("(") - word.count(")")
    return [part.strip() for part in parts]


def _bare(expression: str) -> str:
    """Without the parentheses around the whole of it."""
    depth = 0
    for at, letter in enumerate(expression):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return expression[1:-1] if at == len(expression) - 1 else expression
    raise AssertionError(f"{expression} is never closed")


def clauses(expression: str) -> set[str]:
    """What has to hold, one by one; a choice is a clause, and has clauses of its own."""
    found = set[str]()
    for part in _parts(expression, "AND"):
        choices = _parts(_bare(part), "OR")
        if len(choices) == 1:
            found.add(part)
            continue
        found.add(_bare(part))
        for choice in choices:
            if len(inner := clauses(_bare(choice))) > 1:
                found |= inner
    return found


def alternatives(expression: str) -> set[str]:
    """Each of the choices that are enough."""
    found = set[str]()
    for part in _parts(expression, "AND"):
        choices = _parts(_bare(part), "OR")
        if len(choices) > 1:
            found |= {_bare(choice) for choice in choices}
    return found


def without(expression: str, part: str) -> str | None:
    """The expression as if somebody had taken this part out; None if nothing is left."""
    for text in (f"({part})", part):
        for cut in (f" AND {text}", f"{text} AND ", f" OR {text}", f"{text} OR "):
            if cut in expression:
                return expression.replace(cut, "")
        if expression == text:
            return None
    raise AssertionError(f"{part} is no part of {expression}")


_CODE = Path(dispatch.__file__).parent
_WRITES = {"put", "update", "delete", "check"}


@dataclass(frozen=True)
class Site:
    """A write with a condition, in the code. ``where`` is numbered if its function has several."""

    where: str
    file: str
    function: str
    lines: range
    texts: tuple[str, ...]

    @property
    def clauses(self) -> set[str]:
        return {clause for text in self.texts for clause in clauses(text)}


def _texts(expression: ast.expr, module: Any) -> tuple[str, ...]:
    """What a condition may be, as far as the code alone tells."""
    if isinstance(expression, ast.IfExp):
        return _texts(expression.body, module) + _texts(expression.orelse, module)
    try:
        return (eval(ast.unparse(expression), vars(module)),)
    except NameError:  # made up by the function
        return ()


def _sites() -> Iterator[Site]:
    for file in sorted(_CODE.rglob("*.py")):
        name = ".".join(file.relative_to(_CODE).with_suffix("").parts)
        for function in ast.walk(ast.parse(file.read_text())):
            if not isinstance(function, ast.FunctionDef):
                continue
            found = [
                (call, keyword.value)
                for call in ast.walk(function)
                if isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr in _WRITES
                for keyword in call.keywords
                if keyword.arg == "when"
            ]
            for number, (call, when) in enumerate(found, 1):
                where = f"{name}.{function.name}"
                yield Site(
                    where=f"{where}/{number}" if len(found) > 1 else where,
                    file=str(file),
                    function=function.name,
                    lines=range(call.lineno, (call.end_lineno or 0) + 1),
                    texts=_texts(when, import_module(f"dispatch.{name}")),
                )


SITES = list(_sites())


def _where(frame: FrameType) -> str:
    code = frame.f_code
    for site in SITES:
        is_there = (site.file, site.function) == (code.co_filename, code.co_name)
        if is_there and frame.f_lineno in site.lines:
            return site.where
    return code.co_name


class Conditions:
    """What the transactions write their clauses under; a part of one condition can be taken out."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.written = defaultdict[str, set[str]](set)
        self.out: tuple[str, str] | None = None
        add = Transaction._add
        conditions = self

        def noting(
            tx: Transaction,
            operation: str,
            request: dict[str, Any],
            change: str,
            when: str | None,
            *rest: Any,
        ) -> None:
            if when:
                where = _where(sys._getframe(2))
                conditions.written[where].add(when)
                if conditions.out and conditions.out[0] == where:
                    when = without(when, conditions.out[1])
                    if operation == "ConditionCheck" and not when:
                        return  # nothing is left to check
            add(tx, operation, request, change, when, *rest)

        monkeypatch.setattr(Transaction, "_add", noting)


@pytest.fixture
def conditions(aws: None, monkeypatch: pytest.MonkeyPatch) -> Conditions:
    return Conditions(monkeypatch)


# States


Given = Callable[[], None]
Write = Callable[[Transaction], None]


def written(*writes: Write) -> Given:
    def arrange() -> None:
        for write in writes:
            with Transaction() as tx:
                write(tx)

    return arrange


def _patch(key: Key, attributes: Item) -> None:
    """Set attributes of an item, whatever the rules say; None takes one away."""
    item = (get(key) or {}) | attributes
    with Transaction() as tx:
        tx.put({name: value for name, value in item.items() if value is not None})


def nothing() -> None:
    """There is nothing."""


SHIFT = "shift-1"
_ON_SHIFT = {
    "currently_on_shift": True,
    "shift_id": SHIFT,
    "load": 0,
    "misses": 0,
    "clocked_in_at": format_time(NOON),
    "capacity_at": format_time(NOON),
}


def a_mechanic(profile: Item | None = None, **attributes: Any) -> Given:
    """On shift and free, with new capacity, but for what is said."""

    def arrange() -> None:
        record = {"certification_expires_on": "2026-07-01"} | (profile or {})
        with Transaction() as tx:
            mechanic_items.put_profile(tx, profile_from(a_record(**record)), None, NOON)
        _patch(mechanic_items.key(MECHANIC), _ON_SHIFT | attributes)

    return arrange


def off_shift() -> Given:
    return a_mechanic(currently_on_shift=False)


def a_lock(session_id: str) -> Given:
    session = builders.a_session(id=session_id)
    return written(lambda tx: session_items.lock(tx, session, sessions._has_active_session))


def a_stored_offer(status: AssignmentStatus = AssignmentStatus.OFFERED) -> Given:
    return written(lambda tx: offer_items.add(tx, builders.an_offer(status)))


def a_stored_broadcast(status: AssignmentStatus = AssignmentStatus.QUEUED) -> Given:
    return written(lambda tx: offer_items.add(tx, builders.a_broadcast(status)))


def a_device(**fields: Any) -> Device:
    return Device(
        **{
            "user_id": "user",
            "device_id": "phone",
            "platform": Platform.FCM,
            "token": "token",
            "endpoint_arn": "arn:endpoint",
            **fields,
        }
    )


def a_stored_device(**fields: Any) -> Given:
    device = a_device(**fields)
    return written(lambda tx: device_items.bind(tx, device, before=None, holder=None))


def a_binding(**fields: Any) -> Given:
    return written(lambda tx: device_items.bind_token(tx, a_device(**fields), holder=None))


def _once(show: str = "first") -> Once:
    return Once.of(caller="user", route="POST /it", key="k", body=b"{}", show=lambda _: show)


def a_kept_answer(at: datetime = NOON) -> Given:
    return written(lambda tx: _once().remember(tx, None, at))


# Cases


@dataclass(frozen=True, kw_only=True)
class Case:
    """A write that ``clause`` alone refuses, or lets pass, in this state.

    The refusal is an exception's type, or the reason of a Conflict.
    """

    where: str
    clause: str
    given: Given = nothing
    write: Write
    refusal: type[Exception] | str = StaleVersion
    note: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.clause}{self.note and f' ({self.note})'}"

    def run(self) -> None:
        with Transaction() as tx:
            tx.put({"pk": "BESIDE", "sk": "META"})
            self.write(tx)

    def is_refused(self) -> None:
        before = everything()
        kind = self.refusal if isinstance(self.refusal, type) else Conflict
        with pytest.raises(kind) as refused:
            self.run()
        if isinstance(refused.value, Conflict):
            assert refused.value.reason == self.refusal
        assert everything() == before, "nothing changed, and nothing beside it"


IS_NEW = "attribute_not_exists(#pk)"
EXISTS = "attribute_exists(#pk)"
SAME_VERSION = "#version = :version_read"
ON_SHIFT = "#currently_on_shift = :yes"
THAT_SHIFT = "#shift_id = :shift_id"
NOT_CLOSING = "attribute_not_exists(#closing)"
IS_CLEAR = "attribute_not_exists(#next_booking_at) OR #next_booking_at >= :keeps_until"
NOT_OVER = "attribute_not_exists(#shift_ends_at) OR #shift_ends_at > :now"
CERTIFIED = "attribute_not_exists(#certified_until) OR #certified_until >= :today"
NOT_THE_LAST = f"{NOT_CLOSING} OR #load > :one"
THAT_MARK = "#capacity_at = :marked_at"
HAS_ROOM = "#load < :capacity"
FEW_MAILS = f"{IS_NEW} OR #mails < :most"
NOT_TOO_OFTEN = f"{IS_NEW} OR #times < :most"
FEW_VEHICLES = f"{IS_NEW} OR #vehicles < :most"
THAT_TOKEN = f"{IS_NEW} OR #token = :token"
THAT_BINDING = f"{IS_NEW} OR (#user_id = :user_id AND #device_id = :device_id)"
FREE_TO_BE_TOLD = f"{IS_NEW} OR #until <= :now"
FREE_OR_OVER = f"{IS_NEW} OR #kept_until <= :now"

_PROFILE = profile_from(a_record())
_LAPSED = {"certification_expires_on": "2026-06-30"}


_DONE_AT = NOON + timedelta(minutes=55)


def _takes(write: Callable[..., None], **more: Any) -> Write:
    return lambda tx: write(
        tx,
        MECHANIC,
        policy=Policy(),
        brand_key="bmw",
        now=NOON,
        otherwise=offer_rules.refused,
        **more,
    )


def _offers_marked(tx: Transaction, marked_at: datetime = NOON) -> None:
    mechanics.offer_capacity(
        tx,
        Mechanic(_PROFILE, capacity_at=marked_at),
        policy=Policy(),
        brand_key="bmw",
        now=NOON,
        otherwise=offer_rules.refused,
        keeps_until=_DONE_AT,
    )


def _renews(tx: Transaction) -> None:
    mechanics.renew_capacity(tx, MECHANIC, policy=Policy(), now=NOON, otherwise=offer_rules.refused)


_NEEDS_TIME: dict[str, Write] = {
    "take_load": _takes(mechanics.take_load, keeps_until=_DONE_AT),
    "check_available": _takes(mechanics.check_available, keeps_until=_DONE_AT),
    "offer_marked_capacity": _offers_marked,
}
_NEEDS_AVAILABLE: dict[str, Write] = {
    **_NEEDS_TIME,
    "take_load_of_booking": _takes(mechanics.take_load_of_booking, next_booking_at=None),
}


def _availability() -> Iterator[Case]:
    """What an offer and an accept ask of the mechanic; ``why_not_available`` says the same."""
    for function, write in _NEEDS_AVAILABLE.items():
        for clause, given, reason in (
            ("#status = :approved", a_mechanic({"status": "suspended"}), "not_eligible"),
            (
                "#profile_completion >= :min_profile_completion",
                a_mechanic({"profile_completion": 79}),
                "not_eligible",
            ),
            (CERTIFIED, a_mechanic(_LAPSED), "not_eligible"),
            (
                "contains(#brand_keys, :brand_key)",
                a_mechanic({"brand_specializations": ["Audi"]}),
                "not_eligible",
            ),
            (ON_SHIFT, off_shift(), "off_shift"),
            (HAS_ROOM, a_mechanic(load=1), "at_capacity"),
            (NOT_CLOSING, a_mechanic(closing="finished"), "at_capacity"),
            (NOT_OVER, a_mechanic(shift_ends_at=format_time(NOON)), "off_shift"),
        ):
            yield Case(
                where=f"mechanics.store.{function}",
                clause=clause,
                given=given,
                write=write,
                refusal=reason,
            )
    for function, write in _NEEDS_TIME.items():
        yield Case(
            where=f"mechanics.store.{function}",
            clause=IS_CLEAR,
            given=a_mechanic(next_booking_at=format_time(_DONE_AT - ONE_MS)),
            write=write,
            refusal="at_capacity",
        )
    unmarked = partial(a_mechanic, capacity_at=None)
    for clause, given, reason in (
        ("#status = :approved", unmarked({"status": "suspended"}), "not_eligible"),
        (
            "#profile_completion >= :min_profile_completion",
            unmarked({"profile_completion": 79}),
            "not_eligible",
        ),
        (CERTIFIED, unmarked(_LAPSED), "not_eligible"),
        (ON_SHIFT, unmarked(currently_on_shift=False), "off_shift"),
        (HAS_ROOM, unmarked(load=1), "at_capacity"),
        (NOT_CLOSING, unmarked(closing="finished"), "at_capacity"),
        (NOT_OVER, unmarked(shift_ends_at=format_time(NOON)), "off_shift"),
    ):
        yield Case(
            where="mechanics.store.renew_capacity",
            clause=clause,
            given=given,
            write=_renews,
            refusal=reason,
        )
    yield Case(
        where="mechanics.store.renew_capacity",
        clause="attribute_not_exists(#capacity_at)",
        given=a_mechanic(),
        write=_renews,
    )
    yield Case(
        where="mechanics.store.offer_marked_capacity",
        clause=THAT_MARK,
        given=a_mechanic(),
        write=lambda tx: _offers_marked(tx, NOON - ONE_SECOND),
    )


def _books(tx: Transaction) -> None:
    mechanics.put_new_booking(
        tx, MECHANIC, TEN, policy=Policy(), now=NOON, otherwise=calendars._not_eligible
    )


def _next_bookings() -> Iterator[Case]:
    for clause, given in (
        ("#status = :approved", a_mechanic({"status": "suspended"})),
        ("#profile_completion >= :min_profile_completion", a_mechanic({"profile_completion": 79})),
        (CERTIFIED, a_mechanic(_LAPSED)),
    ):
        yield Case(
            where="mechanics.store.put_new_booking",
            clause=clause,
            given=given,
            write=_books,
            refusal=Invalid,
        )
    yield Case(
        where="mechanics.store.put_next_booking",
        clause=EXISTS,
        given=nothing,
        write=lambda tx: mechanics.put_next_booking(tx, MECHANIC, TEN, NOON),
    )


def _goes_on(tx: Transaction) -> None:
    already = Conflict("already_clocked_in", "You are on shift already.")
    mechanic_items.go_on_shift(
        tx, MECHANIC, "shift-2", NOON, NOON + timedelta(hours=12), lambda _old: already
    )


def _goes_off(tx: Transaction) -> None:
    mechanic_items.go_off_shift(tx, MECHANIC, SHIFT, NOON, None)


def _frees(tx: Transaction) -> None:
    mechanic_items.free_load(tx, MECHANIC, session_ended=True, completed=True, now=NOON)


def _frees_last(tx: Transaction) -> None:
    mechanic_items.free_last_and_go_off_shift(
        tx, MECHANIC, SHIFT, session_ended=True, completed=True, now=NOON
    )


def _closes(tx: Transaction) -> None:
    mechanic_items.close_shift(tx, MECHANIC, SHIFT, "finished", NOON)


def _is_on_that_shift(tx: Transaction) -> None:
    mechanic_items.check_shift(tx, MECHANIC, SHIFT)


_MISSING = Mechanic(profile_from(a_record(id=MECHANIC)))


def _misses(tx: Transaction) -> None:
    mechanic_items.count_miss(tx, _MISSING, 1, NOON, is_last=False)


def _rates(tx: Transaction) -> None:
    mechanic_items.add_stars(tx, MECHANIC, 5, NOON)


def _forgets_due(tx: Transaction) -> None:
    mechanic_items.forget_due(tx, _MISSING)


def _mechanics() -> Iterator[Case]:
    def case(function: str, clause: str, given: Given, write: Write, **more: Any) -> Case:
        where = f"mechanics.store.{function}"
        return Case(where=where, clause=clause, given=given, write=write, **more)

    def put(tx: Transaction, before: Mechanic | None, *, off_duty: bool = False) -> None:
        mechanic_items.put_profile(tx, _PROFILE, before, NOON, off_duty=off_duty)

    def read(revision: int, shift_id: str | None = None) -> Mechanic:
        return Mechanic(_PROFILE, revision=revision, shift_id=shift_id)

    yield case("put_profile", IS_NEW, a_mechanic(), partial(put, before=None))
    yield case(
        "put_profile", "#revision = :revision_read", a_mechanic(), partial(put, before=read(2))
    )
    yield case("add_stars", EXISTS, nothing, _rates)
    yield case(
        "check_no_profile",
        IS_NEW,
        a_mechanic(),
        lambda tx: mechanics.check_no_profile(tx, MECHANIC),
    )
    for clause, revision in (
        ("#revision = :revision_read", 2),
        ("attribute_not_exists(#revision)", 0),
    ):
        drop = partial(mechanic_items.drop_profile, mechanic=read(revision), now=NOON)
        yield case("drop_profile", clause, a_mechanic(), drop)
    yield case(
        "drop_profile",
        EXISTS,
        nothing,
        partial(mechanic_items.drop_profile, mechanic=read(0), now=NOON),
    )
    as_of_old = partial(put, before=read(0))
    yield case("put_profile", EXISTS, nothing, as_of_old)
    yield case("put_profile", "attribute_not_exists(#revision)", a_mechanic(), as_of_old)
    for clause, shift_id in ((THAT_SHIFT, "shift-2"), ("attribute_not_exists(#shift_id)", None)):
        off_duty = partial(put, before=read(1, shift_id), off_duty=True)
        yield case("put_profile", clause, a_mechanic(), off_duty)
    is_off = "#currently_on_shift = :no"
    is_approved = "#status = :approved"
    suspended = a_mechanic(currently_on_shift=False, status="suspended")
    yield case("go_on_shift", is_approved, suspended, _goes_on, refusal="already_clocked_in")
    yield case("go_on_shift", is_off, a_mechanic(), _goes_on, refusal="already_clocked_in")
    yield case("go_off_shift", ON_SHIFT, off_shift(), _goes_off)
    yield case("go_off_shift", THAT_SHIFT, a_mechanic(shift_id="shift-2"), _goes_off)
    yield case("go_off_shift", "#load = :none", a_mechanic(load=1), _goes_off)
    yield case("free_load", "#load >= :one", a_mechanic(), _frees)
    yield case("free_load", NOT_THE_LAST, a_mechanic(load=1, closing="finished"), _frees)
    last = "free_last_and_go_off_shift"
    closing = partial(a_mechanic, closing="finished")
    yield case(last, THAT_SHIFT, closing(load=1, shift_id="shift-2"), _frees_last)
    yield case(last, "#load = :one", closing(load=2), _frees_last)
    yield case(last, "attribute_exists(#closing)", a_mechanic(load=1), _frees_last)
    yield case("close_shift", THAT_SHIFT, a_mechanic(load=1, shift_id="shift-2"), _closes)
    yield case("close_shift", "#load >= :one", a_mechanic(), _closes)
    yield case("close_shift", NOT_CLOSING, closing(load=1), _closes)
    yield case("check_shift", THAT_SHIFT, a_mechanic(shift_id="shift-2"), _is_on_that_shift)
    yield case("count_miss", ON_SHIFT, off_shift(), _misses)
    yield case("count_miss", HAS_ROOM, a_mechanic(load=1), _misses)
    yield case("count_miss", NOT_CLOSING, closing(), _misses)
    yield case("count_miss", NOT_OVER, a_mechanic(shift_ends_at=format_time(NOON)), _misses)
    yield case("count_miss", "#misses = :before", a_mechanic(misses=1), _misses)
    yield case("forget_due", "attribute_not_exists(#capacity_at)", a_mechanic(), _forgets_due)
    free = partial(a_mechanic, capacity_at=None)
    yield case("forget_due", "#misses = :misses", free(misses=1), _forgets_due)
    yield case(
        "forget_misses", EXISTS, nothing, lambda tx: mechanic_items.forget_misses(tx, MECHANIC)
    )
    yield case(
        "put_capacity_to_use",
        THAT_MARK,
        a_mechanic(),
        lambda tx: mechanic_items.put_capacity_to_use(tx, MECHANIC, NOON - ONE_SECOND),
    )


def _sessions() -> Iterator[Case]:
    def put(tx: Transaction, version: int) -> None:
        session_items.put(tx, builders.a_session(version=version))

    first = written(partial(put, version=1))
    for clause, version in ((IS_NEW, 1), (SAME_VERSION, 3)):
        yield Case(
            where="sessions.store.put",
            clause=clause,
            given=first,
            write=partial(put, version=version),
        )
    another, this = a_lock("01K00000000000000000000S02"), builders.a_session()
    yield Case(
        where="sessions.store.lock",
        clause=f"{IS_NEW} OR #session_id = :session_id",
        given=another,
        write=lambda tx: session_items.lock(tx, this, sessions._has_active_session),
        refusal="active_session",
    )
    yield Case(
        where="sessions.store.unlock",
        clause="#session_id = :session_id",
        given=another,
        write=lambda tx: session_items.unlock(tx, this),
    )


def _settles(tx: Transaction) -> None:
    offer_items.settle(
        tx,
        OFFER,
        before=AssignmentStatus.OFFERED,
        after=AssignmentStatus.ACCEPTED,
        mechanic_id=MECHANIC,
        offered_at=NOON,
        now=NOON,
    )


THAT_LEFT = "#capacity_id = :capacity_id"


def _leaves(capacity_id: str, tx: Transaction) -> None:
    offer_items.put_left(tx, LeftCapacity(capacity_id, MECHANIC, 1), NOON)


def _forgets_left(tx: Transaction) -> None:
    offer_items.forget_left(tx, MECHANIC, "this")


def _offers() -> Iterator[Case]:
    def case(function: str, clause: str, given: Given, write: Write, note: str = "") -> Case:
        where = f"offers.store.{function}"
        return Case(where=where, clause=clause, given=given, write=write, note=note)

    def put(tx: Transaction, version: int) -> None:
        offer_items.put_dispatch(tx, builders.a_dispatch(version=version))

    first = written(partial(put, version=1))
    yield case("put_dispatch", IS_NEW, first, partial(put, version=1))
    yield case("put_dispatch", SAME_VERSION, first, partial(put, version=3))
    yield case("forget_left", THAT_LEFT, written(partial(_leaves, "another")), _forgets_left)
    yield case("forget_left", THAT_LEFT, nothing, _forgets_left, "dealt with")
    yield case("add", IS_NEW, a_stored_offer(), lambda tx: offer_items.add(tx, builders.an_offer()))
    for status in sorted({*AssignmentStatus} - {AssignmentStatus.OFFERED}):
        yield case("settle", "#status = :before", a_stored_offer(status), _settles, status)
    for status in sorted({*AssignmentStatus} - {AssignmentStatus.HELD}):
        given = a_stored_broadcast(status)
        yield case("hold_broadcast", "#status = :held", given, _holds, status)
        yield case("open_broadcast", "#status = :held", given, _opens, status)
        if status is not AssignmentStatus.QUEUED:
            yield case("mark_declined", _IS_OPEN, given, _declines, status)


_IS_OPEN = "#status IN (:queued, :held)"


def _holds(tx: Transaction) -> None:
    offer_items.hold_broadcast(tx, BROADCAST, NOON)


def _opens(tx: Transaction) -> None:
    offer_items.open_broadcast(tx, BROADCAST)


def _declines(tx: Transaction) -> None:
    offer_items.mark_declined(tx, BROADCAST, MECHANIC)


def _devices() -> Iterator[Case]:
    def case(function: str, clause: str, given: Given, write: Write, note: str = "") -> Case:
        where = f"notifications.store.{function}"
        return Case(where=where, clause=clause, given=given, write=write, note=note)

    new = a_device(token="new")

    def bind(tx: Transaction, before: Device | None) -> None:
        device_items.bind(tx, new, before=before, holder=None)

    def bind_token(tx: Transaction, holder: tuple[str, str] | None) -> None:
        device_items.bind_token(tx, a_device(), holder=holder)

    was_there = ("rival", "tablet")
    yield case("bind", IS_NEW, a_stored_device(), partial(bind, before=None))
    yield case(
        "bind",
        "#token = :token_read",
        a_stored_device(),
        partial(bind, before=a_device(token="older")),
    )
    yield case("bind_token", IS_NEW, a_binding(), partial(bind_token, holder=None))
    yield case(
        "bind_token",
        "#user_id = :holder",
        a_binding(device_id="tablet"),
        partial(bind_token, holder=was_there),
    )
    yield case(
        "bind_token",
        "#device_id = :held_on",
        a_binding(user_id="rival"),
        partial(bind_token, holder=was_there),
    )
    yield case(
        "forget_device",
        THAT_TOKEN,
        a_stored_device(token="new"),
        lambda tx: device_items.forget_device(tx, a_device()),
    )
    registered = written(partial(_registers, before=0))
    for clause, before in ((IS_NEW, 0), (SAME_VERSION, 2)):
        yield case("count_registration", clause, registered, partial(_registers, before=before))
    for clause, given in (
        (THAT_BINDING, a_binding(user_id="rival", device_id="tablet")),
        ("#user_id = :user_id", a_binding(user_id="rival")),
        ("#device_id = :device_id", a_binding(device_id="tablet")),
    ):
        yield case(
            "forget_token", clause, given, lambda tx: device_items.forget_token(tx, a_device())
        )
    unstamped, stamped = a_device(), a_device(registered_at=NOON)
    for clause, given, device in (
        ("#endpoint_arn = :arn", a_stored_device(endpoint_arn="arn:newer"), unstamped),
        ("#enabled = :yes", a_stored_device(enabled=False), unstamped),
        (
            "#registered_at = :registered_at",
            a_stored_device(registered_at=NOON + ONE_MINUTE),
            stamped,
        ),
        (
            "attribute_not_exists(#registered_at)",
            a_stored_device(registered_at=NOON),
            unstamped,
        ),
    ):
        yield case("disable", clause, given, partial(_disables, device=device))
    yield case("count_mail", FEW_MAILS, written(*[_mails] * 5), _mails)
    first = written(partial(_tells, version=1))
    for clause, version in ((IS_NEW, 1), (SAME_VERSION, 3)):
        yield case("put", clause, first, partial(_tells, version=version))


def _registers(tx: Transaction, before: int) -> None:
    device_items.count_registration(tx, "user", Registrations(before), Times("hour", 1))


def _disables(tx: Transaction, device: Device) -> None:
    device_items.disable(tx, device, NOON)


def _mails(tx: Transaction) -> None:
    device_items.count_mail(tx, _a_notice(1), 5, otherwise=lambda _: StaleVersion())


def _tells(tx: Transaction, version: int) -> None:
    device_items.put(tx, _a_notice(version))


def _a_notice(version: int) -> LedgerEntry:
    return LedgerEntry(
        id="01K00000000000000000000N01-push",
        user_id="user",
        channel=Channel.PUSH,
        side=Side.MECHANIC,
        type=NoticeType.OFFER_MADE,
        language=Language.ENGLISH,
        title="New session for you",
        body="engine diagnostic",
        data={},
        created_at=NOON,
        expires_at=NOON + timedelta(minutes=5),
        version=version,
    )


def an_entry(version: int) -> Entry:
    return Entry(
        id="01K00000000000000000000W01",
        customer_id=CUSTOMER,
        wish=Wish(Target.ANY),
        line="ANY#CA",
        joined_at=NOON,
        expires_at=NOON + timedelta(hours=1),
        since=NOON,
        version=version,
    )


def a_turn(told_at: datetime) -> Turn:
    return Turn("01K00000000000000000000W01", CUSTOMER, MECHANIC, told_at, told_at + ONE_MINUTE)


def _takes_turn(tx: Transaction, at: datetime) -> None:
    waitlist_items.put_turn(tx, a_turn(at))


def _waitlist() -> Iterator[Case]:
    def put(tx: Transaction, version: int) -> None:
        before = an_entry(version - 1) if version > 1 else None
        waitlist_items.put(tx, an_entry(version), before)

    def put_turns(tx: Transaction, version: int) -> None:
        waitlist_items.put_turns(tx, Turns(mechanic_id=MECHANIC, version=version))

    first, first_turns = written(partial(put, version=1)), written(partial(put_turns, version=0))
    for clause, version in ((IS_NEW, 1), (SAME_VERSION, 3)):
        yield Case(
            where="waitlist.store.put",
            clause=clause,
            given=first,
            write=partial(put, version=version),
        )
    for clause, version in ((IS_NEW, 0), (SAME_VERSION, 2)):
        yield Case(
            where="waitlist.store.put_turns",
            clause=clause,
            given=first_turns,
            write=partial(put_turns, version=version),
        )
    yield Case(
        where="waitlist.store.put_turn",
        clause=FREE_TO_BE_TOLD,
        given=written(partial(_takes_turn, at=NOON)),
        write=partial(_takes_turn, at=NOON + ONE_MINUTE - ONE_MS),
    )


_TAKEABLE = (
    f"{IS_NEW} OR #held_until <= :now OR #session_id = :session_id"
    " OR (#customer_id = :customer_id AND attribute_exists(#held_until))"
)
_OWN_HOLD = "#customer_id = :customer_id AND attribute_exists(#held_until)"
_OF_ANOTHER = {"session_id": "another", "customer_id": RIVAL}


def _is_taken(_old: Item | None) -> Conflict:
    return calendar_rules.slot_taken()


def _takes_bucket(tx: Transaction, at: datetime = NOON, **fields: Any) -> None:
    calendar_items.take_bucket(tx, a_booking(**fields), TEN, at, _is_taken)


def _a_bucket(*, held: bool = False, **fields: Any) -> Given:
    booking = (a_hold if held else a_booking)(**fields)
    return written(lambda tx: calendar_items.take_bucket(tx, booking, TEN, NOON, _is_taken))


def _calendars() -> Iterator[Case]:
    def case(function: str, clause: str, given: Given, write: Write, **more: Any) -> Case:
        where = f"calendar.store.{function}"
        return Case(where=where, clause=clause, given=given, write=write, **more)

    def put(tx: Transaction, revision: int) -> None:
        calendar_items.put(tx, a_calendar(revision=revision))

    def touch(tx: Transaction) -> None:
        calendar_items.touch(tx, a_calendar(revision=2))

    first, same = written(partial(put, revision=0)), "#revision = :revision_read"
    yield case("put", IS_NEW, first, partial(put, revision=0))
    yield case("put", same, first, partial(put, revision=2))
    yield case("touch", same, first, touch)
    confirmed_for_me = _a_bucket(session_id="another")
    held_by_another = _a_bucket(held=True, **_OF_ANOTHER)
    for clause, given in (
        (_TAKEABLE, held_by_another),
        ("#customer_id = :customer_id", held_by_another),
        ("attribute_exists(#held_until)", confirmed_for_me),
    ):
        yield case("take_bucket", clause, given, _takes_bucket, refusal="slot_taken")
    yield case(
        "confirm_bucket",
        "#session_id = :session_id",
        held_by_another,
        lambda tx: calendar_items.confirm_bucket(tx, a_booking(), TEN, _is_taken),
        refusal="slot_taken",
    )
    yield case(
        "free_bucket",
        "#session_id = :session_id",
        held_by_another,
        lambda tx: calendar_items.free_bucket(tx, a_booking(), TEN),
    )


def _counts(tx: Transaction) -> None:
    response_items.count_response(tx, "event-1", Decimal(4), NOON, NOON + timedelta(hours=25))


def _adds_policy(_tx: Transaction) -> None:
    policy_items.add_first(Policy())


def _has_policy_item(sk: str) -> Given:
    return written(lambda tx: tx.put({"pk": "POLICY", "sk": sk, "entity": "of another"}))


def _changes_policy(tx: Transaction) -> None:
    policy_items.add(tx, PolicyVersion(Policy(version=2)), otherwise=policy_rules.stale)


def _has_newest_policy(version: int) -> Write:
    return lambda tx: tx.put({"pk": "POLICY", "sk": "NEWEST", "newest": version})


def _policies() -> Iterator[Case]:
    yield Case(
        where="policy.store.add/1",
        clause="#newest = :version_read",
        given=written(_has_newest_policy(7)),
        write=_changes_policy,
        refusal="stale_version",
    )
    yield Case(
        where="policy.store.add/2",
        clause=IS_NEW,
        given=written(
            _has_newest_policy(1),
            lambda tx: tx.put({"pk": "POLICY", "sk": "VERSION#00000002", "entity": "of another"}),
        ),
        write=_changes_policy,
    )


def _others() -> Iterator[Case]:
    yield Case(
        where="matching.store.count_response",
        clause=IS_NEW,
        given=written(_counts),
        write=_counts,
        refusal=response_items.AlreadyCounted,
    )
    for number, sk in ((1, "VERSION#00000001"), (2, "NEWEST")):
        yield Case(
            where=f"policy.store.add_first/{number}",
            clause=IS_NEW,
            given=_has_policy_item(sk),
            write=_adds_policy,
        )
    yield Case(
        where="core.idempotency.remember",
        clause=FREE_OR_OVER,
        given=a_kept_answer(),
        write=lambda tx: _once("second").remember(tx, None, NOON + KEPT_FOR - ONE_SECOND),
        refusal=AlreadyAnswered,
    )


def a_customer(**fields: Any) -> Customer:
    return Customer(**{"id": CUSTOMER, "name": "Jo"} | fields)


_KEPT = KeptVehicle("01K00000000000000000000V01", Vehicle(2019, "Honda", "Civic"), NOON)


def _keeps_vehicle(tx: Transaction) -> None:
    customer_items.add_vehicle(tx, CUSTOMER, _KEPT, 2, lambda _: customer_rules.too_many_vehicles())


def _customers() -> Iterator[Case]:
    def case(function: str, clause: str, given: Given, write: Write, **more: Any) -> Case:
        where = f"customers.store.{function}"
        return Case(where=where, clause=clause, given=given, write=write, **more)

    def put(tx: Transaction, before: Customer | None) -> None:
        customer_items.put_profile(tx, a_customer(name="Jo again"), before)

    known = written(lambda tx: customer_items.put(tx, a_customer()))
    erased = written(lambda tx: customer_items.mark_erased(tx, CUSTOMER, NOON))
    yield case("put_profile", IS_NEW, known, partial(put, before=None))
    changed = partial(put, before=a_customer(name="Jo before"))
    yield case("put_profile", "#profile = :profile_read", known, changed)
    yield case(
        "add_vehicle",
        FEW_VEHICLES,
        written(*[_keeps_vehicle] * 2),
        _keeps_vehicle,
        refusal="too_many_vehicles",
    )
    yield case(
        "remove_vehicle",
        EXISTS,
        nothing,
        lambda tx: customer_items.remove_vehicle(
            tx, CUSTOMER, _KEPT.id, customers._no_such_vehicle
        ),
        refusal=NotFound,
    )
    again = partial(customer_items.mark_erased, customer_id=CUSTOMER, now=NOON + ONE_SECOND)
    yield case("mark_erased", IS_NEW, erased, again)
    yield case(
        "check_not_erased",
        IS_NEW,
        erased,
        lambda tx: customers.check_not_erased(tx, CUSTOMER),
        refusal="erased",
    )


def _forgetting() -> Iterator[Case]:
    yield Case(
        where="sessions.store.check_unlocked",
        clause=IS_NEW,
        given=a_lock("01K00000000000000000000S02"),
        write=lambda tx: sessions.check_no_active(tx, CUSTOMER),
        refusal="active_session",
    )
    yield Case(
        where="offers.store.forget_customer",
        clause=EXISTS,
        write=lambda tx: offer_items.forget_customer(tx, builders.an_offer()),
    )


def _acts(tx: Transaction) -> None:
    quota_items.count(
        tx,
        Action.UPLOAD,
        CUSTOMER,
        "2026-07-01T12",
        ends=NOON + timedelta(hours=1),
        most=2,
        otherwise=lambda _: quota_rules.exceeded(Action.UPLOAD, 2, NOON),
    )


def _quotas() -> Iterator[Case]:
    yield Case(
        where="quotas.store.count",
        clause=NOT_TOO_OFTEN,
        given=written(*[_acts] * 2),
        write=_acts,
        refusal=QuotaExceeded,
    )


def _passing_of_quotas() -> Iterator[Case]:
    for clause, given in ((IS_NEW, nothing), ("#times < :most", written(_acts))):
        yield Case(
            where="quotas.store.count",
            clause=clause,
            given=given,
            write=_acts,
            refusal=QuotaExceeded,
        )


def _uploads() -> Iterator[Case]:
    def put(tx: Transaction, version: int) -> None:
        ref = Ref(Kind.ATTACHMENT, CUSTOMER, "01K00000000000000000000Z01")
        upload = Upload(ref=ref, content_type="image/jpeg", requested_at=NOON, version=version)
        upload_items.put(tx, upload)

    first = written(partial(put, version=1))
    for clause, version in ((IS_NEW, 1), (SAME_VERSION, 3)):
        yield Case(
            where="uploads.store.put",
            clause=clause,
            given=first,
            write=partial(put, version=version),
        )


def _enters(
    tx: Transaction, amount: int, number: int, *, entry_id: str = "entry", balance: int = 5
) -> None:
    entry = payment_rules.entry(
        Balance(CUSTOMER, balance - amount, number - 1),
        EntryKind.GRANT,
        amount,
        entry_id=entry_id,
        now=NOON,
    )
    payment_items.put_entry(
        tx,
        entry,
        otherwise=lambda old: payments._why_not_taken(old, -amount, Balance(CUSTOMER)),
    )


def _pays(tx: Transaction, version: int) -> None:
    paid = Paid(SESSION, "pi_1", 999, "cad")
    payment = payment_rules.receive(paid, CUSTOMER, NOON)
    payment_items.put_payment(tx, replace(payment, version=version))


def _hears(tx: Transaction) -> None:
    payments.hear(tx, Notice("evt_1", "charge.refunded", None), NOON)


def _opens_checkout(tx: Transaction) -> None:
    payment_items.put_checkout(tx, Checkout(SESSION, "cs_1", "https://pay.example"))


def _payments() -> Iterator[Case]:
    def case(function: str, clause: str, given: Given, write: Write, **more: Any) -> Case:
        where = f"payments.store.{function}"
        return Case(where=where, clause=clause, given=given, write=write, **more)

    five = written(partial(_enters, amount=5, number=1))
    six = written(
        partial(_enters, amount=5, number=1),
        partial(_enters, amount=1, number=2, entry_id="second", balance=6),
    )
    takes = partial(_enters, number=2, entry_id="another")
    yield case("put_entry/2", "#entries = :entries_read", six, partial(takes, amount=-1, balance=4))
    yield case(
        "put_entry/2",
        "#credits >= :taken",
        five,
        partial(takes, amount=-6, balance=-1),
        refusal=TooFewCredits,
    )
    gives = partial(_enters, amount=1, entry_id="another", balance=6)
    yield case("put_entry/3", IS_NEW, five, partial(gives, number=1))
    yield case("put_entry/3", "#entries = :entries_read", six, partial(gives, number=2))
    yield case("put_entry/1", IS_NEW, five, partial(_enters, amount=1, number=2, balance=6))
    first = written(partial(_pays, version=1))
    yield case("put_payment", IS_NEW, first, partial(_pays, version=1))
    yield case("put_payment", SAME_VERSION, first, partial(_pays, version=3))
    yield case("put_checkout", IS_NEW, written(_opens_checkout), _opens_checkout)
    yield case("put_heard", IS_NEW, written(_hears), _hears, refusal=payments.AlreadyHeard)


REFUSED = [
    *_mechanics(),
    *_availability(),
    *_next_bookings(),
    *_sessions(),
    *_offers(),
    *_devices(),
    *_waitlist(),
    *_calendars(),
    *_customers(),
    *_uploads(),
    *_forgetting(),
    *_quotas(),
    *_others(),
    *_policies(),
    *_payments(),
]


_NO_LAST_DAY = {"certification_expires_on": None}


def _passing() -> Iterator[Case]:
    """Writes that pass by one of two choices alone.

    What speaks when the condition lacks the choice is a rule that finds nothing to refuse.
    """
    in_shift = (
        ("attribute_not_exists(#shift_ends_at)", a_mechanic()),
        ("#shift_ends_at > :now", a_mechanic(shift_ends_at=format_time(NOON + ONE_MS))),
    )
    for function, write in _NEEDS_AVAILABLE.items():
        for clause, given in (
            ("attribute_not_exists(#certified_until)", a_mechanic(_NO_LAST_DAY)),
            ("#certified_until >= :today", a_mechanic()),
            *in_shift,
        ):
            yield Case(
                where=f"mechanics.store.{function}",
                clause=clause,
                given=given,
                write=write,
                refusal=StaleVersion if write is _offers_marked else AssertionError,
            )
    for clause, given in (
        ("attribute_not_exists(#certified_until)", a_mechanic(_NO_LAST_DAY, capacity_at=None)),
        ("#certified_until >= :today", a_mechanic(capacity_at=None)),
        ("attribute_not_exists(#shift_ends_at)", a_mechanic(capacity_at=None)),
        (
            "#shift_ends_at > :now",
            a_mechanic(capacity_at=None, shift_ends_at=format_time(NOON + ONE_MS)),
        ),
    ):
        yield Case(
            where="mechanics.store.renew_capacity", clause=clause, given=given, write=_renews
        )
    for clause, given in in_shift:
        yield Case(where="mechanics.store.count_miss", clause=clause, given=given, write=_misses)
    for clause, given in (
        (NOT_CLOSING, a_mechanic(load=1)),
        ("#load > :one", a_mechanic(load=2, closing="finished")),
    ):
        yield Case(where="mechanics.store.free_load", clause=clause, given=given, write=_frees)
    yield from _passing_elsewhere()


def _passing_elsewhere() -> Iterator[Case]:
    this = builders.a_session()
    for clause, given in ((IS_NEW, nothing), ("#session_id = :session_id", a_lock(this.id))):
        yield Case(
            where="sessions.store.lock",
            clause=clause,
            given=given,
            write=lambda tx: session_items.lock(tx, this, sessions._has_active_session),
            refusal="active_session",
        )
    for clause, given in ((IS_NEW, nothing), ("#token = :token", a_stored_device())):
        yield Case(
            where="notifications.store.forget_device",
            clause=clause,
            given=given,
            write=lambda tx: device_items.forget_device(tx, a_device()),
        )
    for clause, given in (
        (IS_NEW, nothing),
        ("#user_id = :user_id AND #device_id = :device_id", a_binding()),
    ):
        yield Case(
            where="notifications.store.forget_token",
            clause=clause,
            given=given,
            write=lambda tx: device_items.forget_token(tx, a_device()),
        )
    for clause, given in ((IS_NEW, nothing), ("#mails < :most", written(*[_mails] * 4))):
        yield Case(where="notifications.store.count_mail", clause=clause, given=given, write=_mails)
    for clause, given in (
        (IS_NEW, nothing),
        ("#until <= :now", written(partial(_takes_turn, at=NOON))),
    ):
        yield Case(
            where="waitlist.store.put_turn",
            clause=clause,
            given=given,
            write=partial(_takes_turn, at=NOON + ONE_MINUTE),
        )
    for clause, given, refusal in (
        (IS_NEW, nothing, "idempotency_mismatch"),
        ("#kept_until <= :now", a_kept_answer(NOON - KEPT_FOR), AlreadyAnswered),
    ):
        yield Case(
            where="core.idempotency.remember",
            clause=clause,
            given=given,
            write=lambda tx: _once("second").remember(tx, None, NOON),
            refusal=refusal,
        )


def _passing_by_the_calendar() -> Iterator[Case]:
    for function, write in _NEEDS_TIME.items():
        for clause, given in (
            ("attribute_not_exists(#next_booking_at)", a_mechanic()),
            (
                "#next_booking_at >= :keeps_until",
                a_mechanic(next_booking_at=format_time(_DONE_AT)),
            ),
        ):
            yield Case(
                where=f"mechanics.store.{function}",
                clause=clause,
                given=given,
                write=write,
                refusal=StaleVersion if write is _offers_marked else AssertionError,
            )
    for clause, given in (
        ("attribute_not_exists(#certified_until)", a_mechanic(_NO_LAST_DAY)),
        ("#certified_until >= :today", a_mechanic()),
    ):
        yield Case(
            where="mechanics.store.put_new_booking",
            clause=clause,
            given=given,
            write=_books,
            refusal=Invalid,
        )
    lapsed = partial(_takes_bucket, at=NOON + QUARTER)
    for clause, given, write in (
        (IS_NEW, nothing, _takes_bucket),
        ("#held_until <= :now", _a_bucket(held=True, **_OF_ANOTHER), lapsed),
        ("#session_id = :session_id", _a_bucket(customer_id=RIVAL), _takes_bucket),
        (_OWN_HOLD, _a_bucket(held=True, session_id="another"), _takes_bucket),
    ):
        yield Case(
            where="calendar.store.take_bucket",
            clause=clause,
            given=given,
            write=write,
            refusal="slot_taken",
        )


def _passing_of_customers() -> Iterator[Case]:
    for clause, given in ((IS_NEW, nothing), ("#vehicles < :most", written(_keeps_vehicle))):
        yield Case(
            where="customers.store.add_vehicle",
            clause=clause,
            given=given,
            write=_keeps_vehicle,
            refusal="too_many_vehicles",
        )


PASSING = [
    *_passing(),
    *_passing_by_the_calendar(),
    *_passing_of_customers(),
    *_passing_of_quotas(),
]


def _named(cases: list[Case], where: str) -> set[str]:
    return {case.clause for case in cases if case.where == where}


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_clause_that_does_not_hold_refuses_the_whole_write(
    case: Case, conditions: Conditions
) -> None:
    case.given()
    case.is_refused()
    conditions.out = (case.where, case.clause)
    case.run()
    for condition in conditions.written[case.where]:
        assert clauses(condition) <= _named(REFUSED, case.where), "each clause has its case"
        assert alternatives(condition) <= _named(PASSING, case.where), "and each choice"


@pytest.mark.parametrize("case", PASSING, ids=str)
def test_one_choice_of_several_is_enough(case: Case, conditions: Conditions) -> None:
    case.given()
    conditions.out = (case.where, case.clause)
    case.is_refused()
    conditions.out = None
    case.run()


@pytest.mark.parametrize("status", [AssignmentStatus.QUEUED, AssignmentStatus.HELD])
def test_a_broadcast_can_be_declined_while_it_is_open_and_while_it_is_held(
    aws: None, status: AssignmentStatus
) -> None:
    a_stored_broadcast(status)()
    with Transaction() as tx:
        _declines(tx)
    row = offer_items.find(BROADCAST)
    assert row is not None
    assert row.declined_by == {MECHANIC}


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.where)
def test_every_condition_in_the_code_has_its_cases(site: Site) -> None:
    assert _named(REFUSED, site.where), "a condition without a case"
    assert site.clauses <= _named(REFUSED, site.where), "a clause without a case"


def test_no_case_is_about_a_condition_that_is_gone() -> None:
    assert {case.where for case in REFUSED + PASSING} == {site.where for site in SITES}


def test_conditions_are_taken_apart() -> None:
    """The tests above stand on this."""
    both = "a = :a AND (b = :b OR (c = :c AND contains(d, :d))) AND e IN (:e, :f)"
    choice = "b = :b OR (c = :c AND contains(d, :d))"
    assert clauses(both) == {"a = :a", choice, "c = :c", "contains(d, :d)", "e IN (:e, :f)"}
    assert alternatives(both) == {"b = :b", "c = :c AND contains(d, :d)"}
    assert without(both, choice) == "a = :a AND e IN (:e, :f)"
    assert without("a = :a", "a = :a") is None
