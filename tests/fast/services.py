"""Topic, pushes and mails, queues, schedules, objects, users: what is sent is kept to be seen.

Each class is the client of one service, with the calls that this code base makes.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any
from urllib.parse import quote_plus

from botocore.exceptions import ClientError

from tests.clock import Clock


def refusal(operation: str, code: str, message: str, status: int = 400) -> ClientError:
    """An error as a real client raises it."""
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, operation)


# Queues


@dataclass(slots=True, eq=False)
class Message:
    """One message in a queue. Nobody sees it before ``visible_at``."""

    queue: str
    body: str
    visible_at: datetime
    receives: int = 0


@dataclass(slots=True)
class FastQueues:
    """SQS: the messages of all queues, in the order of their sending. A queue is its URL."""

    clock: Clock
    messages: list[Message] = field(default_factory=list)

    def send_message(self, **request: Any) -> dict[str, Any]:
        delay = timedelta(seconds=request.get("DelaySeconds", 0))
        if not timedelta(0) <= delay <= timedelta(seconds=900):
            raise refusal("SendMessage", "InvalidParameterValue", f"a delay of {delay}")
        self.put(request["QueueUrl"], request["MessageBody"], delay)
        return {}

    def put(self, queue: str, body: str, delay: timedelta = timedelta(0)) -> None:
        self.messages.append(Message(queue, body, self.clock() + delay))


# Schedules


@dataclass(frozen=True, slots=True)
class Schedule:
    """A message that is sent once."""

    name: str
    at: datetime
    target: str
    body: str


@dataclass(slots=True)
class FastScheduler:
    """EventBridge Scheduler: one-time schedules, gone once they have rung."""

    clock: Clock
    schedules: dict[str, Schedule] = field(default_factory=dict)

    def create_schedule(self, **request: Any) -> dict[str, Any]:
        name, target = request["Name"], request["Target"]
        if name in self.schedules:
            raise refusal("CreateSchedule", "ConflictException", f"{name} exists", 409)
        at = datetime.strptime(f"{request['ScheduleExpression']}Z", "at(%Y-%m-%dT%H:%M:%S)%z")
        if at <= self.clock():
            raise refusal("CreateSchedule", "ValidationException", f"{at} is in the past")
        self.schedules[name] = Schedule(name, at, target["Arn"], target["Input"])
        return {}

    def list_schedules(self, **request: Any) -> dict[str, Any]:
        assert request.keys() <= {"GroupName"}
        return {"Schedules": [{"Name": name} for name in self.schedules]}

    def due(self) -> list[Schedule]:
        """What rings now, the earliest first; it is gone afterwards."""
        due = [each for each in self.schedules.values() if each.at <= self.clock()]
        for schedule in due:
            del self.schedules[schedule.name]
        return sorted(due, key=lambda schedule: schedule.at)


# Topic and pushes


@dataclass(frozen=True, slots=True)
class Push:
    """What a platform endpoint was given, and whose device it was."""

    endpoint: str
    owner: str
    device: str
    message: str
    attributes: str


@dataclass(slots=True)
class FastTopic:
    """SNS: one topic, whose facts are handed to ``subscribers``, and platform endpoints."""

    subscribers: Callable[[str, str], None]
    """Takes the type of a fact, and its message."""
    endpoints: dict[str, dict[str, str]] = field(default_factory=dict)
    pushes: list[Push] = field(default_factory=list)

    def publish(self, **request: Any) -> dict[str, Any]:
        attributes = {
            name: value["StringValue"] for name, value in request["MessageAttributes"].items()
        }
        if "TopicArn" in request:
            self.subscribers(attributes["type"], request["Message"])
            return {"MessageId": "1"}
        arn = request["TargetArn"]
        if arn not in self.endpoints:
            raise refusal("Publish", "NotFound", "Endpoint does not exist", 404)
        if self.endpoints[arn]["Enabled"] != "true":
            raise refusal("Publish", "EndpointDisabled", "Endpoint is disabled")
        owner = json.loads(self.endpoints[arn]["CustomUserData"])
        self.pushes.append(
            Push(
                endpoint=arn,
                owner=owner["user_id"],
                device=owner["device_id"],
                message=request["Message"],
                attributes=json.dumps(attributes, sort_keys=True),
            )
        )
        return {"MessageId": f"push-{len(self.pushes)}"}

    def create_platform_endpoint(self, **request: Any) -> dict[str, Any]:
        application, token = request["PlatformApplicationArn"], request["Token"]
        owner = request["CustomUserData"]
        endpoints = application.replace(":app/", ":endpoint/")
        for arn, attributes in self.endpoints.items():
            if arn.startswith(f"{endpoints}/") and attributes["Token"] == token:
                if attributes["CustomUserData"] == owner:
                    return {"EndpointArn": arn}
                raise refusal(
                    "CreatePlatformEndpoint",
                    "InvalidParameter",
                    f"Invalid parameter: Token Reason: Endpoint {arn} already exists with the "
                    "same Token, but different attributes.",
                )
        arn = f"{endpoints}/{token}"
        self.endpoints[arn] = {"Token": token, "CustomUserData": owner, "Enabled": "true"}
        return {"EndpointArn": arn}

    def set_endpoint_attributes(self, **request: Any) -> dict[str, Any]:
        arn = request["EndpointArn"]
        if arn not in self.endpoints:
            raise refusal("SetEndpointAttributes", "NotFound", "Endpoint does not exist", 404)
        self.endpoints[arn] |= request["Attributes"]
        return {}

    def get_endpoint_attributes(self, **request: Any) -> dict[str, Any]:
        if request["EndpointArn"] not in self.endpoints:
            raise refusal("GetEndpointAttributes", "NotFound", "Endpoint does not exist", 404)
        return {"Attributes": dict(self.endpoints[request["EndpointArn"]])}

    def delete_endpoint(self, **request: Any) -> dict[str, Any]:
        self.endpoints.pop(request["EndpointArn"], None)
        return {}


# Mails


@dataclass(frozen=True, slots=True)
class Mail:
    """What SES was given to send; with the one file attached, if there was one."""

    to: str
    subject: str
    text: str
    tags: str
    attached: str | None


@dataclass(slots=True)
class FastMail:
    """SES: mails of one kind, simple ones."""

    mails: list[Mail] = field(default_factory=list)

    def send_email(self, **request: Any) -> dict[str, Any]:
        (to,) = request["Destination"]["ToAddresses"]
        content = request["Content"]["Simple"]
        tags = {tag["Name"]: tag["Value"] for tag in request["EmailTags"]}
        self.mails.append(
            Mail(
                to=to,
                subject=content["Subject"]["Data"],
                text=content["Body"]["Text"]["Data"],
                tags=json.dumps(tags, sort_keys=True),
                attached=_attached(**content),
            )
        )
        return {"MessageId": f"mail-{len(self.mails)}"}


def _attached(**content: Any) -> str | None:
    if "Attachments" not in content:
        return None
    (file,) = content["Attachments"]
    return f"{file['FileName']} {file['ContentType']}\n{file['RawContent'].decode()}"


# Objects


@dataclass(slots=True)
class FastBucket:
    """S3: the objects of two buckets. What comes to ``incoming/`` is told of."""

    told: Callable[[str], None] = lambda _event: None
    """Takes the event of an object that was uploaded by a form."""
    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)

    def _in(self, **request: Any) -> dict[str, bytes]:
        return self.uploads if request["Bucket"] == UPLOADS else self.objects

    def put_object(self, **request: Any) -> dict[str, Any]:
        self._in(**request)[request["Key"]] = bytes(request["Body"])
        return {}

    def get_object(self, **request: Any) -> dict[str, Any]:
        content = self._in(**request).get(request["Key"])
        if content is None:
            raise refusal("GetObject", "NoSuchKey", "The specified key does not exist.", 404)
        if "Range" not in request:
            return {"Body": BytesIO(content)}
        first, last = request["Range"].removeprefix("bytes=").split("-")
        part = content[int(first) : int(last) + 1]
        if not part:
            raise refusal("GetObject", "InvalidRange", "not satisfiable", 416)
        return {
            "Body": BytesIO(part),
            "ContentRange": f"bytes {first}-{len(part) - 1}/{len(content)}",
            "ETag": _etag(content),
        }

    def copy_object(self, **request: Any) -> dict[str, Any]:
        content = self.uploads.get(request["CopySource"]["Key"])
        if content is None:
            raise refusal("CopyObject", "NoSuchKey", "The specified key does not exist.", 404)
        if _etag(content) != request["CopySourceIfMatch"]:
            raise refusal("CopyObject", "PreconditionFailed", "It has changed.", 412)
        self.uploads[request["Key"]] = content
        return {}

    def delete_object(self, **request: Any) -> dict[str, Any]:
        self._in(**request).pop(request["Key"], None)
        return {}

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        """Two at a time."""
        keys = sorted(
            key
            for key in self._in(**request)
            if key.startswith(request["Prefix"]) and key > request["StartAfter"]
        )
        contents = [{"Key": key} for key in keys[:2]]
        return {"IsTruncated": len(keys) > 2} | ({"Contents": contents} if contents else {})

    def generate_presigned_post(self, **request: Any) -> dict[str, Any]:
        return {"url": f"https://{UPLOADS}", "fields": request["Fields"] | {"key": request["Key"]}}

    def generate_presigned_url(self, **request: Any) -> str:
        return f"https://{UPLOADS}/{request['Params']['Key']}?for={request['ExpiresIn']}"

    def upload(self, fields: dict[str, str], content: bytes) -> None:
        """What a browser does with a form."""
        self.uploads[fields["key"]] = content
        self.tell(fields["key"])

    def tell(self, key: str) -> None:
        """Say, perhaps once more, that it was uploaded."""
        record = {"eventName": "ObjectCreated:Post", "s3": {"object": {"key": quote_plus(key)}}}
        self.told(json.dumps({"Records": [record]}))


UPLOADS = "uploads"
"""The bucket of files that people upload."""


def _etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


# Users


@dataclass(slots=True)
class FastUsers:
    """Cognito: users of one pool and the groups they are in."""

    users: dict[str, set[str]] = field(default_factory=dict)

    def admin_add_user_to_group(self, **request: Any) -> dict[str, Any]:
        self._user("AdminAddUserToGroup", request["Username"]).add(request["GroupName"])
        return {}

    def admin_delete_user(self, **request: Any) -> dict[str, Any]:
        self._user("AdminDeleteUser", request["Username"])
        del self.users[request["Username"]]
        return {}

    def _user(self, operation: str, name: str) -> set[str]:
        if name not in self.users:
            raise refusal(operation, "UserNotFoundException", "User does not exist.")
        return self.users[name]


# Secrets


@dataclass(slots=True)
class FastParameters:
    """SSM's Parameter Store, which is only read from."""

    values: dict[str, str]

    def get_parameters(self, **request: Any) -> dict[str, Any]:
        assert request["WithDecryption"], "they are SecureStrings"
        found = [name for name in request["Names"] if name in self.values]
        return {"Parameters": [{"Name": name, "Value": self.values[name]} for name in found]}
