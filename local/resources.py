"""Makes the template's resources on the engines: table, topic, queues, buckets, user pool ...

Nothing functional is skipped in silence. A type is made, or described by ``deployment``, or listed
as having no local counterpart, else it is an error; likewise every property of a resource that is
made here is used, listed as having no effect locally, or an error.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from local import stripe
from local.engines import Clients
from local.errors import LocalStackError
from local.intrinsics import Evaluator, Made, parameter_values
from local.template import PARTITION, REGION, STACK_NAME, Template, arn

# Functions, routes and event sources: described by the template, carried out by the stack itself.
CARRIED_OUT_BY_THE_STACK = {
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Stage",
    "AWS::Events::Rule",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Version",
}

# Who may, who is told, what is kept: without effect on one machine.
NO_LOCAL_COUNTERPART = {
    "AWS::CloudFront::Distribution",  # photos are read from the bucket itself
    "AWS::CloudFront::OriginAccessControl",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    "AWS::SES::ConfigurationSetEventDestination",  # a mail goes no further than /_local/mails
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}

# CloudFormation has no platform applications, so the template takes their ARNs as parameters.
PLATFORM_APPLICATION_PARAMETERS = {
    "FcmApplicationArn": "GCM",
    "ApnsApplicationArn": "APNS",
    "ApnsSandboxApplicationArn": "APNS_SANDBOX",
}

# Empty by default, since an operator has to verify it. Here mails go nowhere: any will do.
MAIL_SENDER_PARAMETER = "MailSender"
MAIL_SENDER = "notices@dispatch.example"

# Empty by default: photos are read from CloudFront, of which there is none here.
PHOTOS_URL_PARAMETER = "PhotosUrl"
PHOTOS_BUCKET = "UploadsBucket"

# An operator puts these secrets into SSM. Here there is a stand-in, with secrets of its own.
STRIPE_API_BASE_PARAMETER = "StripeApiBase"
STRIPE_WEBHOOK_SECRET_PARAMETER = "StripeWebhookSecretName"
STRIPE_SECRET_PARAMETERS = {
    "StripeApiKeyName": "sk_test_",
    STRIPE_WEBHOOK_SECRET_PARAMETER: "whsec_",
}

Properties = dict[str, Any]


def given_parameters(clients: Clients, template: Template) -> dict[str, str]:
    """What an operator would set up by hand and name in a parameter, made; parameter to value."""
    return (
        platform_applications(clients, template)
        | mail_sender(clients, template)
        | stripe_account(clients, template)
        | photos_url(clients, template)
    )


def platform_applications(clients: Clients, template: Template) -> dict[str, str]:
    """Makes the push applications the template has parameters for; parameter name to ARN."""
    parameters = template.get("Parameters", {})
    stage = parameters.get("Stage", {}).get("Default", "local")
    return {
        parameter: clients.sns.create_platform_application(
            Name=f"{STACK_NAME}-{stage}", Platform=platform, Attributes={}
        )["PlatformApplicationArn"]
        for parameter, platform in PLATFORM_APPLICATION_PARAMETERS.items()
        if parameter in parameters
    }


def mail_sender(clients: Clients, template: Template) -> dict[str, str]:
    """Verifies the sender of mails, if the template has a parameter for one."""
    if MAIL_SENDER_PARAMETER not in template.get("Parameters", {}):
        return {}
    clients.ses.create_email_identity(EmailIdentity=MAIL_SENDER)
    return {MAIL_SENDER_PARAMETER: MAIL_SENDER}


def photos_url(clients: Clients, template: Template) -> dict[str, str]:
    """Where moto answers for the bucket of photos, if the template has a parameter for that."""
    if PHOTOS_URL_PARAMETER not in template.get("Parameters", {}):
        return {}
    bucket = template["Resources"][PHOTOS_BUCKET].get("Properties", {}).get("BucketName")
    assert bucket is None, "named as the stack names buckets"
    return {PHOTOS_URL_PARAMETER: f"{clients.s3.meta.endpoint_url}/{_bucket_name(PHOTOS_BUCKET)}"}


def stripe_account(clients: Clients, template: Template) -> dict[str, str]:
    """Puts the secrets of the stand-in for Stripe, made anew, and tells where it is.

    They stand under the names that the template's parameters have by default.
    """
    parameters = template.get("Parameters", {})
    if STRIPE_API_BASE_PARAMETER not in parameters:
        return {}
    for parameter, prefix in STRIPE_SECRET_PARAMETERS.items():
        clients.ssm.put_parameter(
            Name=parameters[parameter]["Default"],
            Value=f"{prefix}{secrets.token_hex(16)}",
            Type="SecureString",
        )
    return {STRIPE_API_BASE_PARAMETER: f"{clients.moto_url}{stripe.PREFIX}"}


def stripe_webhook_secret(clients: Clients, template: Template) -> str | None:
    """What the stand-in signs with; None for a template without Stripe."""
    name = template.get("Parameters", {}).get(STRIPE_WEBHOOK_SECRET_PARAMETER, {}).get("Default")
    if name is None:
        return None
    return str(clients.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])


Maker = Callable[[str, str, Properties], Made]
"""Makes a resource: its logical id, type and evaluated properties to what others see of it."""


class Resources:
    """The resources of one template, each made when first referred to."""

    def __init__(self, template: Template, parameters: Mapping[str, str], make: Maker) -> None:
        self._resources: dict[str, Any] = template["Resources"]
        self._make = make
        self._made: dict[str, Made] = {}
        self._making: list[str] = []
        values = parameter_values(template, parameters)
        self.evaluator = Evaluator(template, values, self.made)

    def make_all(self) -> None:
        """Make everything whose condition holds.

        Raises LocalStackError for a type, property or reference the stack does not know.
        """
        for logical_id in self._resources:
            if self.exists(logical_id):
                self.made(logical_id)

    def exists(self, logical_id: str) -> bool:
        """Whether the resource's condition holds, if it has one."""
        condition = self._resources[logical_id].get("Condition")
        return condition is None or self.evaluator.holds(condition)

    def of_type(self, resource_type: str) -> dict[str, Properties]:
        """Logical id to evaluated properties of all resources of one type."""
        return {
            logical_id: self._properties(logical_id)
            for logical_id, resource in self._resources.items()
            if resource["Type"] == resource_type and self.exists(logical_id)
        }

    def made(self, logical_id: str) -> Made:
        """What was made for this logical id; made now if it was not yet."""
        if logical_id not in self._made:
            if logical_id in self._making:
                circle = " -> ".join([*self._making, logical_id])
                raise LocalStackError(f"The template's resources refer in a circle: {circle}.")
            self._making.append(logical_id)
            self._made[logical_id] = self._new(logical_id)
            self._making.pop()
        return self._made[logical_id]

    def _properties(self, logical_id: str) -> Properties:
        properties = self._resources[logical_id].get("Properties", {})
        return dict(self.evaluator.value(properties))

    def _new(self, logical_id: str) -> Made:
        resource_type = self._resources[logical_id]["Type"]
        if resource_type in CARRIED_OUT_BY_THE_STACK or resource_type in NO_LOCAL_COUNTERPART:
            return self._described(logical_id, resource_type)
        return self._make(logical_id, resource_type, self._properties(logical_id))

    def _described(self, logical_id: str, resource_type: str) -> Made:
        """A resource that needs nothing made: only what others may refer to."""
        match resource_type:
            case "AWS::Lambda::Function":
                return Made(logical_id, {"Arn": arn("lambda", f"function:{logical_id}")})
            case "AWS::Lambda::Version":
                function = self._properties(logical_id)["FunctionName"]
                return Made(arn("lambda", f"function:{function}:1"), {"Version": "1"})
            case "AWS::Lambda::Alias":
                properties = self._properties(logical_id)
                alias = f"function:{properties['FunctionName']}:{properties['Name']}"
                return Made(arn("lambda", alias))
            case "AWS::CloudFront::Distribution":
                return Made(logical_id, {"DomainName": f"{logical_id}.cloudfront.example".lower()})
            case "AWS::Lambda::LayerVersion":
                return Made(self._properties(logical_id)["Content"]["S3Key"])
        service = resource_type.split("::")[1].lower()
        return Made(logical_id, {"Arn": arn(service, logical_id)})


