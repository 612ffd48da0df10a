"""Devices of users, and what they are told: pushes through SNS, mails through SES.

Everything told is an entry in its recipient's ledger: written first, then sent, then marked. So
whatever dies in between is sent again, at most once more and with the same collapse id, and
nothing is lost. What fails for a while is tried again through the notify queue, one message per
entry; what fails for good is marked at once.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from dispatch.calendar import service as calendar
from dispatch.calendar.model import BookingRef
from dispatch.core import aws, settings
from dispatch.core.errors import (
    Conflict,
    Invalid,
    NotFound,
    QuotaExceeded,
    Refusal,
    StaleVersion,
)
from dispatch.core.events import EventType
from dispatch.core.idempotency import Once
from dispatch.core.logging import MetricUnit, logger, metrics
from dispatch.core.table import Item, Transaction, decides_anew
from dispatch.core.time import parse_time
from dispatch.customers import service as customers
from dispatch.mechanics import service as mechanics
from dispatch.notifications import rules, store
from dispatch.notifications.invitations import FILE_NAME, has_invitation, invitation_of
from dispatch.notifications.mail import mail_of
from dispatch.notifications.model import (
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
)
from dispatch.offers import rules as offer_rules
from dispatch.offers import service as offers
from dispatch.offers.model import Dispatch
from dispatch.quotas import service as quotas
from dispatch.quotas.model import Action
from dispatch.sessions import service as sessions
from dispatch.sessions.model import Contact, Status
from dispatch.waitlist import service as waitlist

if TYPE_CHECKING:
    from mypy_boto3_sesv2.type_defs import AttachmentTypeDef, MessageTypeDef

_EXISTING_ENDPOINT = re.compile(r"Endpoint (arn:\S+) already exists")
_MAILBOX = "mail"
"""What a mail goes to, where a push goes to a device."""
_LATEST = timedelta(minutes=1)
"""By then the id of a push is noted, if it ever is; and more than clocks differ."""


# Devices


def register_device(
    user_id: str, device_id: str, platform: Platform, token: str, now: datetime
) -> Device:
    """Bind a push token to one device of one user; who had the token before loses it.

    A user has so many devices at most: for one more, that registered longest ago gives way.
    Raises Invalid where the operator has set up no application for the platform, or the platform
    does not take the token; Conflict ``erased``; QuotaExceeded, before the platform hears of it.
    """
    return _register(user_id, device_id, platform, token, now, counts=True)


def _register(
    user_id: str, device_id: str, platform: Platform, token: str, now: datetime, *, counts: bool
) -> Device:
    """Who is refused once the endpoint was made, for what others did meanwhile, has none."""
    made = list[Device]()
    try:
        return _bind(user_id, device_id, platform, token, now, made, counts=counts)
    except (Conflict, QuotaExceeded):
        for device in made[-1:]:
            _drop_endpoint(device)
        raise


@decides_anew
def _bind(
    user_id: str,
    device_id: str,
    platform: Platform,
    token: str,
    now: datetime,
    made: list[Device],
    *,
    counts: bool,
) -> Device:
    """``made`` is told of each attempt's device as soon as it has an endpoint."""
    if customers.is_erased(user_id):
        raise customers.erased()
    registrations = store.registrations_of(user_id)
    of_hour = registrations.of_hour
    if counts:
        of_hour = quotas.once_more(Action.DEVICE, of_hour, now)
    before = store.find(user_id, device_id)
    holder = store.holder_of(platform, token)
    known = store.find(*holder) if holder and holder != (user_id, device_id) else None
    rival = known if known and known.token == token else None
    crowded_out = rules.giving_way(
        [
            other
            for other in store.devices_of(user_id)
            if other.device_id != device_id and not (rival and other.is_same(rival))
        ]
    )
    device = Device(
        user_id=user_id,
        device_id=device_id,
        platform=platform,
        token=token,
        endpoint_arn=_endpoint(user_id, device_id, platform, token),
        registered_at=now,
    )
    made.append(device)
    with Transaction() as tx:
        customers.check_not_erased(tx, user_id)
        store.bind(tx, device, before=before, holder=holder)
        store.count_registration(tx, user_id, registrations, of_hour)
        if rival:
            _forget(tx, rival, now)
        for old in crowded_out:
            store.forget_device(tx, old)
        unbound = {(old.platform, old.token): old for old in (before, *crowded_out) if old}
        unbound.pop((platform, token), None)
        for old in unbound.values():
            store.forget_token(tx, old)
    if before and before.endpoint_arn != device.endpoint_arn:
        _drop_endpoint(before)
    for old in crowded_out:
        _try_to_drop_endpoint(old)
    return device


