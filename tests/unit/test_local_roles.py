"""The local stack's IAM: what a role allows, what a call needs, and that no client gets by."""

import json
from pathlib import Path
from typing import Any

import pytest
from boto3.session import Session
from botocore import handlers
from botocore.exceptions import ClientError
from moto import mock_aws

from local.deployment import AsyncInvocations, Deployment, QueueSource, StreamSource
from local.errors import LocalStackError
from local.intrinsics import Evaluator, Made
from local.permissions import Permission, of_call, of_destination
from local.roles import (
    Grant,
    Guard,
    Record,
    Role,
    Watch,
    check_what_lambda_does,
    from_json,
    of_functions,
    to_json,
)
from local.template import arn

TABLE = arn("dynamodb", "table/rows")
QUEUE = arn("sqs", "work")
BUCKET = "arn:aws:s3:::files"


def needed(service: str, operation: str, **params: Any) -> list[tuple[str, str]]:
    return [(each.action, each.resource) for each in of_call(service, operation, params)]


@pytest.mark.parametrize(
    ("pattern", "resource", "covered"),
    [
        (TABLE, TABLE, True),
        (TABLE, f"{TABLE}/index/roster", False),
        (f"{TABLE}/index/roster", TABLE, False),
        (f"{BUCKET}/incoming/*", f"{BUCKET}/incoming/a/b", True),
        (f"{BUCKET}/incoming/*", f"{BUCKET}/photos/incoming/a", False),
        (f"{BUCKET}/a.b", f"{BUCKET}/axb", False),
        (f"{BUCKET}/a?b", f"{BUCKET}/axb", True),
    ],
)
def test_a_resource_is_the_one_that_is_named_or_like_it(
    pattern: str, resource: str, covered: bool
) -> None:
    grant = Grant("s3:GetObject", pattern)
    assert grant.covers(Permission("s3:GetObject", resource)) is covered
    assert not grant.covers(Permission("s3:PutObject", resource))


def test_a_condition_asks_about_the_request() -> None:
    to_scheduler = Grant("iam:PassRole", "role", {"iam:PassedToService": ["scheduler"]})
    for service, covered in (("scheduler", True), ("lambda", False)):
        asked = Permission("iam:PassRole", "role", {"iam:PassedToService": service})
        assert to_scheduler.covers(asked) is covered
    assert not to_scheduler.covers(Permission("iam:PassRole", "role"))


def test_a_transaction_needs_what_its_clauses_do() -> None:
    clauses = ("Put", "Update", "Put", "ConditionCheck", "Delete")
    items = [{clause: {"TableName": "rows"}} for clause in clauses]
    assert needed("dynamodb", "TransactWriteItems", TransactItems=items) == [
        ("dynamodb:PutItem", TABLE),
        ("dynamodb:UpdateItem", TABLE),
        ("dynamodb:ConditionCheckItem", TABLE),
        ("dynamodb:DeleteItem", TABLE),
    ]


def test_reads_need_the_table_or_its_index() -> None:
    assert needed("dynamodb", "GetItem", TableName="rows") == [("dynamodb:GetItem", TABLE)]
    assert needed("dynamodb", "BatchGetItem", RequestItems={"rows": {}}) == [
        ("dynamodb:BatchGetItem", TABLE)
    ]
    assert needed("dynamodb", "Query", TableName="rows") == [("dynamodb:Query", TABLE)]
    assert needed("dynamodb", "Query", TableName="rows", IndexName="due") == [
        ("dynamodb:Query", f"{TABLE}/index/due")
    ]


def test_what_is_copied_is_read_and_written() -> None:
    source = {"Bucket": "files", "Key": "incoming/a"}
    assert needed("s3", "CopyObject", Bucket="files", Key="photos/a", CopySource=source) == [
        ("s3:GetObject", f"{BUCKET}/incoming/a"),
        ("s3:PutObject", f"{BUCKET}/photos/a"),
    ]


def test_who_makes_a_schedule_passes_a_role_on() -> None:
    schedule, role = of_call(
        "scheduler",
        "CreateSchedule",
        {"GroupName": "rings", "Name": "r-1", "Target": {"RoleArn": "role"}},
    )
    assert schedule.resource == arn("scheduler", "schedule/rings/r-1")
    assert role == Permission(
        "iam:PassRole", "role", {"iam:PassedToService": "scheduler.amazonaws.com"}
    )


