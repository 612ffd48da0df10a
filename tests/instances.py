"""What an instance of a function keeps between invocations."""

from dispatch.core import secrets, settings
from dispatch.matching import service as matching
from dispatch.payments import stripe_api
from dispatch.policy import service as policies


def forget_everything() -> None:
    """Start as a new instance does: with nothing."""
    settings.forget()
    policies.forget()
    matching.forget()
    secrets.forget()
    stripe_api.forget()
