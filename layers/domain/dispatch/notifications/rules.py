"""Who is told what, how it is written for each provider, and the ledger's moves. Pure."""

import base64
import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from dispatch.core.errors import IllegalMove
from dispatch.core.events import EventType
from dispatch.core.time import parse_time
from dispatch.notifications.model import (
    OFFER_WITHDRAWN,
    Channel,
    Delivery,
    Device,
    Entry,
    Language,
    Move,
    Notice,
    NoticeStatus,
    NoticeType,
    Platform,
    Side,
    While,
    Withdrawal,
)
from dispatch.notifications.texts import moment, said
from dispatch.offers.model import SessionBrief

WORTH_TELLING_FOR = timedelta(days=1)
THREE_WAYS_ON = "schedule,browse_offline,join_waitlist"
"""What a customer can do while nobody takes their session; texts alone fit into a push."""

Fact = Mapping[str, Any]


# Who is told what


def _notice(
    fact: Fact,
    user_id: str,
    side: Side,
    type_: NoticeType,
    *,
    wording: str = "",
    source: str = "",
    words: dict[str, str] | None = None,
    data: Mapping[str, str] | None = None,
    expires_at: datetime | None = None,
    channels: tuple[Channel, ...] = (Channel.PUSH,),
) -> Notice:
    at = parse_time(fact["at"])
    about = {"session_id": fact["session_id"]} if "session_id" in fact else {}
    return Notice(
        source=source or fact["id"],
        user_id=user_id,
        side=side,
        type=type_,
        wording=f"{type_}.{wording}" if wording else type_,
        words=words or {},
        data=about | dict(data or {}),
        at=at,
        expires_at=min(expires_at or at + WORTH_TELLING_FOR, at + WORTH_TELLING_FOR),
        channels=channels,
    )


_PUSHED_AND_MAILED = (Channel.PUSH, Channel.MAIL)


def _customer(fact: Fact, type_: NoticeType, **about: Any) -> Notice:
    return _notice(fact, fact["customer_id"], Side.CUSTOMER, type_, **about)


def _mechanic(fact: Fact, type_: NoticeType, **about: Any) -> Notice:
    return _notice(fact, fact["mechanic_id"], Side.MECHANIC, type_, **about)


def offers_made(fact: Fact, brief: SessionBrief) -> list[Notice]:
    """One for each mechanic who was asked, worth telling as long as the offer stands."""
    return [
        _notice(
            fact,
            mechanic_id,
            Side.MECHANIC,
            NoticeType.OFFER_MADE,
            wording="urgent" if brief.urgent else "",
            source=assignment_id,
            words={"what": _what_and_where(brief)},
            data={"assignment_id": assignment_id},
            expires_at=parse_time(fact["expires_at"]),
        )
        for mechanic_id, assignment_id in zip(
            fact["mechanic_ids"], fact["assignment_ids"], strict=True
        )
    ]


def broadcast_announced(fact: Fact, brief: SessionBrief) -> list[Notice]:
    """One for each mechanic who could take the session nobody has taken yet.

    Worth telling as long as the session is pending; facts of an earlier release do not say until
    when.
    """
    expires_at = parse_time(fact["expires_at"]) if "expires_at" in fact else None
    return [
        _notice(
            fact,
            mechanic_id,
            Side.MECHANIC,
            NoticeType.BROADCAST_ANNOUNCED,
            words={"what": _what_and_where(brief)},
            data={"assignment_id": fact["assignment_id"]},
            expires_at=expires_at,
        )
        for mechanic_id in fact["mechanic_ids"]
    ]


def _what_and_where(brief: SessionBrief) -> str:
    what = ", ".join(brief.keywords) or f"{brief.plan} {brief.type} session"
    return f"{what} - {brief.city}" if brief.city else what


def _offer_accepted(fact: Fact) -> list[Notice]:
    data = {"mechanic_id": fact["mechanic_id"]}
    return [_customer(fact, NoticeType.OFFER_ACCEPTED, data=data)]


def _mechanic_joined(fact: Fact) -> list[Notice]:
    """The customer, while they are waited for."""
    if "customer_due_by" not in fact:
        return []
    due_by = parse_time(fact["customer_due_by"])
    return [
        _customer(
            fact,
            NoticeType.MECHANIC_JOINED,
            words={"minutes": _minutes_left(fact, due_by)},
            data={name: fact[name] for name in ("mechanic_id", "customer_due_by")},
            expires_at=due_by,
        )
    ]


def _offer_released(fact: Fact) -> list[Notice]:
    return [_customer(fact, NoticeType.OFFER_RELEASED)]