def _endpoint(user_id: str, device_id: str, platform: Platform, token: str) -> str:
    """The platform endpoint of a token, enabled, and marked with whose it is."""
    application = settings.push_application_arn(platform)
    if application is None:
        raise Invalid.field("/platform", f"push by {platform} is not set up here")
    owner = json.dumps({"user_id": user_id, "device_id": device_id})
    try:
        created = aws.sns().create_platform_endpoint(
            PlatformApplicationArn=application, Token=token, CustomUserData=owner
        )
        arn = created["EndpointArn"]
    except ClientError as error:
        # Known with other attributes: SNS tells the ARN in the message alone.
        message = error.response["Error"]["Message"]
        if not (known := _EXISTING_ENDPOINT.search(message)):
            if error.response["Error"]["Code"] in {"InvalidParameter", "InvalidParameterException"}:
                raise Invalid.field("/token", "is not a token of this platform") from error
            raise
        arn = known[1]
    aws.sns().set_endpoint_attributes(
        EndpointArn=arn,
        Attributes={"Enabled": "true", "Token": token, "CustomUserData": owner},
    )
    return arn


@decides_anew
def forget_device(user_id: str, device_id: str, now: datetime) -> None:
    """No more pushes to this device. Forgetting twice is forgetting once."""
    device = store.find(user_id, device_id)
    if device is None:
        return
    with Transaction() as tx:
        _forget(tx, device, now)
        store.forget_token(tx, device)
    _drop_endpoint(device)


def _forget(tx: Transaction, device: Device, now: datetime) -> None:
    """Drop the device. If others are left, they may all be dead: the fact has that looked at."""
    store.forget_device(tx, device)
    if any(not other.is_same(device) for other in store.devices_of(device.user_id)):
        store.record_unreached(tx, device, now)


def _drop_endpoint(device: Device) -> None:
    """Delete the endpoint of a token that was given up.

    A token has one endpoint, whoever holds it: who has bound it meanwhile gets theirs back.
    """
    aws.sns().delete_endpoint(EndpointArn=device.endpoint_arn)
    holder = store.holder_of(device.platform, device.token)
    heir = store.find(*holder) if holder else None
    if heir and heir.registered_at and heir.endpoint_arn == device.endpoint_arn:
        at = heir.registered_at
        _register(heir.user_id, heir.device_id, heir.platform, heir.token, at, counts=False)


def _try_to_drop_endpoint(device: Device) -> None:
    """One that stays behind is no device's: nothing is sent to it."""
    try:
        _drop_endpoint(device)
    except (ClientError, BotoCoreError) as error:
        extra = {"device_id": device.device_id, "reason": rules.reason_of(_code(error))}
        logger.info("endpoint not deleted", extra=extra)


@decides_anew
def forget(user_id: str) -> None:
    """Drop a user's devices with their endpoints, and all they were told. Twice is once.

    An endpoint goes first: without its device nobody would know of it any more. Whoever takes over
    the token at this very moment registers it anew when their app starts next.
    """
    for device in store.devices_of(user_id):
        aws.sns().delete_endpoint(EndpointArn=device.endpoint_arn)
        with Transaction() as tx:
            store.forget_device(tx, device)
            store.forget_token(tx, device)
    store.forget_all(user_id)


def forget_offers(session_id: str) -> None:
    """Take out of mechanics' ledgers that they were asked, and where its customer was."""
    dispatch = offers.find_dispatch(session_id)
    if dispatch is None:
        return
    for fact in sessions.facts_of(session_id):
        about = _OF_OFFERS.get(fact["type"])
        for notice in about(fact, dispatch.brief) if about else ():
            for channel in notice.channels:
                with Transaction() as tx:
                    notice_id = rules.notice_id(notice.source, channel)
                    store.forget_entry(tx, notice.user_id, notice_id)