def test_a_mail_needs_its_sender_and_its_configuration_set() -> None:
    asked = of_call(
        "sesv2", "SendEmail", {"FromEmailAddress": "a@b.example", "ConfigurationSetName": "set"}
    )
    assert [each.resource for each in asked] == [
        arn("ses", "identity/a@b.example"),
        arn("ses", "configuration-set/set"),
    ]
    assert {each.context["ses:FromAddress"] for each in asked} == {"a@b.example"}


def test_everything_else_needs_the_one_thing_it_names() -> None:
    queue_url = "http://127.0.0.1:5000/123456789012/work"
    assert needed("sqs", "SendMessage", QueueUrl=queue_url) == [("sqs:SendMessage", QUEUE)]
    assert needed("sns", "Publish", TargetArn="device") == [("sns:Publish", "device")]
    assert needed("sns", "Publish", TopicArn="topic") == [("sns:Publish", "topic")]
    assert needed("ssm", "GetParameters", Names=["/stripe/key"]) == [
        ("ssm:GetParameters", arn("ssm", "parameter/stripe/key"))
    ]
    assert needed("cognito-idp", "AdminDeleteUser", UserPoolId="pool") == [
        ("cognito-idp:AdminDeleteUser", arn("cognito-idp", "userpool/pool"))
    ]
    with pytest.raises(LocalStackError, match="Teach"):
        of_call("dynamodb", "Scan", {"TableName": "rows"})


# Roles of a template


def roles_of(**resources: dict[str, Any]) -> dict[str, Role | None]:
    function = {"Type": "AWS::Lambda::Function", "Properties": {"Role": att("Own")}}
    template = {"Resources": {"Act": function, "Queue": {"Type": "AWS::SQS::Queue"}} | resources}
    made = Made("url", {"Arn": QUEUE})
    return of_functions(template, Evaluator(template, {}, lambda _: made))