def _session_reassigned(fact: Fact) -> list[Notice]:
    """Who was suspended is told that alone, by the fact of it."""
    told = [_customer(fact, NoticeType.OFFER_RELEASED, wording="reassigned")]
    if fact["why"] == "reassigned":
        told.append(_mechanic(fact, NoticeType.SESSION_REASSIGNED))
    return told


def _mechanic_not_joined(fact: Fact) -> list[Notice]:
    return [
        _customer(fact, NoticeType.MECHANIC_NOT_JOINED, wording=Side.CUSTOMER),
        _mechanic(fact, NoticeType.MECHANIC_NOT_JOINED, wording=Side.MECHANIC),
    ]


def _preferred_passed_over(fact: Fact) -> list[Notice]:
    outcome = fact["outcome"]
    data = {"mechanic_id": fact["mechanic_id"], "outcome": outcome}
    return [_customer(fact, NoticeType.PREFERRED_PASSED_OVER, wording=outcome, data=data)]


def _all_offline(fact: Fact) -> list[Notice]:
    return [
        _customer(
            fact,
            NoticeType.ALL_OFFLINE,
            data={"options": THREE_WAYS_ON},
            channels=_PUSHED_AND_MAILED,
        )
    ]


def _session_unfilled(fact: Fact) -> list[Notice]:
    return [
        _customer(
            fact,
            NoticeType.SESSION_UNFILLED,
            data={"options": THREE_WAYS_ON},
            channels=_PUSHED_AND_MAILED,
        )
    ]


def _customer_not_joined(fact: Fact) -> list[Notice]:
    """Who was elsewhere at the start of a booking has kept nobody waiting: none had joined it."""
    type_ = NoticeType.CUSTOMER_NOT_JOINED
    if "assignment_id" in fact and fact["assignment_id"] is None:
        data = {"cause": "elsewhere"}
        return [
            _customer(
                fact, type_, wording="customer_elsewhere", data=data, channels=_PUSHED_AND_MAILED
            ),
            _mechanic(fact, type_, wording="mechanic_elsewhere", data=data),
        ]
    return [
        _customer(fact, type_, wording=Side.CUSTOMER, channels=_PUSHED_AND_MAILED),
        _mechanic(fact, type_, wording=Side.MECHANIC),
    ]


def _session_cancelled(fact: Fact) -> list[Notice]:
    """The mechanic who had it; the customer, if it was not they who cancelled."""
    if "scheduled_start" in fact:
        return _booking_cancelled(fact)
    type_ = NoticeType.SESSION_CANCELLED
    told = []
    if fact.get("mechanic_id"):
        told.append(_mechanic(fact, type_, wording=Side.MECHANIC))
    if fact["cancelled_by"] != Side.CUSTOMER:
        by_admin = fact["cancelled_by"] == "admin"
        told.append(
            _customer(
                fact,
                type_,
                wording="customer_called_off" if by_admin else Side.CUSTOMER,
                data={"cancelled_by": fact["cancelled_by"]} if by_admin else {},
                channels=_PUSHED_AND_MAILED,
            )
        )
    return told


def _session_completed(fact: Fact) -> list[Notice]:
    """Whoever has not ended it themselves; by mail the customer in any case."""
    type_ = NoticeType.SESSION_COMPLETED
    ended_by = fact["ended_by"]
    told = [
        _customer(
            fact,
            type_,
            channels=(Channel.MAIL,) if ended_by == Side.CUSTOMER else _PUSHED_AND_MAILED,
        )
    ]
    if ended_by != Side.MECHANIC:
        told.append(_mechanic(fact, type_))
    return told


def _waitlist_told(fact: Fact) -> list[Notice]:
    claim_until = parse_time(fact["claim_until"])
    return [
        _customer(
            fact,
            NoticeType.WAITLIST_TOLD,
            words={"minutes": _minutes_left(fact, claim_until)},
            data={name: fact[name] for name in ("entry_id", "mechanic_id", "claim_until")},
            expires_at=claim_until,
            channels=_PUSHED_AND_MAILED,
        )
    ]