def _disable(device: Device, now: datetime) -> None:
    try:
        with Transaction() as tx:
            store.disable(tx, device, now)
    except StaleVersion:
        logger.info("disabled or bound anew meanwhile", extra={"device_id": device.device_id})
        return
    logger.info("device disabled", extra={"device_id": device.device_id})
    metrics.add_metric("DevicesDisabled", MetricUnit.Count, 1)


def _pass_on_if_unreachable(user_id: str, now: datetime) -> None:
    """A mechanic whose devices are all dead has no offers: others are asked instead.

    Who never had a device is reached by polling.
    """
    if not rules.is_reachable(store.devices_of(user_id)):
        offers.end_undeliverable(user_id, now)


# The ledger, for the app


def ledger_of(user_id: str, limit: int, cursor: str | None) -> tuple[list[Entry], str | None]:
    """What a person was told, newest first, and the cursor of the next page."""
    return store.ledger_of(user_id, limit, cursor)


@decides_anew
def see(notice_id: str, by: str, now: datetime, once: Once | None = None) -> Entry:
    """The person has seen it in the app, whatever became of push or mail. Raises NotFound."""
    entry = store.find_entry(by, notice_id) if rules.is_notice_id(notice_id) else None
    if entry is None:
        raise NotFound("There is no such notice of yours. Look at GET /notifications.")
    seen = rules.advance(entry, Move.SEE, now)
    with Transaction() as tx:
        if once:
            once.remember(tx, seen, now)
        if seen is not entry:
            store.put(tx, seen)
    return seen


# Telling


def handle(message: Mapping[str, Any], now: datetime) -> None:
    """A message of the notify queue: a fact, or an entry that is to be tried again."""
    if "retry" in message:
        try_again(message, now)
    else:
        notify(message, now)


def notify(fact: Mapping[str, Any], now: datetime) -> None:
    """Tell whom a fact concerns. A fact told before is not told again.

    One person whose notice cannot even be noted down does not keep the others waiting; such
    failures are raised at the end, so that the fact comes again for them.
    """
    if fact["type"] == EventType.DEVICE_DISABLED:
        _pass_on_if_unreachable(fact["user_id"], now)
        return
    failures = []
    notices = list(_notices(fact))
    for channel in Channel:  # what is urgent first, for everybody
        for notice, is_true in notices:
            try:
                if channel in notice.channels:
                    _tell(notice, channel, is_true, now)
            except (ClientError, BotoCoreError, Refusal) as error:
                failures.append(error)
    _withdraw_lost(fact)
    if failures:
        raise ExceptionGroup("some could not be told", failures)
    if fact["type"] in {EventType.OFFERS_MADE, EventType.BROADCAST_ANNOUNCED}:
        waited = (now - parse_time(fact["at"])).total_seconds()
        metrics.add_metric("SecondsToPush", MetricUnit.Seconds, max(0.0, waited))


_OF_OFFERS = {
    EventType.OFFERS_MADE: rules.offers_made,
    EventType.BROADCAST_ANNOUNCED: rules.broadcast_announced,
}


def _notices(fact: Mapping[str, Any]) -> Iterable[tuple[Notice, bool]]:
    """Whom a fact is told to, and whether that is still true."""
    about = _OF_OFFERS.get(fact["type"])
    if about is None:
        return [(notice, _stands(notice)) for notice in rules.told_of(_with_zone(fact))]
    dispatch = offers.dispatch_of(fact["session_id"])
    answerable = _answerable(dispatch)
    return [
        (notice, notice.data["assignment_id"] in answerable)
        for notice in about(fact, dispatch.brief)
    ]


def _with_zone(fact: Mapping[str, Any]) -> Mapping[str, Any]:
    """A start is told by the mechanic's clock, which is named: where customers are, is not known.

    By UTC, if the mechanic is gone.
    """
    if "scheduled_start" not in fact:
        return fact
    try:
        availability = calendar.calendar_of(fact["mechanic_id"]).availability
    except NotFound:
        return {**fact, "time_zone": "UTC"}
    return {**fact, "time_zone": availability.time_zone}


