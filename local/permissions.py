"""Which permissions a call needs: IAM's action, the resource, and what a condition may ask about.

After AWS's Service Authorization Reference. A call is by most services allowed by the action of its
name; transactions and batches are by the actions of what they do to each item.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from local.errors import LocalStackError
from local.template import PARTITION, arn

Params = Mapping[str, Any]


class Permission(NamedTuple):
    """To do something to one resource. ``context`` has IAM's condition keys for the request."""

    action: str
    resource: str
    context: Mapping[str, str] = MappingProxyType({})


def of_call(service: str, operation: str, params: Params) -> Iterable[Permission]:
    """What a call with these parameters needs; services and operations go by botocore's names.

    Raises LocalStackError for a call that is not known here.
    """
    needs = _CALLS.get((service, operation))
    if needs is None:
        raise LocalStackError(
            f"The local stack does not know what {service}:{operation} needs of a role. "
            "Teach local/permissions.py."
        )
    return needs(params)


def of_missing_object(params: Params) -> Iterable[Permission]:
    """What S3 wants to see before it tells that an object is not there."""
    return [Permission("s3:ListBucket", _bucket(params["Bucket"]))]


def of_queue_source(queue_arn: str) -> Iterable[Permission]:
    """What Lambda does to a queue, in the function's name."""
    actions = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
    return [Permission(action, queue_arn) for action in actions]


def of_stream_source(stream_arn: str) -> Iterable[Permission]:
    """What Lambda does to a stream, in the function's name."""
    actions = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    return [Permission(f"dynamodb:{action}", stream_arn) for action in actions]


def of_destination(destination_arn: str) -> Iterable[Permission]:
    """What Lambda does, in the function's name, with what it gives up on."""
    if ":s3:" not in destination_arn:
        return [Permission("sqs:SendMessage", destination_arn)]
    put = Permission("s3:PutObject", f"{destination_arn}/aws/lambda/record.json")
    return [put, Permission("s3:ListBucket", destination_arn)]


def of_logging(log_group_arn: str) -> Iterable[Permission]:
    """What Lambda does with what a function prints, in its name."""
    actions = ("logs:CreateLogStream", "logs:PutLogEvents")
    return [Permission(action, log_group_arn) for action in actions]


Needs = Callable[[Params], Iterable[Permission]]
_CALLS: dict[tuple[str, str], Needs] = {}


def _one(service: str, operation: str, action: str, resource: Callable[[Params], str]) -> None:
    _CALLS[service, operation] = lambda params: [Permission(action, resource(params))]


# DynamoDB


def _table(name: str) -> str:
    return name if name.startswith("arn:") else arn("dynamodb", f"table/{name}")


def _table_or_index(params: Params) -> str:
    index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
    return _table(params["TableName"]) + index


for _operation in ("GetItem", "Query"):
    _one("dynamodb", _operation, f"dynamodb:{_operation}", _table_or_index)
_CALLS["dynamodb", "BatchGetItem"] = lambda params: [
    Permission("dynamodb:BatchGetItem", _table(name)) for name in params["RequestItems"]
]

_OF_CLAUSES = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}


def _of_transaction(params: Params) -> Iterable[Permission]:
    """Each once: AWS asks for every item, with the same answer."""
    asked = dict.fromkeys(
        (clause, request["TableName"])
        for item in params["TransactItems"]
        for clause, request in item.items()
    )
    return [Permission(_OF_CLAUSES[clause], _table(name)) for clause, name in asked]


_CALLS["dynamodb", "TransactWriteItems"] = _of_transaction

# S3


def _bucket(name: str) -> str:
    return f"arn:{PARTITION}:s3:::{name}"


def _object(params: Params) -> str:
    return f"{_bucket(params['Bucket'])}/{params['Key']}"


for _operation, _action in {
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
}.items():
    _one("s3", _operation, _action, _object)
_one("s3", "ListObjectsV2", "s3:ListBucket", lambda params: _bucket(params["Bucket"]))
_CALLS["s3", "CopyObject"] = lambda params: [
    Permission("s3:GetObject", _object(params["CopySource"])),
    Permission("s3:PutObject", _object(params)),
]

# SNS and SQS

_one("sns", "Publish", "sns:Publish", lambda params: params.get("TopicArn") or params["TargetArn"])
_one(
    "sns",
    "CreatePlatformEndpoint",
    "sns:CreatePlatformEndpoint",
    lambda params: str(params["PlatformApplicationArn"]),
)
for _operation in ("SetEndpointAttributes", "GetEndpointAttributes", "DeleteEndpoint"):
    _one("sns", _operation, f"sns:{_operation}", lambda params: str(params["EndpointArn"]))
_one(
    "sqs",
    "SendMessage",
    "sqs:SendMessage",
    lambda params: arn("sqs", params["QueueUrl"].rpartition("/")[2]),
)

# EventBridge Scheduler: whoever makes a schedule hands it a role


def _of_schedule(params: Params) -> Iterable[Permission]:
    schedule = arn("scheduler", f"schedule/{params.get('GroupName', 'default')}/{params['Name']}")
    to = {"iam:PassedToService": "scheduler.amazonaws.com"}
    return [
        Permission("scheduler:CreateSchedule", schedule),
        Permission("iam:PassRole", params["Target"]["RoleArn"], to),
    ]


_CALLS["scheduler", "CreateSchedule"] = _of_schedule

# SES: the identity and the configuration set both have to be allowed


def _of_mail(params: Params) -> Iterable[Permission]:
    sender = params["FromEmailAddress"]
    resources = [arn("ses", f"identity/{sender}")]
    if "ConfigurationSetName" in params:
        resources.append(arn("ses", f"configuration-set/{params['ConfigurationSetName']}"))
    return [Permission("ses:SendEmail", each, {"ses:FromAddress": sender}) for each in resources]


_CALLS["sesv2", "SendEmail"] = _of_mail

# Cognito and SSM

for _operation in ("AdminAddUserToGroup", "AdminDeleteUser"):
    _one(
        "cognito-idp",
        _operation,
        f"cognito-idp:{_operation}",
        lambda params: arn("cognito-idp", f"userpool/{params['UserPoolId']}"),
    )
_CALLS["ssm", "GetParameters"] = lambda params: [
    Permission("ssm:GetParameters", arn("ssm", f"parameter/{name.removeprefix('/')}"))
    for name in params["Names"]
]