def _minutes_left(fact: Fact, until: datetime) -> str:
    """Whole minutes from the fact on, and never none: who reads it is to hurry."""
    return str(max(1, (until - parse_time(fact["at"])) // timedelta(minutes=1)))


_MAILED_CAUSES = frozenset({"three_misses", "twelve_hours"})


def _mechanic_clocked_out(fact: Fact) -> list[Notice]:
    """Whoever has not clocked out themselves; by mail if nobody may be looking at the app.

    A suspension is told by itself.
    """
    cause = fact.get("cause", "self")
    if cause in ("self", "suspended"):
        return []
    return [
        _mechanic(
            fact,
            NoticeType.MECHANIC_CLOCKED_OUT,
            wording=cause,
            data={"shift_id": fact["shift_id"], "cause": cause},
            channels=_PUSHED_AND_MAILED if cause in _MAILED_CAUSES else (Channel.PUSH,),
        )
    ]


def _standing(type_: NoticeType) -> Callable[[Fact], list[Notice]]:
    """What an admin has decided about the mechanic's account."""
    return lambda fact: [_mechanic(fact, type_)]


# Bookings

_OF_THE_BOOKING = (
    "mechanic_id",
    "scheduled_start",
    "scheduled_end",
    "booking_version",
    "time_zone",
    "ahead",
    "refund_percent",
    "assignment_id",
)


def _booking(fact: Fact) -> dict[str, str]:
    """What an app wants to know of a booking, and what its invitation is made of."""
    return {name: str(fact[name]) for name in _OF_THE_BOOKING if name in fact}


def _both(fact: Fact, type_: NoticeType, wording: str = "", **about: Any) -> list[Notice]:
    """Customer and mechanic, each in the words for their side unless there is one wording."""
    return [
        _customer(fact, type_, wording=wording or Side.CUSTOMER, data=_booking(fact), **about),
        _mechanic(fact, type_, wording=wording or Side.MECHANIC, data=_booking(fact), **about),
    ]


def _session_scheduled(fact: Fact) -> list[Notice]:
    start = parse_time(fact["scheduled_start"])
    type_ = NoticeType.SESSION_SCHEDULED
    return _both(fact, type_, expires_at=start, channels=_PUSHED_AND_MAILED)


def _session_rescheduled(fact: Fact) -> list[Notice]:
    start = parse_time(fact["scheduled_start"])
    type_ = NoticeType.SESSION_RESCHEDULED
    return _both(fact, type_, expires_at=start, channels=_PUSHED_AND_MAILED)


def _session_reminder(fact: Fact) -> list[Notice]:
    """The first of the three also by mail: a day ahead nobody has to look at the app."""
    return _both(
        fact,
        NoticeType.SESSION_REMINDER,
        wording=fact["ahead"],
        expires_at=parse_time(fact["scheduled_start"]),
        channels=_PUSHED_AND_MAILED if fact["ahead"] == "24_h" else (Channel.PUSH,),
    )


def _booking_cancelled(fact: Fact) -> list[Notice]:
    """Both by mail, for their calendars' sake; by push whoever has not cancelled it."""
    words = {"percent": str(fact["refund_percent"])}
    told = []
    for side, tell in ((Side.CUSTOMER, _customer), (Side.MECHANIC, _mechanic)):
        is_own = fact["cancelled_by"] == side
        told.append(
            tell(
                fact,
                NoticeType.SESSION_CANCELLED,
                wording=f"{side}_own_booking" if is_own else f"{side}_booking",
                words=words,
                data=_booking(fact),
                channels=(Channel.MAIL,) if is_own else _PUSHED_AND_MAILED,
            )
        )
    return told


def _booking_delayed(fact: Fact) -> list[Notice]:
    """Whoever is missing is called."""
    until = parse_time(fact["delayed_until"])
    type_ = NoticeType.BOOKING_DELAYED
    called = []
    if fact["customer_elsewhere"]:
        called.append(
            _customer(fact, type_, wording=Side.CUSTOMER, data=_booking(fact), expires_at=until)
        )
    if fact["mechanic_called"]:
        called.append(
            _mechanic(
                fact,
                type_,
                wording=Side.MECHANIC,
                words={"minutes": _minutes_left(fact, until)},
                data=_booking(fact),
                expires_at=until,
            )
        )
    return called


def _booking_began(fact: Fact) -> list[Notice]:
    due_by = parse_time(fact["mechanic_due_by"])
    words = {"minutes": _minutes_left(fact, due_by)}
    return _both(fact, NoticeType.BOOKING_BEGAN, words=words, expires_at=due_by)


_WARNED_FOR = timedelta(minutes=15)


def _booking_clash(fact: Fact) -> list[Notice]:
    """Both sides of the session that is live."""
    until = parse_time(fact["at"]) + _WARNED_FOR
    return _both(fact, NoticeType.BOOKING_CLASH, expires_at=until)


_TOLD: Mapping[str, Callable[[Fact], list[Notice]]] = {
    EventType.OFFER_ACCEPTED: _offer_accepted,
    EventType.OFFER_RELEASED: _offer_released,
    EventType.SESSION_REASSIGNED: _session_reassigned,
    EventType.MECHANIC_JOINED: _mechanic_joined,
    EventType.MECHANIC_NOT_JOINED: _mechanic_not_joined,
    EventType.PREFERRED_PASSED_OVER: _preferred_passed_over,
    EventType.ALL_OFFLINE: _all_offline,
    EventType.SESSION_UNFILLED: _session_unfilled,
    EventType.CUSTOMER_NOT_JOINED: _customer_not_joined,
    EventType.SESSION_CANCELLED: _session_cancelled,
    EventType.SESSION_COMPLETED: _session_completed,
    EventType.WAITLIST_TOLD: _waitlist_told,
    EventType.MECHANIC_CLOCKED_OUT: _mechanic_clocked_out,
    EventType.SESSION_SCHEDULED: _session_scheduled,
    EventType.SESSION_RESCHEDULED: _session_rescheduled,
    EventType.SESSION_REMINDER: _session_reminder,
    EventType.BOOKING_DELAYED: _booking_delayed,
    EventType.BOOKING_BEGAN: _booking_began,
    EventType.BOOKING_CLASH: _booking_clash,
    EventType.MECHANIC_APPROVED: _standing(NoticeType.MECHANIC_APPROVED),
    EventType.MECHANIC_SUSPENDED: _standing(NoticeType.MECHANIC_SUSPENDED),
    EventType.MECHANIC_REINSTATED: _standing(NoticeType.MECHANIC_REINSTATED),
}


def told_of(fact: Fact) -> list[Notice]:
    """Whom a fact is told to. Offers and broadcasts say what they are about: see above.

    A fact with a ``scheduled_start`` comes with the ``time_zone`` that it is told in.
    """
    about = _TOLD.get(fact["type"])
    return about(fact) if about else []


ANSWERABLE = frozenset({NoticeType.OFFER_MADE, NoticeType.BROADCAST_ANNOUNCED})
"""Worth telling only while the assignment can be accepted."""
STANDING = frozenset(
    {NoticeType.SESSION_SCHEDULED, NoticeType.SESSION_RESCHEDULED, NoticeType.SESSION_REMINDER}
)
"""Worth telling only while the booking stands where it did: nobody is reminded of another."""


HOLDS_WHILE: Mapping[tuple[NoticeType, Side], While] = {
    (NoticeType.ALL_OFFLINE, Side.CUSTOMER): While.ALL_OFFLINE,
    (NoticeType.OFFER_ACCEPTED, Side.CUSTOMER): While.TAKEN,
    (NoticeType.BOOKING_BEGAN, Side.CUSTOMER): While.TAKEN,
    (NoticeType.MECHANIC_JOINED, Side.CUSTOMER): While.CUSTOMER_DUE,
    (NoticeType.OFFER_RELEASED, Side.CUSTOMER): While.SOUGHT,
    (NoticeType.MECHANIC_NOT_JOINED, Side.CUSTOMER): While.SOUGHT,
    (NoticeType.WAITLIST_TOLD, Side.CUSTOMER): While.TURN,
}
"""Worth telling only while it is so: providers may be out for hours. All else stays true."""


def withdrawals(fact: Fact) -> list[Withdrawal]:
    """The offers that a fact has ended before their time, on the screens of who had them."""
    match fact["type"]:
        case EventType.OFFER_ACCEPTED | EventType.SESSION_CANCELLED | EventType.SESSION_UNFILLED:
            pairs = zip(
                fact.get("lost_mechanic_ids", ()),
                fact.get("lost_assignment_ids", ()),
                strict=True,
            )
        case EventType.OFFERS_EXPIRED if fact["cause"] != "timeout":
            pairs = zip(fact["mechanic_ids"], fact["assignment_ids"], strict=True)
        case _:
            return []
    return [
        Withdrawal(user_id=user_id, session_id=fact["session_id"], assignment_id=assignment_id)
        for user_id, assignment_id in pairs
    ]


# Words


def language_of(locale: str | None) -> Language:
    """French for every locale of the French language (``fr``, ``fr-CA``), else English."""
    spoken = re.match(r"[a-z]*", (locale or "").strip().lower())
    is_french = spoken is not None and spoken[0] == Language.FRENCH
    return Language.FRENCH if is_french else Language.ENGLISH


def one_line(text: str) -> str:
    """Without line breaks, control characters and runs of blanks; at most 100 characters."""
    visible = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(visible.split())[:100]


_LINK = re.compile(r"\w\.\w{2,}")
"""Mail programs make a link of it."""

_LONGEST_NAME = 40
_MOST_NAMES = 5


def greeting_name(text: str | None) -> str:
    """A name as a mail greets somebody by, or nothing, for a text that is hardly a name.

    Nobody makes us mail links, numbers to call or sentences to others.
    """
    name = one_line(text or "")
    is_short = len(name) <= _LONGEST_NAME and len(name.split()) <= _MOST_NAMES
    is_plausible = is_short and all(map(_is_of_a_name, name)) and not _LINK.search(name)
    return name if is_plausible else ""


def _is_of_a_name(char: str) -> bool:
    """Letters of any script with their marks, and what stands between them."""
    return char in " .'’-" or unicodedata.category(char)[0] in "LM"


_ADDRESS = re.compile(r"([\x21-\x7e]{1,64})@([^\s@]{1,253})")
_NEEDS_QUOTES = re.compile(r'["(),:;<>@\[\\\]]')


def mail_address(text: str | None) -> str | None:
    """The one address that ``text`` is, its domain in ASCII; None, if it is anything else."""
    found = _ADDRESS.fullmatch(text or "")
    if found is None or _NEEDS_QUOTES.search(found[1]):
        return None
    try:
        domain = found[2].encode("idna").decode()
    except UnicodeError:
        return None
    return f"{found[1]}@{domain}" if re.fullmatch(r"[A-Za-z0-9.-]+", domain) else None


# The ledger

_S, _M = NoticeStatus, Move

_PUSH = {
    (_S.QUEUED, _M.SEND): _S.SENT,
    (_S.QUEUED, _M.FAIL): _S.FAILED,
    (_S.QUEUED, _M.SEE): _S.SEEN,
    (_S.SENT, _M.SEND): _S.SENT,
    (_S.SENT, _M.FAIL): _S.FAILED,  # the provider could not deliver it after all
    (_S.SENT, _M.SEE): _S.SEEN,
    (_S.FAILED, _M.SEND): _S.SENT,  # by the twin of the message that failed
    (_S.FAILED, _M.FAIL): _S.FAILED,
    (_S.FAILED, _M.SEE): _S.SEEN,  # in the app, whatever became of the push
    (_S.SEEN, _M.SEND): _S.SEEN,
    (_S.SEEN, _M.FAIL): _S.SEEN,
    (_S.SEEN, _M.SEE): _S.SEEN,
}
_MAIL = _PUSH | {
    # SES may tell in any order, and before we have noted that it took the mail. So the greatest
    # of these stands, whatever came first: sent, failed, delivered, bounced, seen.
    (_S.FAILED, _M.SEND): _S.FAILED,
    (_S.QUEUED, _M.DELIVER): _S.DELIVERED,
    (_S.QUEUED, _M.BOUNCE): _S.BOUNCED,
    (_S.SENT, _M.DELIVER): _S.DELIVERED,
    (_S.SENT, _M.BOUNCE): _S.BOUNCED,
    (_S.FAILED, _M.DELIVER): _S.DELIVERED,
    (_S.FAILED, _M.BOUNCE): _S.BOUNCED,
    (_S.DELIVERED, _M.SEND): _S.DELIVERED,
    (_S.DELIVERED, _M.FAIL): _S.DELIVERED,
    (_S.DELIVERED, _M.DELIVER): _S.DELIVERED,
    (_S.DELIVERED, _M.BOUNCE): _S.BOUNCED,
    (_S.DELIVERED, _M.SEE): _S.SEEN,
    (_S.BOUNCED, _M.SEND): _S.BOUNCED,
    (_S.BOUNCED, _M.FAIL): _S.BOUNCED,
    (_S.BOUNCED, _M.DELIVER): _S.BOUNCED,
    (_S.BOUNCED, _M.BOUNCE): _S.BOUNCED,
    (_S.BOUNCED, _M.SEE): _S.SEEN,
    (_S.SEEN, _M.DELIVER): _S.SEEN,
    (_S.SEEN, _M.BOUNCE): _S.SEEN,
}
TRANSITIONS = {Channel.PUSH: _PUSH, Channel.MAIL: _MAIL}
"""By channel. A push cannot be known to be delivered: SNS proves none (domain.md, Notices)."""

_ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}-(?:push|mail)")


def notice_id(source: str, channel: Channel) -> str:
    """The entry's id: the same whenever the same fact is told to the same person.

    ``source`` is a ULID, so that a person's ledger is in the order of time.
    """
    return f"{source}-{channel}"


def is_notice_id(text: str) -> bool:
    """Whether ``text`` is written as ids of entries are. Ask before using one as a key."""
    return _ID.fullmatch(text) is not None


def collapse_id(user_id: str, notice_id_: str) -> str:
    """What a device shows only once: collapse id of APNs (at most 64 bytes), tag of FCM."""
    return hashlib.sha256(f"{user_id}/{notice_id_}".encode()).hexdigest()[:40]


MAILS_A_DAY = 5
"""Of one type, to one customer, of facts of one day (UTC).

Their mails go to whatever address was typed at a booking, and booking is free: without a limit
anybody could have us flood a stranger. Mechanics are mailed at the address of their profile.
"""

INVITATIONS_A_DAY = 20
"""Of bookings: without the last one a calendar stays wrong."""


def most_mails(entry: Entry) -> int:
    """How many mails like this one a customer gets on one day."""
    return INVITATIONS_A_DAY if "scheduled_start" in entry.data else MAILS_A_DAY


def is_counted(entry: Entry) -> bool:
    """Whether it is a mail that its recipient can cause, at an address that may be another's."""
    return entry.channel is Channel.MAIL and entry.side is Side.CUSTOMER


def refused(entry: Entry, now: datetime) -> Entry:
    """The entry, written for the first time, of a mail that would be one too many."""
    return replace(given_up(entry, "mail_limit", now), version=entry.version)


def entry_of(notice: Notice, channel: Channel, language: Language) -> Entry:
    """The entry of a notice that is still to be sent."""
    text = said(notice.wording, language, notice.words | when(notice.data, language))
    return Entry(
        id=notice_id(notice.source, channel),
        user_id=notice.user_id,
        channel=channel,
        side=notice.side,
        type=notice.type,
        language=language,
        title=text.title,
        body=text.body,
        data=notice.data,
        created_at=notice.at,
        expires_at=notice.expires_at,
    )


def when(data: Mapping[str, str], language: Language) -> dict[str, str]:
    """The start that ``data`` tell of, in words; nothing, if they tell of none."""
    if "scheduled_start" not in data:
        return {}
    start = parse_time(data["scheduled_start"])
    return {"when": moment(start, data.get("time_zone", "UTC"), language)}


_AIM = {
    _M.SEND: _S.SENT,
    _M.FAIL: _S.FAILED,
    _M.DELIVER: _S.DELIVERED,
    _M.BOUNCE: _S.BOUNCED,
    _M.SEE: _S.SEEN,
}
_HAS_LEFT = frozenset({_M.SEND, _M.DELIVER, _M.BOUNCE})


def advance(entry: Entry, move: Move, now: datetime, reason: str | None = None) -> Entry:
    """The entry after a move; itself where that changes nothing. Raises IllegalMove.

    ``reason`` goes with a failure, a bounce or a complaint, and stays as long as the status.
    """
    status = TRANSITIONS[entry.channel].get((entry.status, move))
    if status is None:
        raise IllegalMove(move, entry.status)
    is_new = status is not entry.status and move is not Move.SEE
    told = reason if status is _AIM[move] else None
    after = replace(
        entry,
        status=status,
        reason=told or (None if is_new else entry.reason),
        sent_at=entry.sent_at or (now if move in _HAS_LEFT else None),
        seen_at=entry.seen_at or (now if move is Move.SEE else None),
        settled=entry.settled or move is not Move.SEND,
    )
    return entry if after == entry else replace(after, version=entry.version + 1)


def with_delivery(entry: Entry, delivery: Delivery, now: datetime, *, is_last: bool) -> Entry:
    """The entry once one device, or the mailbox, was sent to for good.

    With the last one the entry is settled: sent if any took it, else failed.
    """
    after = replace(
        entry,
        deliveries=(*entry.deliveries, delivery),
        waiting=tuple(target for target in entry.waiting if target != delivery.target),
        version=entry.version + 1,
    )
    if delivery.went_out:
        after = replace(advance(after, Move.SEND, now), version=after.version)
    return _settled(after, now) if is_last else after


def _settled(entry: Entry, now: datetime) -> Entry:
    """Nothing is left to be tried: failed, unless something went out."""
    if any(delivery.went_out for delivery in entry.deliveries):
        reason = None if entry.status is NoticeStatus.SENT else entry.reason
        return replace(entry, settled=True, reason=reason, retry_at=None, waiting=())
    reasons = [delivery.reason for delivery in entry.deliveries if delivery.reason]
    failed = advance(entry, Move.FAIL, now, reasons[-1] if reasons else entry.reason)
    return replace(failed, retry_at=None, waiting=(), version=entry.version)


def given_up(entry: Entry, reason: str, now: datetime) -> Entry:
    """The entry when there is nobody, or no time left, to send it to."""
    known = replace(entry, reason=entry.reason or reason, version=entry.version + 1)
    return _settled(known, now)


def postponed(entry: Entry, waiting: Sequence[str], reason: str, now: datetime) -> Entry:
    """The entry after an attempt that left something to try again, while it is worth it."""
    attempts = entry.attempts + 1
    retry_at = now + backoff(attempts)
    after = replace(
        entry,
        attempts=attempts,
        waiting=tuple(waiting),
        reason=reason,
        retry_at=retry_at,
        version=entry.version + 1,
    )
    return after if retry_at < entry.expires_at else _settled(after, now)


def undelivered(entry: Entry, message_id: str, reason: str, now: datetime) -> Entry:
    """The entry when the provider could not deliver what SNS took as ``message_id``."""
    deliveries = tuple(
        replace(known, reason=known.reason or reason) if known.message_id == message_id else known
        for known in entry.deliveries
    )
    if deliveries == entry.deliveries:
        return entry
    after = replace(entry, deliveries=deliveries, version=entry.version + 1)
    return _settled(after, now) if entry.settled else after


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 5 s, then three times as long, at most 15 min."""
    return timedelta(seconds=min(5 * 3 ** min(attempts - 1, 5), 900))


def ttl_s(entry: Entry, now: datetime) -> int:
    """How long a push is worth delivering, in whole seconds; 0 if no more."""
    return max(0, math.floor((entry.expires_at - now).total_seconds()))


# What went wrong

DEAD_ENDPOINT = frozenset({"EndpointDisabled", "EndpointDisabledException", "NotFound"})
"""Codes of SNS for an endpoint that takes nothing any more."""

_NO_ENDPOINT = "No endpoint found for the target arn"


def is_dead_endpoint(code: str, message: str) -> bool:
    """Whether SNS refused a push because the endpoint is disabled or gone.

    A deleted one is an invalid parameter to it, told from others by the message alone.
    """
    return code in DEAD_ENDPOINT or _NO_ENDPOINT.lower() in message.lower()


DEAD_TOKEN = frozenset({"InvalidPlatformToken", "EndpointDisabled", "EndpointNotFound"})
"""Failure types of ``EventDeliveryFailure`` that mean the device, not the message."""

_PERMANENT = DEAD_ENDPOINT | {
    "BadRequestException",
    "InvalidParameter",
    "InvalidParameterException",
    "InvalidParameterValue",
    "MessageRejected",
    "ParameterValueInvalid",
    "ValidationError",
    "ValidationException",
}


def is_permanent(code: str) -> bool:
    """Whether SNS or SES will never take this message, whenever it is tried.

    What is not known to be so is tried again until the notice expires: a throttle, an outage, and
    also a missing permission or a paused account, which operators mend.
    """
    return code in _PERMANENT


def reason_of(code: str) -> str:
    """A provider's code as the ledger writes it: ``EndpointDisabled`` is ``endpoint_disabled``."""
    name = code.removesuffix("Exception") or code
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)
    return "_".join(words).lower() or "unknown"


