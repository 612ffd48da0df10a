"""AWS clients: low-level, from one session, each built once per instance."""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp.client import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_scheduler.client import EventBridgeSchedulerClient
    from mypy_boto3_sesv2.client import SESV2Client
    from mypy_boto3_sns.client import SNSClient
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_ssm.client import SSMClient


@cache
def session() -> Any:
    """The one boto3 session of the process, whose clients share what they load."""
    import boto3.session

    return boto3.session.Session()


_SPECIAL: dict[str, dict[str, Any]] = {
    # So that the addresses it signs are of the bucket's region: to others, S3 answers browsers with
    # a redirect that CORS does not let them follow.
    "s3": {"signature_version": "s3v4", "s3": {"addressing_style": "virtual"}},
}


@cache
def _client(service: str, attempts: int = 4) -> Any:
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=2,
        read_timeout=8,
        parameter_validation=False,
        account_id_endpoint_mode="disabled",
        **_SPECIAL.get(service, {}),
    )
    return session().client(service, config=config)


def cognito_idp() -> "CognitoIdentityProviderClient":
    client: CognitoIdentityProviderClient = _client("cognito-idp")
    return client


def dynamodb() -> "DynamoDBClient":
    client: DynamoDBClient = _client("dynamodb")
    return client


def s3() -> "S3Client":
    """What it signs is for the bucket's own region."""
    client: S3Client = _client("s3")
    return client


def scheduler() -> "EventBridgeSchedulerClient":
    client: EventBridgeSchedulerClient = _client("scheduler")
    return client


def ses() -> "SESV2Client":
    """SES, version 2 of its API. Tried once: a mail that came twice would be seen twice.

    Whoever sends tries again later, after noting down that it did not work.
    """
    client: SESV2Client = _client("sesv2", attempts=1)
    return client


def sns() -> "SNSClient":
    """Tried twice: what is published has queues behind it that try again later."""
    client: SNSClient = _client("sns", attempts=2)
    return client


def sqs() -> "SQSClient":
    client: SQSClient = _client("sqs")
    return client


def ssm() -> "SSMClient":
    client: SSMClient = _client("ssm")
    return client


def forget() -> None:
    """Build every client anew. For tests, which change engines."""
    _client.cache_clear()
    session.cache_clear()