def _stands(told: Notice | Entry) -> bool:
    """Whether the booking it tells of is still there, at that time; true of all that tell of none.

    Facts come late and in any order: nobody is reminded of what was moved or called off.
    """
    if told.type not in rules.STANDING:
        return True
    start = parse_time(told.data["scheduled_start"])
    ref = BookingRef(told.data["mechanic_id"], told.data["session_id"], start)
    return calendar.booking_at(ref) is not None


def _answerable(dispatch: Dispatch) -> set[str]:
    """The assignments of a session that somebody can accept."""
    broadcast = {dispatch.broadcast_id} if dispatch.is_open else set()
    return broadcast | {offer.assignment_id for offer in dispatch.offers}


def _tell(notice: Notice, channel: Channel, is_true: bool, now: datetime) -> None:
    if channel is Channel.MAIL and settings.mail_sender() is None:
        return
    if not (is_true and _still_holds(notice, now)):
        known = store.find_entry(notice.user_id, rules.notice_id(notice.source, channel))
        if known:
            _withdraw(known, now)
        return
    entry = _noted(rules.entry_of(notice, channel, _language_of(notice)), now)
    entry = _attempt(entry, 0, now)
    if entry.type is NoticeType.OFFER_MADE and entry.status is NoticeStatus.FAILED:
        _pass_on_if_unreachable(entry.user_id, now)


def _language_of(notice: Notice) -> Language:
    """Customers tell their locale; mechanics are spoken to in English."""
    customer = customers.get(notice.user_id) if notice.side is Side.CUSTOMER else None
    return rules.language_of(customer.locale if customer else None)