def move_of_mail_event(event: Mapping[str, Any]) -> tuple[Move, str | None] | None:
    """What an event of SES does to the mail's entry, and its reason. None for any other event.

    A complaint means that the mail has arrived, unless SES did not even try: the address is on
    the account's suppression list.
    """
    match event.get("eventType"):
        case "Delivery":
            return Move.DELIVER, None
        case "Bounce":
            bounce = event.get("bounce", {})
            kinds = (bounce.get("bounceType"), bounce.get("bounceSubType"))
            return Move.BOUNCE, "_".join(["bounce", *(reason_of(kind) for kind in kinds if kind)])
        case "Complaint":
            if event.get("complaint", {}).get("complaintSubType"):
                return Move.BOUNCE, "suppressed"
            return Move.DELIVER, "complaint"
        case "Reject":
            return Move.FAIL, "rejected"
    return None


# Tags, by which the events of SES find their entry again

_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_ENCODED = "b64_"


def tag_of(text: str) -> str:
    """``text`` as the value of a message tag, which takes ASCII letters, digits, ``_``, ``-``."""
    if _TAG.fullmatch(text) and not text.startswith(_ENCODED):
        return text
    return _ENCODED + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def text_of_tag(tag: str) -> str:
    """What ``tag_of`` made a tag of. Raises ValueError for what it did not make."""
    if not tag.startswith(_ENCODED):
        return tag
    encoded = tag.removeprefix(_ENCODED)
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()


