"""``template.yaml``, as `make build` built it, deployed to an account by CloudFormation."""

import io
import json
import platform
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import ClientError

from local import template
from local.errors import LocalStackError
from local.intrinsics import Evaluator, Made, parameter_values
from local.template import CODE_BUCKET, REGION, STACK_NAME, Template
from ops import stacks
from ops.bootstrap_push import PARAMETERS, put_application
from tests.deployed import gaps
from tests.deployed.account import Account
from tests.deployed.fits import ARCHITECTURES, BUILD

MAIL_SENDER = "notices@dispatch.example"
_DEPLOYED_S = 120.0
_HINT = "Something that ministack does not know? Name it in tests/deployed/gaps.py, and why."

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack that is deployed, with everything its API needs."""

    account: Account
    template: Template
    outputs: Mapping[str, str]
    resources: Mapping[str, str]
    """Physical ids by logical id."""
    routes: int
    uploaded_s: float
    created_s: float
    """Seconds to upload the artifacts, and then until the stack and its routes were there."""

    def of_type(self, resource_type: str) -> list[str]:
        """Physical ids of the resources of one type."""
        return [
            physical_id
            for logical_id, physical_id in self.resources.items()
            if self.template["Resources"][logical_id]["Type"] == resource_type
        ]

    @property
    def api_url(self) -> str:
        return f"{self.account.url}/_aws/execute-api/{self.resources['Api']}/$default"


def deploy(account: Account, say: Say) -> Deployed:
    """Upload, translate, create the stack, add what ministack lacks of it.

    Raises LocalStackError with CloudFormation's own reasons if the stack fails.
    """
    begun = time.monotonic()
    s3 = account.client("s3")
    s3.create_bucket(Bucket=CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    artifacts = sorted(path for path in BUILD.iterdir() if path.is_dir())
    size = 0
    for artifact in artifacts:
        packed = zipped(artifact)
        size += len(packed)
        s3.put_object(Bucket=CODE_BUCKET, Key=artifact.name, Body=packed)
    say(f"uploaded {len(artifacts)} artifacts, {size / 1e6:.0f} MB")

    uploaded = time.monotonic()
    translated = template.translate(template.read(BUILD / "template.yaml"))
    taken, left_out = gaps.without_unknown(translated)
    parameters = _parameters(account)
    outputs = _create_stack(account, taken, parameters)
    resources = stacks.physical_ids(account.client("cloudformation"), STACK_NAME)
    evaluator = Evaluator(
        taken,
        parameter_values(taken, parameters),
        lambda logical_id: Made(resources[logical_id]),
    )
    say(f"CloudFormation made {len(resources)} resources" + _but(left_out))
    routes = gaps.create_routes(account, taken, evaluator, resources["Api"])
    say(f"made the {routes} routes that the template's OpenAPI body asks for")
    deployed = Deployed(
        account=account,
        template=taken,
        outputs=outputs,
        resources=resources,
        routes=routes,
        uploaded_s=uploaded - begun,
        created_s=time.monotonic() - uploaded,
    )
    gaps.allow_misjudged(account, deployed.of_type("AWS::IAM::Role"))
    return deployed


def _but(left_out: list[str]) -> str:
    if not left_out:
        return ""
    some = ", ".join(left_out[:3]) + (" ..." if len(left_out) > 3 else "")
    return f"; {len(left_out)} that it does not know were left out: {some}"


def zipped(folder: Path) -> bytes:
    """A folder as Lambda takes it. Stored, not packed: here it never leaves the machine."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return packed.getvalue()


def _parameters(account: Account) -> dict[str, str]:
    """What an operator does before the first deployment (docs/operations.md): push and mail."""
    account.client("ses").verify_email_identity(EmailAddress=MAIL_SENDER)
    application = put_application(
        account.client("sns"), "GCM", "dev", {"PlatformCredential": "of nobody"}
    )
    return {
        "Architecture": ARCHITECTURES[platform.machine()],
        "RosterShards": "1",
        "MailSender": MAIL_SENDER,
        PARAMETERS["GCM"]: application,
    }


def _create_stack(
    account: Account, taken: Template, parameters: Mapping[str, str]
) -> dict[str, str]:
    account.client("s3").put_object(Bucket=CODE_BUCKET, Key="template.json", Body=json.dumps(taken))
    formation = account.client("cloudformation")
    try:
        formation.create_stack(
            StackName=STACK_NAME,
            TemplateURL=f"{account.url}/{CODE_BUCKET}/template.json",
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in parameters.items()
            ],
        )
    except ClientError as error:
        raise LocalStackError(f"The stack is refused: {error}\n{_HINT}") from None
    until = time.monotonic() + _DEPLOYED_S
    while True:
        [stack] = formation.describe_stacks(StackName=STACK_NAME)["Stacks"]
        if not stack["StackStatus"].endswith("_IN_PROGRESS") or time.monotonic() > until:
            break
        time.sleep(0.2)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise LocalStackError(f"The stack is {stack['StackStatus']}:\n{_reasons(account)}\n{_HINT}")
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _reasons(account: Account) -> str:
    pages = account.client("cloudformation").get_paginator("describe_stack_events")
    return "\n".join(
        f"  {event['LogicalResourceId']} ({event['ResourceType']}):"
        f" {event.get('ResourceStatusReason')}"
        for page in pages.paginate(StackName=STACK_NAME)
        for event in page["StackEvents"]
        if event["ResourceStatus"].endswith("_FAILED")
    )


# What it has done, and has left to do


def logged(deployed: Deployed) -> Iterator[str]:
    """Every line that the template's functions have logged, each after its log group."""
    logs = deployed.account.client("logs")
    for group in deployed.of_type("AWS::Logs::LogGroup"):
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        for page in pages:
            for event in page["events"]:
                yield f"{group} {event['message'].rstrip()}"


def dead_letters(deployed: Deployed) -> dict[str, int]:
    """How many messages wait in each queue that messages which cannot be handled end up in."""
    sqs = deployed.account.client("sqs")
    queues = deployed.of_type("AWS::SQS::Queue")
    named = ["QueueArn", "RedrivePolicy", "ApproximateNumberOfMessages"]
    told = [
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=named)["Attributes"] for url in queues
    ]
    ends = {
        json.loads(queue["RedrivePolicy"])["deadLetterTargetArn"]
        for queue in told
        if "RedrivePolicy" in queue
    }
    return {
        queue["QueueArn"]: int(queue["ApproximateNumberOfMessages"])
        for queue in told
        if queue["QueueArn"] in ends
    }


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A one-time schedule that has not fired."""

    at: datetime
    ring: Mapping[str, str]


def scheduled(deployed: Deployed) -> list[Scheduled]:
    scheduler = deployed.account.client("scheduler")
    group = deployed.resources["ScheduleGroup"]
    found = []
    for page in scheduler.get_paginator("list_schedules").paginate(GroupName=group):
        for each in page["Schedules"]:
            try:
                told = scheduler.get_schedule(GroupName=group, Name=each["Name"])
            except scheduler.exceptions.ResourceNotFoundException:
                continue  # fired meanwhile
            at = datetime.fromisoformat(told["ScheduleExpression"][3:-1]).replace(tzinfo=UTC)
            found.append(Scheduled(at, json.loads(told["Target"]["Input"])))
    return found