def on_engines(clients: Clients) -> Maker:
    """The maker that makes resources on the engines.

    It raises LocalStackError for a type or a property that the stack does not know.
    """

    def make(logical_id: str, resource_type: str, properties: Properties) -> Made:
        if resource_type not in _KINDS:
            raise LocalStackError(
                f"{logical_id} is of type {resource_type}, which the local stack does not know. "
                "Teach local/resources.py to make it, or list it as having no local counterpart."
            )
        kind, without_effect = _KINDS[resource_type]
        made = kind(properties, logical_id, clients)
        unknown = sorted(set(properties) - without_effect)
        if unknown:
            raise LocalStackError(
                f"{logical_id} ({resource_type}) has {', '.join(unknown)}, which the local stack "
                "does not know. Teach local/resources.py what to do with it."
            )
        return made

    return make


Kind = Callable[[Properties, str, Clients], Made]
"""Makes one type of resource on the engines; takes out of the properties those it uses."""
_KINDS: dict[str, tuple[Kind, frozenset[str]]] = {}


def _makes(resource_type: str, *without_effect: str) -> Callable[[Kind], Kind]:
    """Registers the maker of a type, and the properties that have no effect locally."""

    def register(kind: Kind) -> Kind:
        _KINDS[resource_type] = (kind, frozenset(without_effect))
        return kind

    return register