# The messages of the platforms


def payload(entry: Entry, platform: Platform, ttl: int) -> str:
    """The message as SNS hands it to one platform; the collapse id shows a repeat only once."""
    data = {"type": entry.type, "notice_id": entry.id, **entry.data}
    alert = {"title": entry.title, "body": entry.body}
    if platform is Platform.FCM:
        tag = collapse_id(entry.user_id, entry.id)
        android = {
            "priority": "high",
            "ttl": f"{ttl}s",
            "collapse_key": tag,
            "notification": {"tag": tag},
        }
        message = _fcm({"notification": alert, "data": data, "android": android})
    else:
        message = {"aps": {"alert": alert, "sound": "default"}, **data}
    return json.dumps({"default": entry.body, _name(platform): json.dumps(message)})


def attributes(entry: Entry, platform: Platform, ttl: int) -> dict[str, str]:
    """SNS message attributes: past its TTL a push is dropped, not delivered late."""
    if platform is Platform.FCM:
        return _fcm_ttl(ttl)
    return _apns_attributes(platform, ttl, push_type="alert", priority="10") | {
        "AWS.SNS.MOBILE.APNS.COLLAPSE_ID": collapse_id(entry.user_id, entry.id)
    }


WITHDRAWAL_TTL_S = 300
"""A notice that stays on a screen for longer has timed out by itself."""


