"""Users: the groups they are in, and how a customer is forgotten by everybody who knows them.

Asking to be erased is one transaction, after which nothing is written for that customer any more.
What is left is removed by whoever keeps it, one after the other; every step can be done again, so
one that fails is tried again with all of them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from dispatch.calendar import service as calendar
from dispatch.core import aws, settings
from dispatch.core.errors import Conflict
from dispatch.core.events import EventType
from dispatch.core.logging import MetricUnit, logger, metrics
from dispatch.core.table import Transaction, decides_anew
from dispatch.customers import service as customers
from dispatch.mechanics import rules as mechanic_rules
from dispatch.mechanics import service as mechanics
from dispatch.notifications import service as notifications
from dispatch.quotas import service as quotas
from dispatch.sessions import service as sessions
from dispatch.uploads import service as uploads
from dispatch.waitlist import service as waitlist

CUSTOMER = "customer"
MECHANIC = "mechanic"


def welcome(event: Mapping[str, Any]) -> None:
    """Cognito has confirmed a user: they are a customer from now on. Twice is once.

    Told so too of who has forgotten their password, which puts right what failed at sign-up.
    """
    aws.cognito_idp().admin_add_user_to_group(
        UserPoolId=event["userPoolId"], Username=event["userName"], GroupName=CUSTOMER
    )


def hear(fact: Mapping[str, Any], now: datetime) -> None:
    """What a fact means for a user's account. A fact heard again changes nothing."""
    match fact["type"]:
        case EventType.MECHANIC_APPROVED:
            _add_mechanic(fact["mechanic_id"])
        case EventType.CUSTOMER_ERASED:
            # Done already, but in a table that was restored to an earlier time.
            erase_customer(fact["customer_id"], now)
            _forget(fact["customer_id"], now)


def _add_mechanic(user_id: str) -> None:
    try:
        aws.cognito_idp().admin_add_user_to_group(
            UserPoolId=settings.user_pool_id(), Username=user_id, GroupName=MECHANIC
        )
    except ClientError as error:
        _pass_over_unknown(error, user_id)


def _pass_over_unknown(error: ClientError, user_id: str) -> None:
    """A user who is no more, or of whom Cognito never knew: nothing is left to do."""
    if error.response["Error"]["Code"] != "UserNotFoundException":
        raise error
    logger.info("no such user", extra={"user_id": user_id})


# Erasing


@decides_anew
def erase_customer(customer_id: str, now: datetime) -> None:
    """Forget a customer for good. Asking twice is asking once.

    Raises Conflict ``active_session`` with the ``session_id`` while a session is to come or under
    way: whoever it would cost something ends it first; and ``is_mechanic`` for who is, or was,
    a mechanic, too. Who only asked to be one has never asked.
    """
    if customers.is_erased(customer_id):
        return
    mechanic = mechanics.get(customer_id)
    if mechanic and not mechanic_rules.is_applicant(mechanic):
        raise Conflict("is_mechanic", "You are a mechanic here. Ask us to close that first.")
    if session := sessions.unfinished_of(customer_id, now):
        raise sessions.in_the_way(session.id)
    with Transaction() as tx:
        sessions.check_no_active(tx, customer_id)
        if mechanic:
            mechanics.drop_applicant(tx, mechanic, now)
        else:
            mechanics.check_no_profile(tx, customer_id)
        customers.erase(tx, customer_id, now)
    metrics.add_metric("CustomersErased", MetricUnit.Count, 1)


def _forget(customer_id: str, now: datetime) -> None:
    """The sessions stay, without anything that tells whose they were."""
    for session_id in sessions.to_forget(customer_id, now):
        notifications.forget_offers(session_id)
        sessions.forget(session_id)
    waitlist.forget(customer_id, now)
    notifications.forget(customer_id)
    uploads.forget(customer_id)
    customers.forget_garage(customer_id)
    calendar.forget(customer_id)
    quotas.forget(customer_id)
    try:
        aws.cognito_idp().admin_delete_user(
            UserPoolId=settings.user_pool_id(), Username=customer_id
        )
    except ClientError as error:
        _pass_over_unknown(error, customer_id)
    logger.info("customer forgotten", extra={"customer_id": customer_id})
