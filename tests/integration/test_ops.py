"""The operators' scripts: dead letters, facts published again, restore, backfill. Without AWS."""

import functools
import io
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws
from rich.console import Console

from dispatch.core import aws, settings
from dispatch.core.events import Event, EventType, event_item
from dispatch.core.table import SCHEMA, Transaction, decode, encode
from dispatch.core.time import format_time
from ops import backfill, invariants, redrive, republish, restore, stacks
from tests import template_file

REGION, STACK = "ca-central-1", "dispatch-test"
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)

QUEUES = ("MatchingQueue", "MatchingDeadLetterQueue", "SweeperDeadLetterQueue")


@functools.cache
def session() -> boto3.Session:
    """One for all: most of what a session costs is reading what services are like."""
    return boto3.Session(region_name=REGION)


class Deployed:
    """What the scripts need of a stack, made on moto."""

    def __init__(self) -> None:
        self.sqs, self.s3 = session().client("sqs"), session().client("s3")
        self.sns, self.dynamodb = session().client("sns"), session().client("dynamodb")
        self.ids = {name: self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in QUEUES}
        self.ids["DispatchEvents"] = self.sns.create_topic(Name="DispatchEvents")["TopicArn"]
        self.ids["RelayFailuresBucket"] = "relay-failures"
        here: Any = {"LocationConstraint": REGION}
        self.s3.create_bucket(Bucket="relay-failures", CreateBucketConfiguration=here)
        self.table = "dispatch-own"
        declared: Any = template_file.table()
        stream: Any = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        self.dynamodb.create_table(
            TableName=self.table,
            StreamSpecification=stream,
            DeletionProtectionEnabled=True,
            **declared,
        )
        self.dynamodb.update_continuous_backups(
            TableName=self.table,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )

    def outputs(self, _client: Any, stack: str) -> dict[str, str]:
        assert stack == STACK
        return {"TableName": self.table, "TopicArn": self.ids["DispatchEvents"]}

    def physical_ids(self, _client: Any, stack: str, type_: str) -> dict[str, str]:
        assert stack == STACK
        kind = {"AWS::SQS::Queue": "Queue", "AWS::S3::Bucket": "Bucket"}[type_]
        return {name: id_ for name, id_ in self.ids.items() if name.endswith(kind)}

    def run(self, script: Any, *arguments: str) -> str:
        out = io.StringIO()
        script.main(["--stack", STACK, *arguments], Console(file=out, width=200))
        return out.getvalue()

    def send(self, queue: str, body: Any, **attributes: str) -> None:
        self.sqs.send_message(
            QueueUrl=self.ids[queue],
            MessageBody=body if isinstance(body, str) else json.dumps(body),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        )

    def in_queue(self, url: str) -> list[dict[str, Any]]:
        got: Any = self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return [dict(message) for message in got.get("Messages", [])]

    def listens(self) -> str:
        """A queue that hears the topic; its URL."""
        url = self.sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:123456789012:heard"
        raw = {"RawMessageDelivery": "true"}
        self.sns.subscribe(
            TopicArn=self.ids["DispatchEvents"], Protocol="sqs", Endpoint=arn, Attributes=raw
        )
        return url

    def put(self, item: dict[str, Any], table: str | None = None) -> None:
        self.dynamodb.put_item(TableName=table or self.table, Item=encode(item))

    def stored(self, table: str) -> list[dict[str, Any]]:
        return [decode(item) for item in restore.items(self.dynamodb, table)]


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    kept = (settings.topic_arn, settings.table_name)
    monkeypatch.setattr(redrive, "WAIT_S", 0)
    shared = session()
    monkeypatch.setattr(boto3, "Session", lambda **_: shared)
    with mock_aws():
        aws.forget()
        deployed = Deployed()
        monkeypatch.setattr(stacks, "outputs", deployed.outputs)
        monkeypatch.setattr(stacks, "physical_ids", deployed.physical_ids)
        yield deployed
    aws.forget()
    for setting in kept:
        setting.cache_clear()


