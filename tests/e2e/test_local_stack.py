"""The local stack itself: does it start, isolate, pump, keep time and stop as promised?

What every stack must do is asked of the real one; what functions must meet (timeouts, crashes,
failing batches, redrive) of a second one whose template and functions are written here.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import processes
from local.errors import LocalStackError
from local.stack import RunningStack, running_stack

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.13, Timeout: 5, Layers: [!Ref DomainLayer], AutoPublishAlias: live}
Resources:
  DomainLayer: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layers/domain}}
  Pool: {Type: AWS::Cognito::UserPool}
  Client: {Type: AWS::Cognito::UserPoolClient, Properties: {UserPoolId: !Ref Pool}}
  Group:
    Type: AWS::Cognito::UserPoolGroup
    Properties: {UserPoolId: !Ref Pool, GroupName: customer}
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Jwt
        Authorizers:
          Jwt:
            IdentitySource: $request.header.Authorization
            JwtConfiguration: {issuer: !Sub "https://issuer/${Pool}", audience: [!Ref Client]}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      StreamSpecification: {StreamViewType: NEW_IMAGE}
      AttributeDefinitions:
        - {AttributeName: pk, AttributeType: S}
        - {AttributeName: sk, AttributeType: S}
      KeySchema: [{AttributeName: pk, KeyType: HASH}, {AttributeName: sk, KeyType: RANGE}]
  Topic: {Type: AWS::SNS::Topic}
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 30
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
  Dead: {Type: AWS::SQS::Queue}
  Failures: {Type: AWS::SQS::Queue}
  Subscription:
    Type: AWS::SNS::Subscription
    Properties:
      {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Queue.Arn, RawMessageDelivery: true}
  Schedules: {Type: AWS::Scheduler::ScheduleGroup}
  Web:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/web
      Handler: api.handler
      Timeout: 2
      Environment:
        Variables:
          TABLE: !Ref Table
          QUEUE: !Ref Queue
          QUEUE_ARN: !GetAtt Queue.Arn
          DEAD: !Ref Dead
          FAILURES: !Ref Failures
          SCHEDULES: !Ref Schedules
      Events:
        Do: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: POST, Path: "/do/{what}"}}
  Relay:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/relay
      Handler: consumer.handler
      Environment: {Variables: {TOPIC: !Ref Topic}}
      Events:
        Stream:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Table.StreamArn
            StartingPosition: TRIM_HORIZON
            MaximumRetryAttempts: 2
            BisectBatchOnFunctionError: true
            FunctionResponseTypes: [ReportBatchItemFailures]
            FilterCriteria:
              Filters: [{Pattern: '{"dynamodb": {"Keys": {"sk": {"S": ["EVENT"]}}}}'}]
            DestinationConfig: {OnFailure: {Destination: !GetAtt Failures.Arn}}
  Consumer:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/consumer
      Handler: consumer.handler
      Environment: {Variables: {TABLE: !Ref Table}}
      Events:
        Messages:
          Type: SQS
          Properties: {Queue: !GetAtt Queue.Arn, FunctionResponseTypes: [ReportBatchItemFailures]}
        Regularly: {Type: Schedule, Properties: {Schedule: rate(15 minutes)}}
"""

WEB = """
import json, os, sys, time
from boto3.session import Session
from dispatch.core import time as clock

aws = Session()
table, sqs, scheduler = aws.client("dynamodb"), aws.client("sqs"), aws.client("scheduler")
env = os.environ

def handler(event, context):
    body = json.loads(event["body"])
    return globals()[event["pathParameters"]["what"]](context, **body)

def look(context):
    return {"environment": dict(env), "path": sys.path, "cwd": os.getcwd(), "pid": os.getpid(),
            "modules": sorted(sys.modules), "now": clock.now().isoformat(),
            "remaining_ms": context.get_remaining_time_in_millis()}

def fail(context):
    raise RuntimeError("on purpose")

def crash(context):
    os._exit(1)

def sleep(context, seconds):
    time.sleep(seconds)
    return {"pid": os.getpid()}

def write(context, ids, kind):
    for id in ids:
        item = {"pk": {"S": id}, "sk": {"S": "EVENT"}, "kind": {"S": kind}}
        table.put_item(TableName=env["TABLE"], Item=item)
    return {}

def seen(context, id):
    answer = table.query(TableName=env["TABLE"], KeyConditionExpression="pk = :id",
                         ExpressionAttributeValues={":id": {"S": id}})
    return [item["sk"]["S"] for item in answer["Items"] if item["sk"]["S"] != "EVENT"]

def send(context, id, delay_s):
    message = json.dumps({"id": id, "kind": "good"})
    sqs.send_message(QueueUrl=env["QUEUE"], MessageBody=message, DelaySeconds=delay_s)
    return {}

def schedule(context, id, at):
    scheduler.create_schedule(
        Name=id, GroupName=env["SCHEDULES"], ScheduleExpression=at,
        FlexibleTimeWindow={"Mode": "OFF"}, ActionAfterCompletion="DELETE",
        Target={"Arn": env["QUEUE_ARN"], "RoleArn": "arn:aws:iam::123456789012:role/any",
                "Input": json.dumps({"id": id, "kind": "good"})})
    return {}

def waiting(context, queue):
    received = sqs.receive_message(QueueUrl=env[queue], VisibilityTimeout=0, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in received.get("Messages", [])]
"""

