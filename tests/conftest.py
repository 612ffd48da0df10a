"""Fixtures shared by all tests: an AWS of their own for each test, in process, on moto."""

import asyncio
import functools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from boto3.session import Session
from botocore.config import Config
from moto import mock_aws
from moto.cognitoidp.models import CognitoIdpUserPool, cognitoidp_backends
from moto.s3.models import s3_backends
from moto.scheduler.models import scheduler_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from dispatch.core import aws as clients
from dispatch.core import time
from local import engines, processes
from local.stripe import StandIn
from tests import tuned_moto
from tests.clock import Clock
from tests.engine_gaps import ends_openly, gaps
from tests.fast import stripe
from tests.fast.table import FastTable
from tests.fast.world import TABLE as FAST_TABLE
from tests.fast.world import FastWorld, running
from tests.instances import forget_everything
from tests.roles import GuardedTable
from tests.template_file import table
from tests.world import ACCOUNT, MAIL_SENDER, REGION, World


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--table",
        choices=("fast", "moto", "ministack"),
        default="fast",
        help="what keeps the table of use cases: the fast table of the tests' own, or an engine's",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("table") == "moto":
        tuned_moto.tune()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On an engine, only what asks it; known gaps of its are expected, and only these."""
    engine = config.getoption("table")
    if engine == "fast":
        return
    known = gaps(engine)
    asking, others = list[pytest.Item](), list[pytest.Item]()
    for item in items:
        is_asking = not TABLES.isdisjoint(getattr(item, "fixturenames", ()))
        (asking if is_asking else others).append(item)
        if gap := known.get(item.nodeid):
            item.add_marker(pytest.mark.xfail(strict=True, reason=gap))
    items[:] = asking
    config.hook.pytest_deselected(items=others)


TABLES = {"aws", "engine", "fast_world"}
"""The fixtures whose table is what ``--table`` says."""


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of a ministack of this session's own."""
    folder = tmp_path_factory.mktemp("ministack")
    with (folder / "log").open("w") as log:
        child = engines.start_ministack(folder, log)
        try:
            url = engines.announced(child)
            session = Session(
                aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION
            )
            config = Config(
                parameter_validation=False,
                account_id_endpoint_mode="disabled",
                retries={"total_max_attempts": 1},
            )
            yield session.client("dynamodb", endpoint_url=url, config=config)
        finally:
            processes.stop(child)


@pytest.fixture(scope="session")
def _moto_client() -> Any:
    session = Session(
        aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION
    )
    config = Config(parameter_validation=False, account_id_endpoint_mode="disabled")
    return session.client("dynamodb", config=config)


@pytest.fixture
def moto(_moto_client: Any) -> Iterator[Any]:
    """A client of a moto of this test's own."""
    with mock_aws():
        yield _moto_client


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Any:
    """A client of the engine that the fast table is held against: ministack, if none is named."""
    keeper = request.config.getoption("table")
    return request.getfixturevalue("ministack" if keeper == "fast" else keeper)


@pytest.fixture(autouse=True)
def _event_loop() -> None:
    """The main thread has one, as on Lambda; ``asyncio.run`` of an earlier test takes it away."""
    try:
        asyncio.get_event_loop()
    except RuntimeError:
        asyncio.set_event_loop(asyncio.new_event_loop())


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
        "UPLOADS_BUCKET": "dispatch-test-uploads",
        "PHOTOS_URL": "https://photos.example",
        "ROSTER_SHARDS": "2",
        "SCHEDULE_GROUP": "dispatch-test",
        "SCHEDULER_ROLE_ARN": "arn:aws:iam::123456789012:role/scheduler",
        "POWERTOOLS_SERVICE_NAME": "test",
        **stripe.ENVIRONMENT,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    # These are for who asks through requests, which nobody does, and slow to set up for every test.
    monkeypatch.setattr("moto.core.models.RESPONSES_METHODS", ())
    with mock_aws():
        keeper = request.config.getoption("table")
        name = environment["TABLE_NAME"]
        if keeper == "fast":
            fast_table: Any = GuardedTable(FastTable(name, table()))
            monkeypatch.setattr(clients, "dynamodb", lambda: fast_table)
        elif keeper == "ministack":
            engine = request.getfixturevalue("ministack")
            monkeypatch.setattr(clients, "dynamodb", lambda: engine)
        if keeper != "fast":
            clients.dynamodb().create_table(TableName=name, **table())
        for variable, value in _make_the_rest(environment).items():
            monkeypatch.setenv(variable, value)
        forget_everything()
        yield
        if keeper == "ministack":  # one engine for all tests: each has the table to itself
            engine.delete_table(TableName=name)
    forget_everything()