def a_fact(n: int, at: datetime = NOON) -> dict[str, Any]:
    event = Event(EventType.OFFER_ACCEPTED, f"SESSION#{n}", at, {"session_id": str(n)})
    return {**event_item(event), "schema": SCHEMA}


def test_of_a_stack_its_outputs_and_resources_are_known() -> None:
    client: Any = session().client(
        "cloudformation", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as answers:
        stack = {"StackName": STACK, "CreationTime": NOON, "StackStatus": "CREATE_COMPLETE"}
        told = [{"OutputKey": "TableName", "OutputValue": "dispatch-own"}]
        answers.add_response("describe_stacks", {"Stacks": [{**stack, "Outputs": told}]})
        assert stacks.outputs(client, STACK) == {"TableName": "dispatch-own"}
        for page, type_ in ((["Q"], "AWS::SQS::Queue"), (["T"], "AWS::SNS::Topic")):
            rows = [
                {
                    "LogicalResourceId": name,
                    "PhysicalResourceId": f"physical-{name}",
                    "ResourceType": type_,
                    "LastUpdatedTimestamp": NOON,
                    "ResourceStatus": "CREATE_COMPLETE",
                }
                for name in page
            ]
            more = {"NextToken": "more"} if page == ["Q"] else {}
            answers.add_response("list_stack_resources", {"StackResourceSummaries": rows, **more})
        assert stacks.physical_ids(client, STACK, "AWS::SQS::Queue") == {"Q": "physical-Q"}
        answers.assert_no_pending_responses()


# Dead letters


def test_dead_letters_are_counted_by_queue(stack: Deployed) -> None:
    stack.send("MatchingDeadLetterQueue", a_fact(1))
    shown = stack.run(redrive)
    rows = {line.split("│")[1].strip(): line for line in shown.splitlines() if "│" in line}
    assert " 1 " in rows["Matching"]
    assert " 0 " in rows["Sweeper"]


def test_of_a_dead_letter_ids_are_shown_and_no_words(stack: Deployed) -> None:
    stack.send("MatchingDeadLetterQueue", {**a_fact(7), "mail": "ann@example.com", "id": "F1"})
    stack.send("MatchingDeadLetterQueue", {"kind": "seek", "subject": {"session_id": "S9"}})
    stack.send("MatchingDeadLetterQueue", "no JSON, written by Ann")
    shown = stack.run(redrive, "--queue", "Matching")
    for told in ("OfferAccepted", "id=F1", "session_id=7", "seek", "session_id=S9", "?"):
        assert told in shown
    assert "nn" not in shown.replace("Nothing", "")
    assert redrive.waiting(stack.sqs, stack.ids["MatchingDeadLetterQueue"]) == 3
    assert len(stack.in_queue(stack.ids["MatchingDeadLetterQueue"])) == 3, "seen by others again"


def test_dead_letters_go_home_as_they_were(stack: Deployed) -> None:
    for n in range(12):
        stack.send("MatchingDeadLetterQueue", {"n": n}, type="OfferAccepted")
    said = stack.run(redrive, "--queue", "Matching", "--move", "--limit", "11")
    assert "Moved 11, 1 left" in said
    home = stack.ids["MatchingQueue"]
    got = stack.in_queue(home) + stack.in_queue(home)
    assert sorted(json.loads(m["Body"])["n"] for m in got) == list(range(11))
    assert {m["MessageAttributes"]["type"]["StringValue"] for m in got} == {"OfferAccepted"}


def test_what_runs_by_the_clock_has_no_home_and_is_dropped(stack: Deployed) -> None:
    stack.send("SweeperDeadLetterQueue", {})
    with pytest.raises(SystemExit, match="runs by the clock"):
        stack.run(redrive, "--queue", "Sweeper", "--move")
    assert "Dropped 1, 0 left" in stack.run(redrive, "--queue", "Sweeper", "--drop")


def test_an_unknown_queue_is_said_to_be(stack: Deployed) -> None:
    with pytest.raises(SystemExit, match=r"there are: \['Matching', 'Sweeper'\]"):
        stack.run(redrive, "--queue", "Mashing")


# Facts again


@pytest.mark.parametrize("as_text", [True, False], ids=["as on AWS", "as on the local stack"])
def test_what_the_relay_gave_up_on_is_published_and_taken_out(
    stack: Deployed, as_text: bool
) -> None:
    heard, bucket = stack.listens(), stack.ids["RelayFailuresBucket"]
    records = [
        {"eventName": "INSERT", "dynamodb": {"NewImage": encode(item)}}
        for item in (a_fact(2, NOON + timedelta(seconds=1)), a_fact(1))
    ]
    batch = {"Records": records}
    document = {"payload": json.dumps(batch) if as_text else batch}
    stack.s3.put_object(Bucket=bucket, Key="aws/lambda/1.json", Body=json.dumps(document))

    assert "Nothing was published" in stack.run(republish, "--given-up")
    assert stack.in_queue(heard) == []

    said = stack.run(republish, "--given-up", "--publish", "--rate", "1000")
    assert "Published 2, took 1 objects out" in said
    facts = [json.loads(message["Body"]) for message in stack.in_queue(heard)]
    assert [fact["session_id"] for fact in facts] == ["1", "2"]
    assert "pk" not in facts[0]
    assert stack.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_the_facts_of_a_stretch_of_time_are_published_oldest_first(stack: Deployed) -> None:
    heard = stack.listens()
    for n, minute in enumerate((61, 59, 0, -1)):
        stack.put(a_fact(n, NOON + timedelta(minutes=minute)))
    stack.put({"pk": "SESSION#9", "sk": "META", "at": format_time(NOON)})
    stretch = ("--since", "2026-11-26T12:00:00Z", "--until", "2026-11-26T13:00:00Z")
    stack.run(republish, *stretch, "--type", "OfferDeclined", "--publish")
    assert stack.in_queue(heard) == []
    stack.run(republish, *stretch, "--publish", "--rate", "1000")
    heard_of = [json.loads(message["Body"])["session_id"] for message in stack.in_queue(heard)]
    assert heard_of == ["2", "1"]


def test_facts_of_the_table_before_are_published(stack: Deployed) -> None:
    heard = stack.listens()
    stack.put(a_fact(1))
    before, stack.table = stack.table, "restored"
    stack.dynamodb.create_table(TableName="restored", **template_file.table())
    stretch = ("--since", "2026-11-26T12:00:00Z", "--until", "2026-11-26T13:00:00Z", "--publish")
    assert "Published 0" in stack.run(republish, *stretch)
    assert "Published 1" in stack.run(republish, *stretch, "--table", before)
    assert len(stack.in_queue(heard)) == 1


# Restore


def restored(stack: Deployed, *more: str) -> str:
    at = format_time(datetime.now(UTC) - timedelta(seconds=1))
    return stack.run(restore, "--to", at, "--as", "restored", *more)


@pytest.fixture
def no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moto's window of points in time is one instant."""
    now = datetime.now(UTC)
    first, last = min(now, NOON) - timedelta(days=1), max(now, NOON) + timedelta(days=1)
    monkeypatch.setattr(restore, "window", lambda *_: (first, last))


@pytest.mark.usefixtures("no_limits")
def test_a_restored_table_has_all_that_a_restore_leaves_out(stack: Deployed) -> None:
    stack.put({**a_fact(1), "type": "PolicyChanged"})
    stack.dynamodb.tag_resource(
        ResourceArn=stack.dynamodb.describe_table(TableName=stack.table)["Table"]["TableArn"],
        Tags=[{"Key": "team", "Value": "dispatch"}],
    )
    assert "Nothing was done" in restored(stack)
    assert restore.find(stack.dynamodb, "restored") is None

    said = restored(stack, "--apply")
    table: Any = restore.find(stack.dynamodb, "restored")
    assert '"TableName=restored",' in said
    assert f'"TableStreamArn={table["LatestStreamArn"]}",' in said
    assert '"DeploymentType=AllAtOnce",' in said
    assert list(restore.lacking(stack.dynamodb, stack.table, "restored")) == []
    tags = stack.dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    assert {"Key": "team", "Value": "dispatch"} in tags
    assert stack.stored("restored") == stack.stored(stack.table)
    # Moto keeps the time when it was made.
    at = format_time(table["RestoreSummary"]["RestoreDateTime"])
    again = stack.run(restore, "--to", at, "--as", "restored", "--apply")
    assert '"TableName=restored",' in again, "and again, where it stopped"


@pytest.mark.usefixtures("no_limits")
def test_a_table_that_was_there_before_is_not_taken_for_the_restored_one(stack: Deployed) -> None:
    stack.run(restore, "--to", "2026-11-26T12:00:00Z", "--as", "restored", "--apply")
    for name in ("restored", stack.table):
        with pytest.raises(SystemExit, match=f"There is a table {name} already"):
            stack.run(restore, "--to", "2026-11-26T13:00:00Z", "--as", name, "--apply")


@pytest.mark.usefixtures("no_limits")
def test_what_does_not_hold_in_the_restored_table_stops_it(stack: Deployed) -> None:
    balance = {"entity": "balance", "credits": 30, "entries": 0}
    stack.put({"pk": "CREDITS#ann", "sk": "BALANCE", **balance})
    with pytest.raises(SystemExit) as stopped:
        restored(stack, "--apply")
    assert stopped.value.code == 1
    picture = invariants.picture(NOON, restore.items(stack.dynamodb, "restored"))
    assert set(invariants.broken(picture)) == {"a_balance_is_the_sum_of_its_ledger"}


def test_what_a_table_lacks_is_told(stack: Deployed) -> None:
    bare: Any = template_file.table() | {"GlobalSecondaryIndexes": []}
    keys = bare.pop("GlobalSecondaryIndexes") or {"pk", "sk"}
    names = [each for each in bare["AttributeDefinitions"] if each["AttributeName"] in keys]
    stack.dynamodb.create_table(TableName="bare", **(bare | {"AttributeDefinitions": names}))
    assert list(restore.lacking(stack.dynamodb, stack.table, "bare")) == [
        "AttributeDefinitions",
        "GlobalSecondaryIndexes",
        "a stream of new images",
        "deletion protection",
        "time to live on expires_ttl",
        "point-in-time recovery",
    ]


def test_a_time_that_cannot_be_restored_is_refused(
    stack: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "window", lambda *_: (NOON, NOON + timedelta(days=1)))
    with pytest.raises(SystemExit, match="can be restored to 2026-11-26T12"):
        stack.run(restore, "--to", "2026-11-26T11:59:59Z", "--as", "restored", "--apply")


def test_a_table_without_recovery_cannot_be_restored(stack: Deployed) -> None:
    stack.dynamodb.update_continuous_backups(
        TableName=stack.table,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False},
    )
    with pytest.raises(SystemExit, match="has no point-in-time recovery"):
        restored(stack)