def att(logical_id: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def statement(**changes: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": att("Queue")} | changes


def a_role(*statements: dict[str, Any]) -> dict[str, Any]:
    policies = [{"PolicyDocument": {"Statement": list(statements)}}]
    return {"Type": "AWS::IAM::Role", "Properties": {"Policies": policies}}


def test_a_function_has_the_statements_of_its_role_and_of_policies_apart() -> None:
    document = {"Statement": [statement(Action="s3:GetObject", Resource={"Fn::Sub": "${Queue}/*"})]}
    apart = {"PolicyDocument": document, "Roles": [{"Ref": "Own"}]}
    to_one = {"StringEquals": {"a:Key": {"Fn::GetAtt": ["Queue", "Arn"]}}}
    roles = roles_of(
        Own=a_role(statement(Action=["sqs:A", "sqs:B"], Condition=to_one)),
        Other=a_role(statement(Action="s3:DeleteObject")),
        Apart={"Type": "AWS::IAM::Policy", "Properties": apart},
    )
    role = roles["Act"]
    assert role == (
        Grant("sqs:A", QUEUE, {"a:Key": [QUEUE]}, "${Queue.Arn}"),
        Grant("sqs:B", QUEUE, {"a:Key": [QUEUE]}, "${Queue.Arn}"),
        Grant("s3:GetObject", "url/*", {}, "${Queue}/*"),
    )
    assert from_json(json.loads(json.dumps(to_json(role)))) == role


def test_what_aws_keeps_of_a_role_is_not_guessed() -> None:
    managed = {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": ["x"]}}
    assert roles_of(Own=managed) == {"Act": None}


@pytest.mark.parametrize(
    "changes",
    [
        {"Effect": "Deny"},
        {"Action": None},
        {"NotResource": "x"},
        {"Action": "sqs:*"},
        {"Condition": {"StringLike": {"a": "b"}}},
    ],
)
def test_what_is_not_understood_does_not_pass_for_allowed(changes: dict[str, Any]) -> None:
    with pytest.raises(LocalStackError, match="does not understand"):
        roles_of(Own=a_role(statement(**changes)))


# What Lambda does itself


def plan(**changes: Any) -> Deployment:
    fields: dict[str, Any] = {
        "functions": {"Act": _Logging()},
        "api": None,
        "queues": (),
        "streams": (),
        "rates": (),
    }
    return Deployment(**fields | changes)


class _Logging:
    log_group = arn("logs", "ActLogs")


LOGS = tuple(
    Grant(action, _Logging.log_group) for action in ("logs:CreateLogStream", "logs:PutLogEvents")
)
SOURCE: dict[str, Any] = {"function": "Act", "batch_size": 10, "filter": None}
POLLED = QueueSource(**SOURCE, queue_arn=QUEUE, reports_item_failures=True, max_concurrency=1)
STREAM = StreamSource(
    **SOURCE,
    stream_arn="stream",
    from_start=True,
    reports_item_failures=True,
    bisects=True,
    max_retries=1,
    on_failure_arn=BUCKET,
)


@pytest.mark.parametrize(
    ("done", "missing"),
    [
        ({}, "logs:CreateLogStream"),
        ({"queues": (POLLED,)}, "sqs:ReceiveMessage"),
        ({"streams": (STREAM,)}, "dynamodb:DescribeStream"),
        ({"async_invocations": {"Act": AsyncInvocations(2, QUEUE)}}, "sqs:SendMessage"),
    ],
)
def test_a_function_in_whose_name_lambda_may_not_work_is_not_deployed(
    done: dict[str, Any], missing: str
) -> None:
    role = () if not done else LOGS
    with pytest.raises(LocalStackError, match=f"does not allow {missing}"):
        check_what_lambda_does(plan(**done), {"Act": role}, Record(""))


def test_what_lambda_does_counts_as_used(tmp_path: Path) -> None:
    record = tmp_path / "record"
    role = (*LOGS, *(Grant(each.action, each.resource) for each in of_destination(QUEUE)))
    done = plan(async_invocations={"Act": AsyncInvocations(2, QUEUE)})
    check_what_lambda_does(done, {"Act": role}, Record(str(record)))
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert [line["what"] for line in lines] == ["granted"] * 3 + ["used"] * 3


# The guard in a worker


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A client of a process that may read one prefix of one bucket, and what was recorded."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setattr(handlers, "BUILTIN_HANDLERS", [*handlers.BUILTIN_HANDLERS])
    with mock_aws():
        free = Session(region_name="us-east-1").client("s3")
        free.create_bucket(Bucket="files")
        free.put_object(Bucket="files", Key="open/a", Body=b"a")
        role = (
            Grant("s3:GetObject", f"{BUCKET}/open/*", written="what is open"),
            Grant("s3:PutObject", f"{BUCKET}/in/*"),
        )
        guard = Guard("Act", role, Record(str(tmp_path / "record")))
        Watch(lambda: guard).begin()
        yield Session(region_name="us-east-1").client("s3"), tmp_path / "record"


def test_a_client_does_what_the_role_allows_and_nothing_else(guarded: Any) -> None:
    client, record = guarded
    for _ in range(2):
        assert client.get_object(Bucket="files", Key="open/a")["Body"].read() == b"a"
    with pytest.raises(ClientError, match="not authorized to perform: s3:GetObject") as refused:
        client.get_object(Bucket="files", Key="shut/a")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert [(line["what"], line["resource"]) for line in lines] == [
        ("used", "what is open"),
        ("refused", f"{BUCKET}/shut/a"),
    ]


def test_who_may_not_list_is_not_told_what_is_not_there(guarded: Any) -> None:
    client, _ = guarded
    with pytest.raises(ClientError, match="s3:ListBucket"):
        client.get_object(Bucket="files", Key="open/missing")


def test_who_signs_for_others_may_do_it_itself(guarded: Any) -> None:
    client, _ = guarded
    assert client.generate_presigned_post("files", "in/a")["fields"]["key"] == "in/a"
    assert client.generate_presigned_url("get_object", {"Bucket": "files", "Key": "open/a"})
    with pytest.raises(ClientError, match="s3:PutObject"):
        client.generate_presigned_post(Bucket="files", Key="out/a")
    with pytest.raises(ClientError, match="s3:GetObject"):
        client.generate_presigned_url("get_object", {"Bucket": "files", "Key": "shut/a"})