def _physical_name(properties: Properties, key: str, logical_id: str) -> str:
    return str(properties.pop(key, f"{STACK_NAME}-{logical_id}"))


@_makes(
    "AWS::DynamoDB::Table",
    "BillingMode",
    "DeletionProtectionEnabled",
    "OnDemandThroughput",
    "PointInTimeRecoverySpecification",
    "SSESpecification",
    "Tags",
    "TimeToLiveSpecification",  # deletes late anyway; items past it stay readable, as on AWS
)
def _table(properties: Properties, logical_id: str, clients: Clients) -> Made:
    name = _physical_name(properties, "TableName", logical_id)
    request: dict[str, Any] = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": properties.pop("KeySchema"),
        "AttributeDefinitions": properties.pop("AttributeDefinitions"),
    }
    for index in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if index in properties:
            request[index] = properties.pop(index)
    if "StreamSpecification" in properties:
        stream = properties.pop("StreamSpecification")
        request["StreamSpecification"] = {"StreamEnabled": True, **stream}
    table = clients.dynamodb.create_table(**request)["TableDescription"]
    attributes = {"Arn": table["TableArn"]}
    if "LatestStreamArn" in table:
        attributes["StreamArn"] = table["LatestStreamArn"]
    return Made(name, attributes)


@_makes("AWS::SSM::Parameter", "Description", "Tags", "Tier")
def _parameter(properties: Properties, logical_id: str, clients: Clients) -> Made:
    name = _physical_name(properties, "Name", logical_id)
    value, type_ = properties.pop("Value"), properties.pop("Type")
    clients.ssm.put_parameter(Name=name, Value=value, Type=type_)
    return Made(name, {"Value": value, "Type": type_})


@_makes("AWS::SNS::Topic", "KmsMasterKeyId", "DisplayName", "Tags", "TracingConfig")
def _topic(properties: Properties, logical_id: str, clients: Clients) -> Made:
    name = _physical_name(properties, "TopicName", logical_id)
    topic = clients.sns.create_topic(Name=name)["TopicArn"]
    return Made(topic, {"TopicArn": topic, "TopicName": name})


@_makes("AWS::SNS::Subscription", "RedrivePolicy")
def _subscription(properties: Properties, logical_id: str, clients: Clients) -> Made:
    protocol = properties.pop("Protocol")
    if protocol not in ("sqs", "email"):
        raise LocalStackError(f"{logical_id}: subscriptions by {protocol} do not work locally.")
    attributes = {}
    for name in ("RawMessageDelivery", "FilterPolicyScope", "FilterPolicy"):
        if name in properties:
            value = properties.pop(name)
            attributes[name] = value if isinstance(value, str) else json.dumps(value)
    subscription = clients.sns.subscribe(
        TopicArn=properties.pop("TopicArn"),
        Protocol=protocol,
        Endpoint=properties.pop("Endpoint"),
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )
    return Made(subscription["SubscriptionArn"])


_QUEUE_ATTRIBUTES = (
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "VisibilityTimeout",
)


@_makes("AWS::SQS::Queue", "KmsMasterKeyId", "SqsManagedSseEnabled", "Tags", "RedriveAllowPolicy")
def _queue(properties: Properties, logical_id: str, clients: Clients) -> Made:
    name = _physical_name(properties, "QueueName", logical_id)
    attributes = {}
    for attribute in _QUEUE_ATTRIBUTES:
        if attribute in properties:
            value = properties.pop(attribute)
            attributes[attribute] = json.dumps(value) if isinstance(value, dict) else str(value)
    url = clients.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return Made(url, {"Arn": arn("sqs", name), "QueueName": name, "QueueUrl": url})


@_makes(
    "AWS::S3::Bucket",
    "BucketEncryption",
    "LifecycleConfiguration",
    "OwnershipControls",
    "PublicAccessBlockConfiguration",
    "Tags",
    "VersioningConfiguration",
)
def _bucket(properties: Properties, logical_id: str, clients: Clients) -> Made:
    name = str(properties.pop("BucketName", _bucket_name(logical_id))).lower()
    clients.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    if rules := properties.pop("CorsConfiguration", {}).get("CorsRules"):
        cors: Any = {"CORSRules": [_cors_rule(rule) for rule in rules]}
        clients.s3.put_bucket_cors(Bucket=name, CORSConfiguration=cors)
    if "NotificationConfiguration" in properties:
        told = _notifications(properties.pop("NotificationConfiguration"), logical_id)
        clients.s3.put_bucket_notification_configuration(
            Bucket=name, NotificationConfiguration=told
        )
    return Made(name, {"Arn": f"arn:{PARTITION}:s3:::{name}"})