class _Known(Exception):
    """The entry is in the ledger already."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry


class _TooMany(Exception):
    """It would be one mail too many, in a day."""


def _is_too_many(_item: Item | None) -> Exception:
    return _TooMany()


def _is_known(item: Item | None) -> Exception:
    return _Known(store.entry_of(item)) if item else StaleVersion()


def _noted(entry: Entry, now: datetime) -> Entry:
    """The entry as it stands in the ledger, written there if it is new.

    Mails to customers are counted with it; one too many is written down as that, and not sent.
    """
    try:
        with Transaction() as tx:
            store.put(tx, entry, otherwise=_is_known)
            if rules.is_counted(entry) and not entry.settled:
                store.count_mail(tx, entry, rules.most_mails(entry), otherwise=_is_too_many)
    except _Known as known:
        return known.entry
    except _TooMany:
        logger.info("not mailed: too many", extra={"notice_id": entry.id})
        return _noted(rules.refused(entry, now), now)
    return entry


def try_again(message: Mapping[str, Any], now: datetime) -> None:
    """Send what is left of one entry, after ``attempt`` attempts."""
    entry = store.find_entry(message["user_id"], message["retry"])
    if entry is None:
        logger.info("nothing left to try again", extra={"notice_id": message["retry"]})
        return
    if not _still_holds(entry, now):
        _withdraw(entry, now)
        return
    if entry.type in rules.ANSWERABLE:
        dispatch = offers.dispatch_of(entry.data["session_id"])
        if entry.data["assignment_id"] not in _answerable(dispatch):
            _withdraw(entry, now)
            return
    if not _stands(entry):
        _withdraw(entry, now)
        return
    _attempt(entry, message["attempt"], now)


def _still_holds(told: Notice | Entry, now: datetime) -> bool:
    """Whether it is as it says. What has happened for good always is."""
    match rules.HOLDS_WHILE.get((told.type, told.side)):
        case While.SOUGHT | While.ALL_OFFLINE as state:
            dispatch = offers.find_dispatch(told.data["session_id"])
            if dispatch is None or not offer_rules.is_pending(dispatch, now):
                return False
            return dispatch.all_offline or state is While.SOUGHT
        case While.TAKEN | While.CUSTOMER_DUE as state:
            return _is_with(told, now, customer_due=state is While.CUSTOMER_DUE)
        case While.TURN:
            return waitlist.is_told(told.user_id, told.data["entry_id"], now)
    return True


def _is_with(told: Notice | Entry, now: datetime, *, customer_due: bool) -> bool:
    """Whether the mechanic has the session, and perhaps waits for the customer there.

    Notices of an earlier release do not name the mechanic.
    """
    session = sessions.get(told.data["session_id"], now)
    if session.status not in (Status.WAITING, Status.LIVE):
        return False
    if session.mechanic_id != told.data.get("mechanic_id", session.mechanic_id):
        return False
    return session.customer_joined_at is None or not customer_due


def _withdraw(entry: Entry, now: datetime) -> None:
    """It is not true any more: what has not been sent by now will not be."""
    if not entry.settled:
        _change(entry, lambda known: rules.given_up(known, "withdrawn", now))


def _attempt(entry: Entry, made: int, now: datetime) -> Entry:
    """Send what is left of an entry, for somebody who knows of ``made`` attempts.

    Where one more has been made, its follow-up may not have been sent: it is sent again. Where
    there were more, a later message sees to the rest.
    """
    if entry.settled or entry.attempts > made + 1:
        return entry
    if entry.attempts == made + 1:
        _follow_up(entry, now)
        return entry
    if rules.ttl_s(entry, now) == 0:
        return _change(entry, lambda known: rules.given_up(known, "too_late", now))
    send = _push if entry.channel is Channel.PUSH else _send_mail
    return send(entry, now)


# Outcomes of one call to SNS or SES


@dataclass(frozen=True, slots=True)
class _Later:
    """It failed for a while."""

    reason: str


def _push(entry: Entry, now: datetime) -> Entry:
    """Push to every device that has not had it, of as many as a user may have."""
    devices = store.devices_of(entry.user_id)
    left = rules.devices_left(entry, devices)
    if not left:
        reason = "device_disabled" if devices else "no_device"
        return _change(entry, lambda known: rules.given_up(known, reason, now))
    return _send(entry, [(device.device_id, partial(_publish, device)) for device in left], now)


def _send_mail(entry: Entry, now: datetime) -> Entry:
    return _send(entry, [(_MAILBOX, _mail)], now)


_Way = Callable[[Entry, datetime], Delivery | _Later]


def _send(entry: Entry, ways: list[tuple[str, _Way]], now: datetime) -> Entry:
    """Go every way; what came of one is noted before the next."""
    waiting: dict[str, str] = {}
    for target, go in ways:
        outcome = go(entry, now)
        _count(entry, outcome)
        if isinstance(outcome, _Later):
            waiting[target] = outcome.reason
        else:
            is_last = target == ways[-1][0] and not waiting
            entry = _change(
                entry, partial(rules.with_delivery, delivery=outcome, now=now, is_last=is_last)
            )
    if waiting:
        reason = next(reversed(waiting.values()))
        entry = _change(entry, lambda known: rules.postponed(known, list(waiting), reason, now))
        if not entry.settled:
            _follow_up(entry, now)
    return entry


def _count(entry: Entry, outcome: Delivery | _Later) -> None:
    what = {Channel.PUSH: "Pushes", Channel.MAIL: "Mails"}[entry.channel]
    if isinstance(outcome, _Later):
        became = "Postponed"
    else:
        became = "Sent" if outcome.went_out else "Failed"
    metrics.add_metric(f"{what}{became}", MetricUnit.Count, 1)
    if outcome.reason:
        logger.info("not sent", extra={"notice_id": entry.id, "reason": outcome.reason})


def _follow_up(entry: Entry, now: datetime) -> None:
    """Let the queue hand the entry back when it is to be tried again."""
    left = entry.retry_at - now if entry.retry_at else timedelta(0)
    aws.sqs().send_message(
        QueueUrl=settings.notify_queue_url(),
        MessageBody=json.dumps(
            {"retry": entry.id, "user_id": entry.user_id, "attempt": entry.attempts}
        ),
        DelaySeconds=max(0, round(left.total_seconds())),
    )


def _change(entry: Entry, change: Callable[[Entry], Entry]) -> Entry:
    """Write the changed entry; on top of what others have made of it meanwhile, if they have."""
    changed = change(entry)
    if changed is entry:
        return entry
    try:
        with Transaction() as tx:
            store.put(tx, changed)
    except StaleVersion:
        return _change_anew(entry.user_id, entry.id, change)
    return changed


@decides_anew
def _change_anew(user_id: str, notice_id: str, change: Callable[[Entry], Entry]) -> Entry:
    entry = store.find_entry(user_id, notice_id)
    if entry is None:
        raise NotFound("The notice is gone.")
    changed = change(entry)
    if changed is not entry:
        with Transaction() as tx:
            store.put(tx, changed)
    return changed


def _publish(device: Device, entry: Entry, now: datetime) -> Delivery | _Later:
    ttl = rules.ttl_s(entry, now)
    try:
        answer = aws.sns().publish(
            TargetArn=device.endpoint_arn,
            MessageStructure="json",
            Message=rules.payload(entry, device.platform, ttl),
            MessageAttributes=_attributes(rules.attributes(entry, device.platform, ttl)),
        )
    except (ClientError, BotoCoreError) as error:
        code = _code(error)
        if rules.is_dead_endpoint(code, str(error)):
            _disable(device, now)
            return Delivery(target=device.device_id, reason="device_disabled")
        return _failure(device.device_id, code)
    return Delivery(target=device.device_id, message_id=answer["MessageId"])


def _attributes(texts: Mapping[str, str]) -> Any:
    return {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}


def _mail(entry: Entry, _now: datetime) -> Delivery | _Later:
    sender = settings.mail_sender()
    if sender is None:
        return Delivery(target=_MAILBOX, reason="no_sender")
    name, given = _recipient(entry)
    address = rules.mail_address(given)
    if address is None:
        return Delivery(target=_MAILBOX, reason="invalid_address" if given else "no_address")
    mail = mail_of(entry, name)
    content: MessageTypeDef = {
        "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
        "Body": {
            "Text": {"Data": mail.text, "Charset": "UTF-8"},
            "Html": {"Data": mail.html, "Charset": "UTF-8"},
        },
    }
    if has_invitation(entry):
        content["Attachments"] = [_invitation(entry, sender, address)]
    try:
        answer = aws.ses().send_email(
            FromEmailAddress=sender,
            Destination={"ToAddresses": [address]},
            Content={"Simple": content},
            ConfigurationSetName=settings.mail_configuration_set(),
            EmailTags=[
                {"Name": "user_id", "Value": rules.tag_of(entry.user_id)},
                {"Name": "notice_id", "Value": entry.id},
                {"Name": "type", "Value": entry.type},
            ],
        )
    except (ClientError, BotoCoreError) as error:
        return _failure(_MAILBOX, _code(error))
    return Delivery(target=_MAILBOX, message_id=answer["MessageId"])


def _invitation(entry: Entry, sender: str, address: str) -> "AttachmentTypeDef":
    mechanic = mechanics.get(entry.data["mechanic_id"])
    invitation = invitation_of(
        entry,
        organizer=sender,
        attendee=address,
        mechanic_name=mechanic.profile.name if mechanic else None,
    )
    return {
        "FileName": FILE_NAME,
        "ContentType": invitation.media_type,
        "ContentDisposition": "ATTACHMENT",
        "ContentTransferEncoding": "BASE64",
        "RawContent": invitation.content,
    }


def _recipient(entry: Entry) -> tuple[str | None, str | None]:
    """Name and address: of a customer what the session was booked with, else the profile's.

    A customer without an address in the profile has that of their latest booking.
    """
    if entry.side is Side.MECHANIC:
        mechanic = mechanics.get(entry.user_id)
        return (mechanic.profile.name, mechanic.profile.email) if mechanic else (None, None)
    session_id = entry.data.get("session_id")
    if session_id and (contact := _contact_of(session_id)):
        return contact.name, contact.email
    customer = customers.get(entry.user_id)
    if customer and customer.email:
        return customer.name, customer.email
    latest = sessions.latest_of(entry.user_id)
    contact = _contact_of(latest.id) if latest else None
    return (contact.name, contact.email) if contact else (None, None)


def _contact_of(session_id: str) -> Contact | None:
    try:
        return sessions.contact_of(session_id)
    except LookupError:
        logger.info("no contact", extra={"session_id": session_id})
        return None


def _code(error: ClientError | BotoCoreError) -> str:
    """The provider's code, or ``Unreachable`` where it did not answer."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else "Unreachable"