def withdrawal_payload(lost: Withdrawal, platform: Platform) -> str:
    """The silent push that takes a lost offer off the screen: data for the app, nothing to show."""
    notice = notice_id(lost.assignment_id, Channel.PUSH)
    data = {
        "type": OFFER_WITHDRAWN,
        "session_id": lost.session_id,
        "assignment_id": lost.assignment_id,
        "notice_id": notice,
        "collapse_id": collapse_id(lost.user_id, notice),
    }
    if platform is Platform.FCM:
        android = {"priority": "normal", "ttl": f"{WITHDRAWAL_TTL_S}s"}
        message = _fcm({"data": data, "android": android})
    else:
        message = {"aps": {"content-available": 1}, **data}
    return json.dumps({"default": OFFER_WITHDRAWN, _name(platform): json.dumps(message)})


def withdrawal_attributes(platform: Platform) -> dict[str, str]:
    """A push in the background; Apple refuses it with any other priority than 5."""
    if platform is Platform.FCM:
        return _fcm_ttl(WITHDRAWAL_TTL_S)
    return _apns_attributes(platform, WITHDRAWAL_TTL_S, push_type="background", priority="5")


def _fcm(message: Mapping[str, Any]) -> dict[str, Any]:
    return {"fcmV1Message": {"message": message}}