@_makes("AWS::S3::BucketPolicy")
def _bucket_policy(properties: Properties, logical_id: str, clients: Clients) -> Made:
    """What a distribution may read anybody may: who asks moto asks in its place.

    What is denied to requests without TLS is not denied here.
    """
    readable = [
        {**each, "Principal": "*", "Condition": {}}
        for each in properties.pop("PolicyDocument")["Statement"]
        if each["Effect"] == "Allow"
        and each["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    ]
    bucket = properties.pop("Bucket")
    policy = {"Version": "2012-10-17", "Statement": readable}
    clients.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    return Made(logical_id)


def _bucket_name(logical_id: str) -> str:
    return f"{STACK_NAME}-{logical_id}".lower()


def _cors_rule(rule: Properties) -> Properties:
    """As S3 takes it; the translator makes one text of a list parameter."""
    origins = rule["AllowedOrigins"]
    listed = origins.split(",") if isinstance(origins, str) else origins
    renamed = {"MaxAge": "MaxAgeSeconds", "Id": "ID", "ExposedHeaders": "ExposeHeaders"}
    return {renamed.get(name, name): value for name, value in rule.items()} | {
        "AllowedOrigins": [origin.strip() for origin in listed]
    }


def _notifications(configuration: Properties, logical_id: str) -> Any:
    """What S3 takes: it tells queues alone here."""
    if others := set(configuration) - {"QueueConfigurations"}:
        raise LocalStackError(f"{logical_id}: {', '.join(sorted(others))} do not work locally.")
    return {
        "QueueConfigurations": [
            {
                "QueueArn": each["Queue"],
                "Events": [each["Event"]],
                "Filter": {
                    "Key": {"FilterRules": each.get("Filter", {}).get("S3Key", {}).get("Rules", [])}
                },
            }
            for each in configuration.get("QueueConfigurations", [])
        ]
    }


@_makes("AWS::SES::ConfigurationSet", "ReputationOptions", "SuppressionOptions", "Tags")
def _configuration_set(properties: Properties, logical_id: str, clients: Clients) -> Made:
    name = _physical_name(properties, "Name", logical_id)
    clients.ses.create_configuration_set(ConfigurationSetName=name)
    return Made(name)


@_makes("AWS::Scheduler::ScheduleGroup", "Tags")
def _schedule_group(properties: Properties, logical_id: str, clients: Clients) -> Made:
    name = _physical_name(properties, "Name", logical_id)
    group = clients.scheduler.create_schedule_group(Name=name)
    return Made(name, {"Arn": group["ScheduleGroupArn"]})


@_makes(
    "AWS::Cognito::UserPool",
    "AccountRecoverySetting",
    "AutoVerifiedAttributes",
    "DeletionProtection",
    "LambdaConfig",  # nobody signs up: tokens are had from /_local/token
    "Policies",
    "UserPoolTags",
    "UsernameAttributes",
    "UsernameConfiguration",
)
def _user_pool(properties: Properties, logical_id: str, clients: Clients) -> Made:
    name = _physical_name(properties, "UserPoolName", logical_id)
    pool = clients.cognito.create_user_pool(PoolName=name)["UserPool"]
    return Made(pool["Id"], {"Arn": pool["Arn"], "UserPoolId": pool["Id"]})


@_makes(
    "AWS::Cognito::UserPoolClient",
    "AccessTokenValidity",
    "EnableTokenRevocation",
    "ExplicitAuthFlows",
    "GenerateSecret",
    "IdTokenValidity",
    "PreventUserExistenceErrors",
    "RefreshTokenValidity",
    "TokenValidityUnits",
)
def _user_pool_client(properties: Properties, logical_id: str, clients: Clients) -> Made:
    client = clients.cognito.create_user_pool_client(
        UserPoolId=properties.pop("UserPoolId"),
        ClientName=_physical_name(properties, "ClientName", logical_id),
    )["UserPoolClient"]
    return Made(client["ClientId"], {"ClientId": client["ClientId"]})


@_makes("AWS::Cognito::UserPoolGroup", "Description", "Precedence")
def _user_pool_group(properties: Properties, _logical_id: str, clients: Clients) -> Made:
    name = properties.pop("GroupName")
    clients.cognito.create_group(GroupName=name, UserPoolId=properties.pop("UserPoolId"))
    return Made(name)
