"""Stripe's library, talking to the stand-in in this process; any call may be made to fail."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from stripe import APIConnectionError, HTTPClient

from local.stripe import StandIn
from tests.fast.faults import Faults

API_BASE = "http://stripe.test"
API_KEY_NAME, API_KEY = "/test/stripe/api-key", "sk_test_of_the_tests"
WEBHOOK_SECRET_NAME, WEBHOOK_SECRET = "/test/stripe/webhook-secret", "whsec_of_the_tests"
ENVIRONMENT = {
    "STRIPE_API_BASE": API_BASE,
    "STRIPE_API_KEY_NAME": API_KEY_NAME,
    "STRIPE_WEBHOOK_SECRET_NAME": WEBHOOK_SECRET_NAME,
    "PAYMENT_CURRENCY": "cad",
    "PAYMENT_SUCCESS_URL": "https://app.test/sessions/{session_id}?payment=done",
    "PAYMENT_CANCEL_URL": "https://app.test/sessions/{session_id}?payment=later",
}
SECRETS = {API_KEY_NAME: API_KEY, WEBHOOK_SECRET_NAME: WEBHOOK_SECRET}


class FastStripe(HTTPClient):
    """What the library takes for the network."""

    name = "fast"

    def __init__(self, stand_in: StandIn, faults: Faults | None = None) -> None:
        super().__init__()
        self.stand_in = stand_in
        self._faults = faults

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        assert url.startswith(API_BASE), url
        path = url.removeprefix(API_BASE)
        name = f"{method.lower()}_{path.partition('?')[0].removeprefix('/v1/')}"

        def call(**_: Any) -> tuple[int, Any]:
            return self.stand_in.answer(method.upper(), path, post_data or "", headers or {})

        try:
            status, document = (
                self._faults.meet(f"stripe.{name}", call, {}) if self._faults else call()
            )
        except (BotoCoreError, ClientError) as error:
            raise APIConnectionError(str(error)) from error  # type: ignore[no-untyped-call]
        return json.dumps(document), status, {}

    def close(self) -> None:
        """Nothing is open."""