def _failure(target: str, code: str) -> Delivery | _Later:
    reason = rules.reason_of(code)
    return Delivery(target=target, reason=reason) if rules.is_permanent(code) else _Later(reason)


# Lost offers


def _withdraw_lost(fact: Mapping[str, Any]) -> None:
    """Take lost offers off the screens of who had them: best effort, in silence."""
    for lost in rules.withdrawals(fact):
        try:
            for device in store.devices_of(lost.user_id):
                if device.enabled:
                    aws.sns().publish(
                        TargetArn=device.endpoint_arn,
                        MessageStructure="json",
                        Message=rules.withdrawal_payload(lost, device.platform),
                        MessageAttributes=_attributes(rules.withdrawal_attributes(device.platform)),
                    )
        except (ClientError, BotoCoreError) as error:
            extra = {"assignment_id": lost.assignment_id, "reason": rules.reason_of(_code(error))}
            logger.info("not withdrawn", extra=extra)


# What SNS and SES tell afterwards


def take_feedback(event: Mapping[str, Any], now: datetime) -> None:
    """An event of SNS or SES about something that was sent. Twice is once, in any order."""
    if event.get("EventType") == "DeliveryFailure":
        _not_delivered(event, now)
    elif (move := rules.move_of_mail_event(event)) is not None:
        _mail_event(event, *move, now)
    else:
        logger.info("feedback of a kind that is not listened to")


