"""Every function may do, and is told, what its code needs: all of it, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.template import listed, target, text
from tests.template.reach import reached
from tests.template.stack import ROOT, Document, read_template

RESOURCES = read_template()["Resources"]
FUNCTIONS = [n for n, r in RESOURCES.items() if r["Type"] == "AWS::Serverless::Function"]

# What Lambda does in the function's name: it polls, logs, and keeps what failed.
BY_THE_PLATFORM = {
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
}
# What an operation needs besides the action of its name.
BESIDES = {
    "scheduler:CreateSchedule": "iam:PassRole",
    "s3:GetObject": "s3:ListBucket",  # for an object that is not there
}
# What is called otherwise than the action that it needs. What is signed is done in the role's name.
CALLED = {
    "s3:GeneratePresignedPost": {"s3:PutObject"},
    "s3:GeneratePresignedUrl": {"s3:GetObject"},
    "s3:CopyObject": {"s3:GetObject", "s3:PutObject"},
    "s3:ListObjectsV2": {"s3:ListBucket"},
}
ON_FAILURE = {
    "SnapshotFunction": {"sqs:SendMessage"},
    "RelayFunction": {"s3:PutObject", "s3:ListBucket"},
}
SETTINGS = {
    "settings.function_version": set[str](),  # by Lambda itself
    "settings.metrics_namespace": set[str](),  # a name of Powertools, for all functions
    "settings.push_application_arn": {
        "FCM_APPLICATION_ARN",
        "APNS_APPLICATION_ARN",
        "APNS_SANDBOX_APPLICATION_ARN",
    },
}
# Profiles are written by operators and the local stack so far, who take the setting from here.
TOLD_BESIDES = {"MechanicsFunction": {"ROSTER_SHARDS"}}


def code_needs(name: str) -> set[str]:
    """What is reached from the entry point of a function."""
    function = RESOURCES[name]["Properties"]
    module = function["Handler"].partition(".")[0]
    return set(reached(ROOT.joinpath(function["CodeUri"], f"{module}.py")))


def statements(role: str) -> Iterator[Document]:
    """Of a role's own policy, and of those that stand apart."""
    yield from RESOURCES[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    for resource in RESOURCES.values():
        if resource["Type"] == "AWS::IAM::Policy":
            policy = resource["Properties"]
            if role in [target(each) for each in policy["Roles"]]:
                yield from policy["PolicyDocument"]["Statement"]


def allowed(role: str) -> set[str]:
    """The actions a role allows, queries with the index they are allowed on."""
    found = set()
    for statement in statements(role):
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                _, _, index = text(resource).partition("/index/")
                found.add(f"{action} {index}" if index else action)
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_role_allows_exactly_what_the_code_does(name: str) -> None:
    called = {use for use in code_needs(name) if ":" in use}
    needed = {action for use in called for action in CALLED.get(use, {use})}
    needed |= {BESIDES[use] for use in called if use in BESIDES} | ON_FAILURE.get(name, set())
    assert allowed(name.replace("Function", "Role")) - BY_THE_PLATFORM == needed


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_environment_has_exactly_what_the_code_reads(name: str) -> None:
    uses = code_needs(name)
    needed = {"TABLE_NAME"} if any(use.startswith("dynamodb:") for use in uses) else set()
    for use in uses:
        if use.startswith("settings."):
            needed |= SETTINGS.get(use, {use.removeprefix("settings.").upper()})
    variables = RESOURCES[name]["Properties"]["Environment"]["Variables"]
    told = {variable for variable in variables if not variable.startswith("POWERTOOLS_")}
    assert told == needed | TOLD_BESIDES.get(name, set())


@pytest.mark.parametrize(
    ("code", "needs"),
    [
        (
            "from dispatch.policy import service\ndef handler(e, c): service.of_version(1)",
            {"dynamodb:GetItem"},
        ),
        (
            "from dispatch.notifications.store import forget_token\nact = {'forget': forget_token}",
            {"dynamodb:DeleteItem"},
        ),
        (
            "from dispatch.matching.store import find_snapshot\nhandler = find_snapshot",
            {"s3:GetObject", "settings.snapshot_bucket", "settings.table_name"},
        ),
        (
            "from dispatch.mechanics.service import get_many\nget_many(['mechanic-1'])",
            {"dynamodb:BatchGetItem"},
        ),
        (
            "from dispatch.offers import store\nstore.open_broadcasts('CA')",
            {"dynamodb:Query open_broadcasts"},
        ),
    ],
)
def test_what_code_needs_is_followed_to_the_end_and_no_further(
    code: str, needs: set[str], tmp_path: Path
) -> None:
    entry_point = tmp_path / "api.py"
    entry_point.write_text(code)
    assert reached(entry_point) == needs