RELAY = """
import json, os
from boto3.session import Session

sns = Session().client("sns")

def handler(event, context):
    for record in event["Records"]:
        image = record["dynamodb"]["NewImage"]
        id, kind = image["pk"]["S"], image["kind"]["S"]
        if kind == "poison":
            raise RuntimeError("cannot relay this")
        sns.publish(TopicArn=os.environ["TOPIC"], Message=json.dumps({"id": id, "kind": kind}))
    return {"batchItemFailures": []}
"""

CONSUMER = """
import json, os
from boto3.session import Session
from dispatch.core import time

table = Session().client("dynamodb")

def handler(event, context):
    failed = []
    for record in event.get("Records", [{"body": json.dumps({"id": "regular", "kind": "good"})}]):
        message = json.loads(record["body"])
        item = {"pk": {"S": message["id"]}, "sk": {"S": time.now().isoformat()}}
        table.put_item(TableName=os.environ["TABLE"], Item=item)
        if message["kind"] == "bad":
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
"""

Do = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack of functions that do as they are told."""
    root = tmp_path_factory.mktemp("scratch")
    core = processes.ROOT / "layers" / "domain" / "dispatch" / "core"
    files = {
        "template.yaml": TEMPLATE,
        "functions/web/api.py": WEB,
        "functions/relay/consumer.py": RELAY,
        "functions/consumer/consumer.py": CONSUMER,
        "layers/domain/dispatch/__init__.py": "",
        "layers/domain/dispatch/core/__init__.py": "",
        "layers/domain/dispatch/core/time.py": (core / "time.py").read_text(),
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEAK", "from the outside")
        with running_stack(template=root / "template.yaml") as running:
            yield running


@pytest.fixture
def do(scratch: RunningStack) -> Iterator[Do]:
    headers = {"authorization": scratch.token("customer", "tester")}
    with httpx.Client(base_url=scratch.url, headers=headers, timeout=60, verify=False) as client:
        yield lambda what, **body: client.post(f"/do/{what}", json=body)


# The real stack


def test_it_is_healthy_once_it_runs(anyone: httpx.Client) -> None:
    assert anyone.get("/_local/health").status_code == 200


def test_an_open_route_reaches_its_function(anyone: httpx.Client) -> None:
    response = anyone.get("/plans")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert response.json()["items"]


def test_what_the_template_does_not_route_is_not_found(anyone: httpx.Client) -> None:
    for method, path in [("GET", "/nowhere"), ("DELETE", "/plans"), ("GET", "/plans/")]:
        response = anyone.request(method, path)
        assert (response.status_code, response.json()) == (404, {"message": "Not Found"})


@pytest.mark.parametrize("token", [None, "", "Bearer", "Bearer x.y.z", "Basic YTpi"])
def test_a_guarded_route_needs_a_token(anyone: httpx.Client, token: str | None) -> None:
    headers = {} if token is None else {"authorization": token}
    response = anyone.get("/sessions", headers=headers)
    assert (response.status_code, response.json()) == (401, {"message": "Unauthorized"})


def test_only_known_groups_get_tokens(anyone: httpx.Client) -> None:
    assert anyone.get("/_local/token/admin/somebody").status_code == 200
    response = anyone.get("/_local/token/king/somebody")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_a_preflight_from_the_frontend_is_answered_by_the_gateway(anyone: httpx.Client) -> None:
    headers = {"origin": "http://localhost:5173", "access-control-request-method": "POST"}
    response = anyone.options("/intake/start", headers=headers)
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == "http://localhost:5173"
    foreign = anyone.options("/intake/start", headers=headers | {"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in foreign.headers


def test_a_body_over_10_mb_is_too_large(stack: RunningStack, anyone: httpx.Client) -> None:
    token = stack.token("customer", "somebody")
    response = anyone.post(
        "/intake/start", content=bytes(11 * 1024 * 1024), headers={"authorization": token}
    )
    assert response.status_code == 413
    assert response.json() == {"message": "Request Entity Too Large"}


def test_docs_come_with_everything_they_need(anyone: httpx.Client) -> None:
    page = anyone.get("/docs").text
    assert "http://" not in page
    assert "https://" not in page
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert anyone.get(f"/docs/assets/{asset}").status_code == 200


def test_the_committed_document_is_what_is_served(anyone: httpx.Client) -> None:
    committed = json.loads((processes.ROOT / "docs" / "openapi.json").read_text())
    assert anyone.get("/openapi.json").json() == committed, "run `make openapi`"


def test_bad_records_are_refused_with_pointers_and_none_is_written(anyone: httpx.Client) -> None:
    body = {"mechanics": [{"id": "m-1", "nmae": "Ann"}, {"rating": 4}], "customers": [3]}
    response = anyone.post("/_local/seed", json=body)
    assert response.status_code == 422
    pointers = {error["pointer"] for error in response.json()["errors"]}
    assert {"/mechanics/0/nmae", "/mechanics/1/id", "/customers/0"} <= pointers
    missing = anyone.get(
        "/mechanics/m-1",
        headers={"authorization": anyone.get("/_local/token/customer/c").json()["token"]},
    )
    assert missing.status_code == 404


@pytest.mark.parametrize("body", [{"advance_s": -1}, {"advance_s": "1"}, {"advance": 1}, [], {}])
def test_a_bad_advance_is_refused(anyone: httpx.Client, body: Any) -> None:
    response = anyone.post("/_local/clock", json=body)
    assert response.status_code == 422
    assert response.json()["errors"]


# Functions, as on Lambda


def test_a_function_sees_its_own_environment_and_nothing_of_ours(do: Do) -> None:
    seen = do("look").json()
    ours = {"TABLE", "QUEUE", "QUEUE_ARN", "DEAD", "FAILURES", "SCHEDULES"}
    lambdas = {"LAMBDA_TASK_ROOT", "LANG", "PATH", "TZ", "_HANDLER"}
    others = {name for name in seen["environment"] if not name.startswith("AWS_")}
    assert others == ours | lambdas
    assert seen["environment"]["AWS_LAMBDA_FUNCTION_NAME"] == "Web"
    assert 0 < seen["remaining_ms"] <= 2000


def test_a_function_imports_its_code_its_layer_and_packages_only(do: Do) -> None:
    seen = do("look").json()
    assert seen["cwd"].endswith("functions/web")
    assert seen["path"][0] == seen["cwd"]
    assert seen["path"][1].endswith("layers/domain")
    assert str(processes.ROOT) not in seen["path"]
    assert not {"local", "consumer", "moto", "samtranslator"} & set(seen["modules"])


def test_an_idle_instance_is_used_again_and_a_busy_one_is_not(do: Do) -> None:
    assert do("look").json()["pid"] == do("look").json()["pid"]
    with ThreadPoolExecutor(3) as callers:
        answers = callers.map(lambda _: do("sleep", seconds=0.5).json(), range(3))
        assert len({answer["pid"] for answer in answers}) == 3


@pytest.mark.parametrize(
    ("what", "body"), [("fail", {}), ("crash", {}), ("sleep", {"seconds": 9}), ("unknown", {})]
)
def test_a_function_that_raises_dies_or_hangs_is_a_500_and_the_next_call_works(
    do: Do, what: str, body: dict[str, Any]
) -> None:
    response = do(what, **body)
    assert (response.status_code, response.json()) == (500, {"message": "Internal Server Error"})
    assert do("look").status_code == 200


# Between functions


def test_an_event_passes_stream_topic_and_queue(do: Do, scratch: RunningStack) -> None:
    do("write", ids=["passes"], kind="good")
    scratch.drain()
    assert len(do("seen", id="passes").json()) == 1


def test_a_failing_message_is_tried_again_after_its_visibility_timeout_then_set_aside(
    do: Do, scratch: RunningStack
) -> None:
    do("write", ids=["fails"], kind="bad")
    scratch.drain()
    assert len(do("seen", id="fails").json()) == 1
    scratch.advance(15)
    assert len(do("seen", id="fails").json()) == 1
    scratch.advance(16)
    assert len(do("seen", id="fails").json()) == 2
    scratch.advance(90)
    assert len(do("seen", id="fails").json()) == 3
    assert {"id": "fails", "kind": "bad"} in do("waiting", queue="DEAD").json()


def test_a_poisonous_stream_record_is_set_aside_and_its_neighbours_get_through(
    do: Do, scratch: RunningStack
) -> None:
    do("write", ids=["before"], kind="good")
    do("write", ids=["poison-1"], kind="poison")
    do("write", ids=["after"], kind="good")
    scratch.drain()
    assert do("seen", id="before").json()
    assert do("seen", id="after").json()
    [failure] = do("waiting", queue="FAILURES").json()
    [record] = failure["payload"]["Records"]
    assert record["dynamodb"]["Keys"]["pk"] == {"S": "poison-1"}


def test_a_delayed_message_arrives_when_the_clock_gets_there(do: Do, scratch: RunningStack) -> None:
    do("send", id="delayed", delay_s=60)
    scratch.advance(30)
    assert do("seen", id="delayed").json() == []
    scratch.advance(31)
    assert len(do("seen", id="delayed").json()) == 1


def test_a_schedule_fires_once_at_its_instant_on_the_way_of_a_long_advance(
    do: Do, scratch: RunningStack
) -> None:
    at = datetime.fromisoformat(do("look").json()["now"]) + timedelta(minutes=5)
    assert do("schedule", id="ring", at=f"at({at:%Y-%m-%dT%H:%M:%S})").status_code == 200
    assert [schedule["name"] for schedule in scratch.schedules()] == ["ring"]
    scratch.advance(1000)
    [fired] = do("seen", id="ring").json()
    assert abs(datetime.fromisoformat(fired) - at) < timedelta(minutes=1)
    assert scratch.schedules() == []


@pytest.mark.parametrize("at", ["at(2020-01-01T00:00:00)", "at(tomorrow)", "rate(1 minute)"])
def test_a_schedule_that_aws_or_we_could_not_fire_is_refused(do: Do, at: str) -> None:
    assert do("schedule", id="refused", at=at).status_code == 500


def test_a_regular_function_is_called_at_each_of_its_instants(
    do: Do, scratch: RunningStack
) -> None:
    before = len(do("seen", id="regular").json())
    scratch.advance(3600)
    assert len(do("seen", id="regular").json()) == before + 4


# Starting and stopping


def _descendants(pid: int) -> set[int]:
    lines = subprocess.run(
        ["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    parents = {int(line.split()[0]): int(line.split()[1]) for line in lines}
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def _is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def _gone_within(pids: set[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(_is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(_is_alive(pid) for pid in pids)


@pytest.mark.parametrize(
    ("number", "table_engine"),
    [
        (signal.SIGINT, "ministack"),
        (signal.SIGTERM, "moto"),
        (signal.SIGKILL, "ministack"),
    ],
)
@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
def test_nothing_is_left_however_it_is_stopped(
    number: signal.Signals, table_engine: str, tmp_path: Path
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    stack = subprocess.Popen(
        [sys.executable, "-m", "local", f"--port={port}", f"--log={tmp_path / 'log'}"],
        cwd=processes.ROOT,
        env={**os.environ, "DYNAMODB": table_engine, "TMPDIR": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    try:
        # Connections wait until the stack is ready.
        for _ in range(100):
            try:
                assert httpx.get(f"http://127.0.0.1:{port}/plans", timeout=30).status_code == 200
                break
            except httpx.ConnectError:
                time.sleep(0.1)
        family = _descendants(stack.pid)
        assert len(family) >= 3  # moto, zygote and at least one worker
        stack.send_signal(number)
        code = stack.wait(15)
        assert code == (-9 if number is signal.SIGKILL else 0)
        assert _gone_within(family, 5)
    finally:
        stack.kill()
        stack.wait()


def test_a_taken_port_is_said_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = rf"Port {port} .*\n.*make run PORT="
        with pytest.raises(LocalStackError, match=said), running_stack(port=port):
            pass


def test_a_broken_template_is_said(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text("Resources: {Table: {Type: AWS::Neptune::DBCluster}}")
    said = pytest.raises(LocalStackError, match=r"AWS::Neptune::DBCluster")
    with said, running_stack(template=tmp_path / "template.yaml"):
        pass