# Backfill


def filled(stack: Deployed, path: Path, *more: str) -> str:
    out = io.StringIO()
    told = ["schema", "--table", stack.table, "--cursor", str(path), "--rate", "10000", *more]
    backfill.main(told, Console(file=out, width=200))
    return out.getvalue()


def test_a_backfill_brings_along_what_nobody_writes(stack: Deployed, tmp_path: Path) -> None:
    for n in range(5):
        stack.put({"pk": f"SESSION#{n}", "sk": "META", "n": n} | ({"schema": 1} if n else {}))
    cursor = tmp_path / "cursor.json"
    assert "5 seen, 1 to change" in filled(stack, cursor)
    assert not cursor.exists()
    assert "5 seen, 1 changed, 0 overtaken" in filled(stack, cursor, "--apply")
    assert {item["schema"] for item in stack.stored(stack.table)} == {1}
    assert json.loads(cursor.read_text())["done"] is True
    assert "5 seen" in filled(stack, cursor, "--apply"), "done is done"


def test_operators_publish_at_some_rate(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        republish.parse(["--stack", "s", "--given-up", "--rate", "0"])
    assert "--rate: has to be more than 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (["--rate", "0"], "--rate: has to be more than 0"),
        (["--rate", "-5"], "--rate: has to be more than 0"),
        (["--rate", "nan"], "--rate: has to be more than 0"),
        (["--segment", "4", "--segments", "4"], "--segment is 0 to 3 of 4"),
        (["--segment", "-1"], "--segment is 0 to 0 of 1"),
    ],
)
def test_a_backfill_refuses_numbers_it_cannot_go_by(
    told: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        backfill.parse(["schema", "--table", "t", "--cursor", "c", *told])
    assert why in capsys.readouterr().err


def test_a_backfill_goes_on_where_it_was_stopped(stack: Deployed, tmp_path: Path) -> None:
    for n in range(10):
        stack.put({"pk": f"SESSION#{n}", "sk": "META"})
    settings_of: Any = {"apply": True, "rate": 10000.0, "page": 4}
    os.environ["TABLE_NAME"] = stack.table
    settings.table_name.cache_clear()
    path = tmp_path / "cursor.json"
    first = backfill.Progress()
    next(backfill.run(stack.dynamodb, stack.table, backfill.with_schema, first, **settings_of))
    first.keep_in(path)

    rest = backfill.Progress.kept_in(path, first.of)
    assert (rest.seen, rest.done) == (4, False)
    for _ in backfill.run(stack.dynamodb, stack.table, backfill.with_schema, rest, **settings_of):
        pass
    assert (rest.seen, rest.changed, rest.done) == (10, 10, True)


def test_a_cursor_of_another_table_is_refused(stack: Deployed, tmp_path: Path) -> None:
    cursor = tmp_path / "cursor.json"
    filled(stack, cursor, "--apply")
    stack.dynamodb.create_table(TableName="another", **template_file.table())
    stack.table = "another"
    stack.put({"pk": "SESSION#1", "sk": "META"})
    with pytest.raises(SystemExit, match="is the cursor of schema on dispatch-own, 0 of 1"):
        filled(stack, cursor, "--apply")
    with pytest.raises(SystemExit, match="not of schema on another, 1 of 2"):
        filled(stack, cursor, "--apply", "--segment", "1", "--segments", "2")


def test_what_the_service_writes_a_part_of_is_brought_along_all_the_same(stack: Deployed) -> None:
    os.environ["TABLE_NAME"] = stack.table
    settings.table_name.cache_clear()
    read = {"pk": "MECHANIC#1", "sk": "META", "load": 0}
    stack.put(read | {"load": 1})
    assert backfill.bring_along(read, backfill.with_schema) is True
    assert stack.stored(stack.table) == [read | {"load": 1, "schema": SCHEMA}]
    assert backfill.bring_along(read, backfill.with_schema) is False, "it has its shape by now"
    stack.dynamodb.delete_item(
        TableName=stack.table, Key=encode({"pk": "MECHANIC#1", "sk": "META"})
    )
    assert backfill.bring_along(read, backfill.with_schema) is False, "and now it is gone"


def test_what_is_written_is_of_the_region_that_is_named(stack: Deployed, tmp_path: Path) -> None:
    assert aws.dynamodb().meta.region_name == REGION
    filled(stack, tmp_path / "cursor.json", "--region", "eu-west-1")
    assert aws.dynamodb().meta.region_name == "eu-west-1"


def test_a_backfill_gives_way_to_the_service(stack: Deployed) -> None:
    os.environ["TABLE_NAME"] = stack.table
    settings.table_name.cache_clear()
    old = {"pk": "MECHANIC#1", "sk": "META", "load": 0, "name": "a"}
    stack.put(old | {"load": 1})
    new = {"pk": "MECHANIC#1", "sk": "META", "load": 0, "label": "a"}
    assert backfill.write(old, new) is False
    stack.put(old)
    assert backfill.write(old, new) is True
    assert stack.stored(stack.table) == [new]
    stack.dynamodb.delete_item(
        TableName=stack.table, Key=encode({"pk": "MECHANIC#1", "sk": "META"})
    )
    assert backfill.write(new, old) is False, "what was deleted does not come back"


def test_every_put_says_its_shape(stack: Deployed) -> None:
    os.environ["TABLE_NAME"] = stack.table
    settings.table_name.cache_clear()
    with Transaction() as tx:
        tx.put({"pk": "SESSION#1", "sk": "META"})
    assert stack.stored(stack.table) == [{"pk": "SESSION#1", "sk": "META", "schema": SCHEMA}]