def _fcm_ttl(ttl: int) -> dict[str, str]:
    return {"AWS.SNS.MOBILE.FCM.TTL": str(ttl)}


def _apns_attributes(
    platform: Platform, ttl: int, *, push_type: str, priority: str
) -> dict[str, str]:
    return {
        f"AWS.SNS.MOBILE.{_name(platform)}.TTL": str(ttl),
        "AWS.SNS.MOBILE.APNS.PUSH_TYPE": push_type,
        "AWS.SNS.MOBILE.APNS.PRIORITY": priority,
    }


_NAMES = {Platform.FCM: "GCM", Platform.APNS: "APNS", Platform.APNS_SANDBOX: "APNS_SANDBOX"}


def _name(platform: Platform) -> str:
    """The platform as SNS calls it."""
    return _NAMES[platform]


DEVICES_PER_USER = 20
"""More than anybody has: nobody's devices keep others waiting for their pushes."""

_GIVING_WAY_AT_ONCE = 40
"""Of more than there may be since before there was a limit; a transaction takes so many."""


def giving_way(others: Collection[Device]) -> list[Device]:
    """Which of a user's other devices one more has no room beside: registered longest ago."""
    oldest_first = sorted(others, key=_registration)
    excess = max(0, len(oldest_first) - (DEVICES_PER_USER - 1))
    return oldest_first[: min(excess, _GIVING_WAY_AT_ONCE)]


def _registration(device: Device) -> tuple[float, str]:
    at = device.registered_at
    return at.timestamp() if at else 0.0, device.device_id


def devices_left(entry: Entry, devices: Collection[Device]) -> list[Device]:
    """Those that an entry is still to be pushed to, registered last first.

    At the first attempt all that work; later only those that it waits for, not those that are new.
    """
    had = {delivery.target for delivery in entry.deliveries}
    left = [
        device
        for device in devices
        if device.enabled
        and device.device_id not in had
        and (entry.attempts == 0 or device.device_id in entry.waiting)
    ]
    newest_first = sorted(left, key=_registration, reverse=True)
    return newest_first[: max(0, DEVICES_PER_USER - len(entry.deliveries))]


def is_reachable(devices: Collection[Device]) -> bool:
    """Whether pushes or polling reach a user: one without any device polls by choice."""
    return not devices or any(device.enabled for device in devices)