def _make_the_rest(environment: Mapping[str, str]) -> dict[str, str]:
    """Everything but the table, and the variables that name it.

    Made in moto itself, for each test anew: through clients it would take most of a test's time.
    """
    for bucket in ("SNAPSHOT_BUCKET", "UPLOADS_BUCKET"):
        s3_backends[ACCOUNT]["aws"].create_bucket(environment[bucket], REGION)
    scheduler_backends[ACCOUNT][REGION].create_schedule_group(environment["SCHEDULE_GROUP"], [])
    made = {"TIMERS_DEAD_LETTER_QUEUE_ARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:timers-dead"}
    for name in ("timers", "notify", "matching", "refunds"):
        queue = sqs_backends[ACCOUNT][REGION].create_queue(name)
        made[f"{name.upper()}_QUEUE_ARN"] = queue.queue_arn
        made[f"{name.upper()}_QUEUE_URL"] = (
            f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{queue.name}"
        )
    made["USER_POOL_ID"] = _make_the_users()
    sns = sns_backends[ACCOUNT][REGION]
    made["TOPIC_ARN"] = sns.create_topic("events").arn
    for variable, platform in (
        ("FCM_APPLICATION_ARN", "GCM"),
        ("APNS_APPLICATION_ARN", "APNS"),
        ("APNS_SANDBOX_APPLICATION_ARN", "APNS_SANDBOX"),
    ):
        made[variable] = sns.create_platform_application("dispatch-dev", platform, {}).arn
    return made


def _make_the_users() -> str:
    """A pool with the groups and nobody in them; the same object again and again, emptied."""
    pool, backend = _user_pool(), cognitoidp_backends[ACCOUNT][REGION]
    pool.users.clear()
    pool.groups.clear()
    backend.user_pools[pool.id] = pool
    for group in ("customer", "mechanic"):
        backend.create_group(pool.id, group, "", "", 0)
    return str(pool.id)


@functools.cache
def _user_pool() -> CognitoIdpUserPool:
    return CognitoIdpUserPool(ACCOUNT, REGION, "users", {})


@pytest.fixture
def mail(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mails are sent, too: there is a sender, and SES knows it."""
    monkeypatch.setenv("MAIL_SENDER", MAIL_SENDER)
    monkeypatch.setenv("MAIL_CONFIGURATION_SET", "dispatch-test")
    clients.ses().create_email_identity(EmailIdentity=MAIL_SENDER)


@pytest.fixture
def stripe_account(aws: None, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The stand-in that the functions take for Stripe."""
    for name, value in stripe.SECRETS.items():
        clients.ssm().put_parameter(Name=name, Value=value, Type="SecureString")
    account = StandIn(clock)
    monkeypatch.setattr("dispatch.payments.stripe_api._http", lambda: stripe.FastStripe(account))
    return account


@pytest.fixture
def world(aws: None, clock: Clock) -> World:
    """The whole backend in this process, with nobody in it yet."""
    return World(clock)


@pytest.fixture
def fast_world(request: pytest.FixtureRequest) -> Iterator[FastWorld]:
    """The whole backend on the AWS of the tests' own, with nobody in it yet.

    An engine that keeps the table has to answer everything as the fast table does.
    """
    keeper = request.config.getoption("table")
    with running(Clock()) as world:
        if keeper == "fast":
            yield world
            return
        engine = request.getfixturevalue(keeper)
        engine.create_table(TableName=FAST_TABLE, **table())
        kept = world.keep_the_table_in(engine, ends_openly=ends_openly(keeper))
        yield world
        engine.delete_table(TableName=FAST_TABLE)
        if kept.differences:
            pytest.fail("\n".join(kept.differences), pytrace=False)