class _InFlight(Exception):
    """The push may be one whose id is not noted yet: the event has to come again."""


def _not_delivered(event: Mapping[str, Any], now: datetime) -> None:
    """``EventDeliveryFailure``: the provider will not deliver a push. SNS tells where and which."""
    owner = _owner_of(event["EndpointArn"])
    if owner is None:
        logger.info("the endpoint is gone, and its device")
        return
    failure, at = event.get("FailureType", ""), parse_time(event["Time"])
    device = store.find(*owner)
    if failure in rules.DEAD_TOKEN and device and _is_about(device, event["EndpointArn"], at):
        _disable(device, now)
    message_id, reason = event["MessageId"], rules.reason_of(failure)
    told = store.told_between(owner[0], at - rules.WORTH_TELLING_FOR, at + _LATEST)
    for entry in told:
        if any(delivery.message_id == message_id for delivery in entry.deliveries):
            _change(entry, lambda known: rules.undelivered(known, message_id, reason, now))
            return
    if now - at < _LATEST and not all(entry.settled for entry in told):
        raise _InFlight(message_id)
    logger.info("of no notice", extra={"sns_message_id": message_id})


def _is_about(device: Device, endpoint_arn: str, at: datetime) -> bool:
    """Whether a failure is the device's as it is now, not as it was before it was registered."""
    is_later = device.registered_at is None or device.registered_at <= at
    return device.endpoint_arn == endpoint_arn and is_later


def _owner_of(endpoint_arn: str) -> tuple[str, str] | None:
    """User and device that an endpoint was made for; None if it is gone or was not ours."""
    try:
        found = aws.sns().get_endpoint_attributes(EndpointArn=endpoint_arn)
    except ClientError as error:
        if _code(error) not in rules.DEAD_ENDPOINT:
            raise
        return None
    try:
        owner = json.loads(found["Attributes"]["CustomUserData"])
        return owner["user_id"], owner["device_id"]
    except (KeyError, TypeError, ValueError):
        return None


def _mail_event(event: Mapping[str, Any], move: Move, reason: str | None, now: datetime) -> None:
    tags = event["mail"].get("tags", {})
    try:
        user_id, notice_id = rules.text_of_tag(tags["user_id"][0]), tags["notice_id"][0]
    except (KeyError, IndexError, ValueError):
        logger.info("feedback on a mail that is not ours")
        return
    entry = store.find_entry(user_id, notice_id) if rules.is_notice_id(notice_id) else None
    if entry is None or entry.channel is not Channel.MAIL:
        logger.info("feedback on no mail of the ledger")
        return
    became = "MailsDelivered" if move is Move.DELIVER else "MailsBounced"
    metrics.add_metric(became, MetricUnit.Count, 1)
    _change(entry, lambda known: rules.advance(known, move, now, reason))
