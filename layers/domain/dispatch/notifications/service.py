"""Devices of users, and pushes to them through SNS platform endpoints."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from dispatch.core import aws, settings
from dispatch.core.errors import Invalid, StaleVersion
from dispatch.core.events import EventType
from dispatch.core.logging import MetricUnit, logger, metrics
from dispatch.core.table import Transaction, decides_anew
from dispatch.core.time import parse_time
from dispatch.notifications import rules, store
from dispatch.notifications.model import Device, Notice, Platform
from dispatch.offers import service as offers

_EXISTING_ENDPOINT = re.compile(r"Endpoint (arn:\S+) already exists")
_DEAD_ENDPOINT = frozenset({"EndpointDisabled", "EndpointDisabledException", "NotFound"})


# Devices


@decides_anew
def register_device(user_id: str, device_id: str, platform: Platform, token: str) -> Device:
    """Bind a push token to one device of one user; who had the token before loses it.

    Raises Invalid where the operator has set up no application for the platform, or the platform
    does not take the token.
    """
    before = store.find(user_id, device_id)
    holder = store.holder_of(platform, token)
    rival = store.find(*holder) if holder else None
    device = Device(
        user_id=user_id,
        device_id=device_id,
        platform=platform,
        token=token,
        endpoint_arn=_endpoint(user_id, device_id, platform, token),
    )
    with Transaction() as tx:
        store.bind(tx, device, before=before, holder=holder)
        if rival and rival.token == token and holder != (user_id, device_id):
            store.forget_device(tx, rival)
        if before and (before.platform, before.token) != (platform, token):
            store.forget_token(tx, before)
    if before and before.endpoint_arn != device.endpoint_arn:
        aws.sns().delete_endpoint(EndpointArn=before.endpoint_arn)
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
def forget_device(user_id: str, device_id: str) -> None:
    """No more pushes to this device. Forgetting twice is forgetting once."""
    device = store.find(user_id, device_id)
    if device is None:
        return
    with Transaction() as tx:
        store.forget_device(tx, device)
        store.forget_token(tx, device)
    aws.sns().delete_endpoint(EndpointArn=device.endpoint_arn)


# Pushes


def notify(fact: dict[str, Any], now: datetime) -> None:
    """Tell whom a fact concerns. A fact told before is not told again.

    One device that fails does not keep the others waiting; the failures are raised at the end, so
    that the fact comes again for them.
    """
    failures = [error for notice in _notices(fact) for error in _push(notice, now)]
    if failures:
        raise ExceptionGroup("some pushes failed", failures)
    if fact["type"] in {EventType.OFFERS_MADE, EventType.BROADCAST_ANNOUNCED}:
        waited = (now - parse_time(fact["at"])).total_seconds()
        metrics.add_metric("SecondsToPush", MetricUnit.Seconds, max(0.0, waited))


def _notices(fact: dict[str, Any]) -> Iterable[Notice]:
    match fact["type"]:
        case EventType.OFFERS_MADE:
            dispatch = offers.dispatch_of(fact["session_id"])
            open_now = {offer.assignment_id for offer in dispatch.offers}
            expires_at = parse_time(fact["expires_at"])
            return rules.offers_made(fact, dispatch.brief, expires_at, open_now)
        case EventType.BROADCAST_ANNOUNCED:
            dispatch = offers.dispatch_of(fact["session_id"])
            still_open = dispatch.is_open and dispatch.broadcast_id == fact["assignment_id"]
            return rules.broadcast_announced(fact, dispatch.brief) if still_open else ()
        case EventType.OFFER_ACCEPTED:
            return rules.offer_accepted(fact)
        case EventType.OFFER_RELEASED:
            return rules.offer_released(fact)
        case EventType.SESSION_CANCELLED:
            return rules.session_cancelled(fact)
        case EventType.SESSION_COMPLETED:
            return rules.session_completed(fact)
    return ()


def _push(notice: Notice, now: datetime) -> list[Exception]:
    """Push to every device that has not had it; what went wrong."""
    if rules.ttl_s(notice, now) == 0:
        logger.info("too late to push", extra={"notice_id": notice.id})
        return []
    failures: list[Exception] = []
    for device in store.devices_of(notice.user_id):
        if device.enabled and not store.was_sent(notice, device):
            try:
                _send(notice, device, now)
            except (ClientError, BotoCoreError) as error:
                failures.append(error)
    return failures


def _send(notice: Notice, device: Device, now: datetime) -> None:
    ttl = rules.ttl_s(notice, now)
    try:
        aws.sns().publish(
            TargetArn=device.endpoint_arn,
            MessageStructure="json",
            Message=rules.payload(notice, device.platform, ttl),
            MessageAttributes=_attributes(rules.attributes(notice, device.platform, ttl)),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in _DEAD_ENDPOINT:
            raise
        _disable(device)
        return
    store.mark_sent(notice, device, now)
    metrics.add_metric("PushesSent", MetricUnit.Count, 1)


def _attributes(texts: Mapping[str, str]) -> Any:
    return {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}


def _disable(device: Device) -> None:
    logger.info("device disabled", extra={"device_id": device.device_id})
    metrics.add_metric("DevicesDisabled", MetricUnit.Count, 1)
    try:
        store.disable(device)
    except StaleVersion:
        logger.info("device bound anew meanwhile", extra={"device_id": device.device_id})
