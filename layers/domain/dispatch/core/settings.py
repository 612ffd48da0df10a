"""What the deployment tells a function. The only reader of the environment.

A function is given only what it needs, so a value is looked up when it is asked for; one that is
missing says its name.
"""

import os
from functools import cache


class MissingSetting(Exception):
    """The environment lacks a variable: the template does not give it to this function."""


def _required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise MissingSetting(f"set the environment variable {name} in template.yaml")
    return value


@cache
def function_version() -> str:
    """Which version of the function this is. Lambda itself says so."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")


@cache
def metrics_namespace() -> str:
    """Of the functions' own metrics: the name of the stack."""
    return os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "dispatch")


@cache
def table_name() -> str:
    return _required("TABLE_NAME")


@cache
def topic_arn() -> str:
    return _required("TOPIC_ARN")


@cache
def timers_queue_url() -> str:
    return _required("TIMERS_QUEUE_URL")


@cache
def timers_queue_arn() -> str:
    return _required("TIMERS_QUEUE_ARN")


@cache
def notify_queue_url() -> str:
    return _required("NOTIFY_QUEUE_URL")


@cache
def mail_configuration_set() -> str:
    return _required("MAIL_CONFIGURATION_SET")


@cache
def timers_dead_letter_queue_arn() -> str:
    return _required("TIMERS_DEAD_LETTER_QUEUE_ARN")


@cache
def matching_queue_url() -> str:
    return _required("MATCHING_QUEUE_URL")


@cache
def schedule_group() -> str:
    return _required("SCHEDULE_GROUP")


@cache
def scheduler_role_arn() -> str:
    return _required("SCHEDULER_ROLE_ARN")


@cache
def snapshot_bucket() -> str:
    return _required("SNAPSHOT_BUCKET")


@cache
def uploads_bucket() -> str:
    return _required("UPLOADS_BUCKET")


@cache
def photos_url() -> str:
    """Where everybody can read what lies under ``photos/`` in the bucket of uploads."""
    return _required("PHOTOS_URL").rstrip("/")


@cache
def user_pool_id() -> str:
    return _required("USER_POOL_ID")


@cache
def refunds_queue_url() -> str:
    return _required("REFUNDS_QUEUE_URL")


@cache
def stripe_api_base() -> str:
    """Where Stripe's API is; elsewhere only on the local stack."""
    return _required("STRIPE_API_BASE")


@cache
def stripe_api_key_name() -> str:
    """The SSM parameter that holds the key, not the key."""
    return _required("STRIPE_API_KEY_NAME")


@cache
def stripe_webhook_secret_name() -> str:
    """The SSM parameter that holds the secret, not the secret."""
    return _required("STRIPE_WEBHOOK_SECRET_NAME")


@cache
def payment_currency() -> str:
    """In which prices are, as Stripe writes it: ``cad``."""
    return _required("PAYMENT_CURRENCY")


@cache
def payment_success_url() -> str:
    """Where a customer goes after having paid; ``{session_id}`` stands for the session's."""
    return _required("PAYMENT_SUCCESS_URL")


@cache
def payment_cancel_url() -> str:
    """Where a customer goes who does not want to pay now; as ``payment_success_url``."""
    return _required("PAYMENT_CANCEL_URL")


@cache
def roster_shards() -> int:
    """Into how many index partitions the mechanics of one country are spread."""
    return int(_required("ROSTER_SHARDS"))


_APPLICATIONS = {
    "fcm": "FCM_APPLICATION_ARN",
    "apns": "APNS_APPLICATION_ARN",
    "apns_sandbox": "APNS_SANDBOX_APPLICATION_ARN",
}


def push_application_arn(platform: str) -> str | None:
    """The SNS platform application of ``platform``; None where the operator has set up none."""
    return os.environ.get(_APPLICATIONS[platform]) or None


def mail_sender() -> str | None:
    """The address that mails come from; None where the operator has set up none: no mails."""
    return os.environ.get("MAIL_SENDER") or None


def forget() -> None:
    """Read everything anew. For tests, which change the environment."""
    for reader in (
        table_name,
        topic_arn,
        timers_queue_url,
        timers_queue_arn,
        notify_queue_url,
        mail_configuration_set,
        timers_dead_letter_queue_arn,
        matching_queue_url,
        schedule_group,
        scheduler_role_arn,
        snapshot_bucket,
        uploads_bucket,
        photos_url,
        user_pool_id,
        roster_shards,
        refunds_queue_url,
        stripe_api_base,
        stripe_api_key_name,
        stripe_webhook_secret_name,
        payment_currency,
        payment_success_url,
        payment_cancel_url,
    ):
        reader.cache_clear()
