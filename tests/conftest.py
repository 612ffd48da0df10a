"""Fixtures shared by all tests: an AWS of their own for each test, in process, on moto."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from dispatch.core import aws as clients
from dispatch.core import time
from tests.clock import Clock
from tests.fast.table import FastTable
from tests.fast.world import FastWorld, running
from tests.instances import forget_everything
from tests.template_file import table
from tests.world import MAIL_SENDER, REGION, World


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--table",
        choices=("fast", "moto"),
        default="fast",
        help="what keeps the table in tests/integration: the fast table of the tests' own, or moto",
    )


@pytest.fixture
def clock() -> Iterator[Clock]:
    """The time of all use cases, standing still until it is moved."""
    clock = Clock()
    time.run_on(clock)
    yield clock
    time.run_on(None)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """Everything a function finds in its account: table, topic, queue, bucket, push."""
    environment = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
        "TABLE_NAME": "dispatch-test",
        "SNAPSHOT_BUCKET": "dispatch-test-snapshots",
        "ROSTER_SHARDS": "2",
        "SCHEDULE_GROUP": "dispatch-test",
        "SCHEDULER_ROLE_ARN": "arn:aws:iam::123456789012:role/scheduler",
        "POWERTOOLS_SERVICE_NAME": "test",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        on_moto = request.node.get_closest_marker("moto_table")
        if request.config.getoption("table") == "fast" and not on_moto:
            fast_table = FastTable(environment["TABLE_NAME"], table())
            monkeypatch.setattr(clients, "dynamodb", lambda: fast_table)
        else:
            clients.dynamodb().create_table(TableName=environment["TABLE_NAME"], **table())
        clients.s3().create_bucket(
            Bucket=environment["SNAPSHOT_BUCKET"],
            CreateBucketConfiguration={"LocationConstraint": REGION},
        )
        clients.scheduler().create_schedule_group(Name=environment["SCHEDULE_GROUP"])
        queue = clients.sqs().create_queue(QueueName="timers")["QueueUrl"]
        monkeypatch.setenv("TIMERS_QUEUE_URL", queue)
        notify = clients.sqs().create_queue(QueueName="notify")["QueueUrl"]
        monkeypatch.setenv("NOTIFY_QUEUE_URL", notify)
        matching = clients.sqs().create_queue(QueueName="matching")["QueueUrl"]
        monkeypatch.setenv("MATCHING_QUEUE_URL", matching)
        monkeypatch.setenv(
            "TIMERS_DEAD_LETTER_QUEUE_ARN", f"arn:aws:sqs:{REGION}:123456789012:timers-dead"
        )
        monkeypatch.setenv("TIMERS_QUEUE_ARN", f"arn:aws:sqs:{REGION}:123456789012:timers")
        sns = clients.sns()
        monkeypatch.setenv("TOPIC_ARN", sns.create_topic(Name="events")["TopicArn"])
        for variable, platform in (
            ("FCM_APPLICATION_ARN", "GCM"),
            ("APNS_APPLICATION_ARN", "APNS"),
            ("APNS_SANDBOX_APPLICATION_ARN", "APNS_SANDBOX"),
        ):
            application = sns.create_platform_application(
                Name=platform, Platform=platform, Attributes={}
            )
            monkeypatch.setenv(variable, application["PlatformApplicationArn"])
        forget_everything()
        yield
    forget_everything()


@pytest.fixture
def mail(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mails are sent, too: there is a sender, and SES knows it."""
    monkeypatch.setenv("MAIL_SENDER", MAIL_SENDER)
    monkeypatch.setenv("MAIL_CONFIGURATION_SET", "dispatch-test")
    clients.ses().create_email_identity(EmailIdentity=MAIL_SENDER)


@pytest.fixture
def world(aws: None, clock: Clock) -> World:
    """The whole backend in this process, with nobody in it yet."""
    return World(clock)


@pytest.fixture
def fast_world() -> Iterator[FastWorld]:
    """The whole backend on the AWS of the tests' own, with nobody in it yet."""
    with running(Clock()) as world:
        yield world
