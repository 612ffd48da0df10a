"""Stripe: what we ask of it, and whether a message is really from it.

The only place that knows Stripe's library, which is imported where it is used. Every call carries
an idempotency key, so that it may be made again whenever its answer did not come.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from dispatch.core import settings
from dispatch.core.errors import BadSignature, Busy
from dispatch.core.logging import logger
from dispatch.core.secrets import MissingSecret, secret
from dispatch.payments.model import Checkout
from dispatch.payments.rules import SESSION_KEY

if TYPE_CHECKING:
    from stripe import HTTPClient, StripeClient

TOLERANCE_S = 300
"""How old a signed message may be, and how far ahead its clock: as Stripe advises."""

_TIMEOUT_S = (2, 7)
"""To connect, to answer. Both are over before the function's time is."""

_GONE = frozenset({"canceled", "failed"})
"""A refund that is in one of these gives nothing back."""


@cache
def _http() -> "HTTPClient":
    from stripe import RequestsClient

    return RequestsClient(timeout=_TIMEOUT_S)


@cache
def _client_of(api_key: str) -> "StripeClient":
    from stripe import StripeClient

    return StripeClient(
        api_key,
        base_addresses={"api": settings.stripe_api_base()},
        http_client=_http(),
        max_network_retries=0,  # whoever asks comes again
    )


@contextmanager
def _asking(now: datetime) -> Iterator["StripeClient"]:
    """Raises Busy where Stripe cannot be had now, whatever the reason; nothing is lost by that."""
    from stripe import InvalidRequestError, StripeError

    try:
        yield _client_of(secret(settings.stripe_api_key_name(), now))
    except InvalidRequestError:
        raise  # a bug of ours
    except (StripeError, MissingSecret) as error:
        logger.exception("Stripe cannot be had")
        raise Busy("Card payments do not work just now. Try again in a minute.") from error


def open_checkout(
    session_id: str,
    *,
    name: str,
    price_cents: int,
    expires_at: datetime,
    key: str,
    now: datetime,
) -> Checkout:
    """A page on which a session can be paid for until ``expires_at``. Raises Busy.

    Stripe is told nothing of the customer. The same ``key`` gets the same page, as long as all else
    is the same.
    """
    mark = {SESSION_KEY: session_id}
    wanted: Any = {
        "mode": "payment",
        "payment_method_types": ["card"],  # which is paid at once, or not at all
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": settings.payment_currency(),
                    "unit_amount": price_cents,
                    "product_data": {"name": name},
                },
            }
        ],
        "client_reference_id": session_id,
        "metadata": mark,
        "payment_intent_data": {"metadata": mark},
        "expires_at": int(expires_at.timestamp()),
        "success_url": _with_session(settings.payment_success_url(), session_id),
        "cancel_url": _with_session(settings.payment_cancel_url(), session_id),
    }
    with _asking(now) as stripe:
        made = stripe.v1.checkout.sessions.create(wanted, {"idempotency_key": key})
    assert made.url is not None, "an open checkout has a page"
    return Checkout(session_id, made.id, made.url)


def _with_session(url: str, session_id: str) -> str:
    return url.replace("{session_id}", session_id)


def returned_cents(payment_id: str, now: datetime) -> int:
    """How much of a payment was given back by now, or is on its way. Raises Busy."""
    with _asking(now) as stripe:
        made = stripe.v1.refunds.list({"payment_intent": payment_id, "limit": 100})
    return sum(refund.amount for refund in made.data if refund.status not in _GONE)


def give_back(
    payment_id: str, amount_cents: int, *, session_id: str, key: str, now: datetime
) -> None:
    """Give back so much of a payment; asked again with the same ``key``, only once. Raises Busy."""
    with _asking(now) as stripe:
        stripe.v1.refunds.create(
            {
                "payment_intent": payment_id,
                "amount": amount_cents,
                "metadata": {SESSION_KEY: session_id},
            },
            {"idempotency_key": key},
        )


def verified(body: bytes, signature: str | None, now: datetime) -> Any:
    """The event that Stripe has signed, as JSON has it.

    Raises BadSignature for what others have made, or what is older than ``TOLERANCE_S`` or as far
    ahead: the library would compare with the system's clock. Raises Busy without our secret.
    """
    from stripe import SignatureVerificationError, WebhookSignature

    try:
        expected = secret(settings.stripe_webhook_secret_name(), now)
    except MissingSecret as error:
        logger.exception("a webhook cannot be verified")
        raise Busy("The secret of this webhook is not set up yet.") from error
    try:
        WebhookSignature.verify_header(body, signature, expected)
    except (SignatureVerificationError, UnicodeDecodeError, TypeError):  # the last by an "é" in it
        raise BadSignature("This is not signed by Stripe with the secret of ours.") from None
    age_s = now.timestamp() - _signed_at(signature or "")
    if abs(age_s) > TOLERANCE_S:
        raise BadSignature("This was signed too long ago. Send it again.")
    return json.loads(body)


def _signed_at(signature: str) -> int:
    """The time in a header that was verified: ``t=...,v1=...``."""
    parts = (part.partition("=") for part in signature.split(","))
    return next(int(value) for name, _, value in parts if name == "t")


def forget() -> None:
    """Build the client anew. For tests, which change what it talks to."""
    _client_of.cache_clear()
