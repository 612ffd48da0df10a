"""template.yaml keeps the house rules, and each rule notices when it does not."""

import copy
import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.template import rules
from tests.template.stack import Document, Stack, read_template, translate

Rule = Callable[[Stack], Iterator[str]]
GONE = object()
TEMPLATE = read_template()


@functools.cache
def stack() -> Stack:
    return translate(TEMPLATE)


@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: rule.__name__)
def test_the_template_keeps(rule: Rule) -> None:
    assert list(rule(stack())) == []


def without_routes(template: Document) -> Document:
    """The template with an API that answers nothing: its routes are most of the translator's work.

    For the rules that do not look at them.
    """
    less = copy.deepcopy(template)
    for resource in less["Resources"].values():
        events = resource.get("Properties", {}).get("Events", {})
        for name in [name for name, event in events.items() if event["Type"] == "HttpApi"]:
            del events[name]
    return less


ROUTELESS = without_routes(TEMPLATE)


@functools.cache
def routeless_stack() -> Stack:
    return translate(ROUTELESS)


@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: rule.__name__)
def test_no_rule_minds_that_there_are_no_routes(rule: Rule) -> None:
    assert list(rule(routeless_stack())) == []


def with_change(template: Document, path: str, value: Any) -> Stack:
    """The template with one value under Resources replaced, or taken away if it is GONE.

    The path's steps are joined by ``/``; in lists they are positions.
    """
    template = copy.deepcopy(template)
    *steps, last = path.split("/")
    place: Any = template["Resources"]
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    key: Any = int(last) if isinstance(place, list) else last
    if value is GONE:
        del place[key]
    else:
        place[key] = value
    return translate(template)


STATEMENT = "Properties/Policies/0/PolicyDocument/Statement"
SOURCE = "Properties/Events/Messages/Properties"
STREAM = "RelayFunction/Properties/Events/Stream/Properties"
RENEWAL = "SnapshotFunction/Properties/Events/Renewal/Properties"
INVOKE = "SnapshotFunction/Properties/EventInvokeConfig"

WANT_ROUTES = {rules.routes, rules.circles}

# rule, what is broken and how, what the rule must say
BREAKAGES: list[tuple[Rule, str, Any, str]] = [
    (rules.queue_sources, "MatchingQueue/Properties/RedrivePolicy", GONE, "no dead letter queue"),
    (rules.queue_sources, "MatchingDeadLetterAlarm", GONE, "no alarm on MatchingDeadLetterQueue"),
    (
        rules.queue_sources,
        "NotifyDeadLetterAlarm/Properties/AlarmActions",
        GONE,
        "no alarm on NotifyDeadLetterQueue",
    ),
    (
        rules.queue_sources,
        "TimersQueue/Properties/RedrivePolicy/maxReceiveCount",
        1000,
        "TimersQueue does not retry a few times",
    ),
    (rules.queue_sources, "TimersQueue/Properties/VisibilityTimeout", 60, "before 6 timeouts"),
    (rules.queue_sources, "TimersFunction/Properties/Timeout", 31, "before 6 timeouts"),
    (
        rules.queue_sources,
        f"NotifyFunction/{SOURCE}/FunctionResponseTypes",
        GONE,
        "retries whole batches",
    ),
    (rules.stream_sources, f"{STREAM}/StartingPosition", "LATEST", "misses what was written"),
    (rules.stream_sources, f"{STREAM}/FunctionResponseTypes", GONE, "whole batches"),
    (rules.stream_sources, f"{STREAM}/BisectBatchOnFunctionError", GONE, "does not bisect"),
    (rules.stream_sources, f"{STREAM}/MaximumRetryAttempts", GONE, "does not retry finitely"),
    (rules.stream_sources, f"{STREAM}/MaximumRecordAgeInSeconds", -1, "longer than the stream"),
    (rules.stream_sources, f"{STREAM}/DestinationConfig", GONE, "loses what it gives up"),
    (rules.stream_sources, "RelayIteratorAgeAlarm", GONE, "no alarm on its age"),
    (rules.stream_sources, "RelayDroppedAlarm", GONE, "gives up in silence"),
    (rules.schedules, f"{RENEWAL}/RetryPolicy", GONE, "does not retry"),
    (rules.schedules, f"{RENEWAL}/DeadLetterConfig", GONE, "no dead letter queue"),
    (rules.schedules, f"{INVOKE}/DestinationConfig", GONE, "no dead letter queue"),
    (rules.schedules, f"{INVOKE}/MaximumRetryAttempts", 0, "SnapshotFunction does not retry"),
    (rules.schedules, "SnapshotDeadLetterAlarm", GONE, "no alarm on SnapshotDeadLetterQueue"),
    (rules.subscriptions, "NotifySubscription/Properties/FilterPolicy", GONE, "does not filter"),
    (rules.subscriptions, "NotifySubscription/Properties/RawMessageDelivery", GONE, "wraps"),
    (rules.subscriptions, "NotifySubscription/Properties/RedrivePolicy", GONE, "no dead letter"),
    (
        rules.subscriptions,
        "NotifySubscription/Properties/Endpoint",
        {"Fn::GetAtt": ["NotifyFunction", "Arn"]},
        "does not lead to a queue",
    ),
    (rules.subscriptions, "FeedbackSubscription/Properties/RawMessageDelivery", GONE, "wraps"),
    (
        rules.topics,
        "DeliveryFeedbackPolicy/Properties/PolicyDocument/Statement/0/Condition",
        GONE,
        "lets anybody write",
    ),
    (
        rules.topics,
        "DeliveryFeedbackPolicy/Properties/PolicyDocument/Statement/1/Condition",
        {"StringEquals": {"aws:SourceVpc": "vpc-1"}},
        "lets anybody write",
    ),
    (rules.worker_alarms, "TimersErrorsAlarm", GONE, "TimersFunction fails in silence"),
    (rules.worker_alarms, "SnapshotErrorsAlarm", GONE, "SnapshotFunction fails in silence"),
    (rules.worker_alarms, "SignUpErrorsAlarm", GONE, "SignUpFunction fails in silence"),
    (rules.queues, "NotifyQueue/Properties/SqsManagedSseEnabled", False, "not encrypted"),
    (rules.queues, "NotifyQueuePolicy", GONE, "NotifyQueue has no policy"),
    (
        rules.queues,
        "NotifyQueuePolicy/Properties/PolicyDocument/Statement/0/Condition",
        GONE,
        "lets a whole service in",
    ),
    (rules.queue_sources, "FeedbackDeadLetterAlarm", GONE, "no alarm on FeedbackDeadLetterQueue"),
    (
        rules.actions,
        "DeliveryFeedbackPolicy/Properties/PolicyDocument/Statement/0/Action",
        "sns:*",
        "DeliveryFeedbackPolicy allows actions",
    ),
    (rules.actions, f"ClockRole/{STATEMENT}/1/Action", "dynamodb:*", "ClockRole allows actions"),
    (rules.actions, f"ClockRole/{STATEMENT}/1/Action", ["s3:Get*"], "ClockRole allows actions"),
    (rules.resources, f"ClockRole/{STATEMENT}/1/Resource", "*", "ClockRole allows *"),
    (
        rules.resources,
        f"ClockRole/{STATEMENT}/1/Resource",
        {"Fn::Sub": "${TableArnInUse.Value}/*"},
        "without a reason",
    ),
    (rules.roles, "ClockFunction/Properties/Role", GONE, "ClockFunction has a role made by SAM"),
    (
        rules.roles,
        "ClockFunction/Properties/Role",
        {"Fn::GetAtt": ["QueueRole", "Arn"]},
        "shares its role",
    ),
    (
        rules.roles,
        "ClockRole/Properties/ManagedPolicyArns",
        ["arn:aws:iam::aws:policy/AdministratorAccess"],
        "managed policy",
    ),
    (
        rules.routes,
        "SessionsFunction/Properties/Events/List/Properties/Auth",
        {"Authorizer": "NONE"},
        "GET /sessions is open",
    ),
    (
        rules.routes,
        "Api/Properties/Auth/Authorizers/CognitoAuthorizer",
        {"FunctionArn": "arn", "AuthorizerPayloadFormatVersion": "2.0"},
        "POST /intake/start is open",
    ),
    (
        rules.api_edge,
        "Api/Properties/DefaultRouteSettings/ThrottlingRateLimit",
        GONE,
        "no throttles",
    ),
    (rules.api_edge, "Api/Properties/AccessLogSettings", GONE, "no access log"),
    (rules.api_edge, "Api/Properties/CorsConfiguration/AllowOrigins", ["*"], "list of origins"),
    (
        rules.api_edge,
        "Api/Properties/CorsConfiguration/AllowOrigins",
        {"Fn::Split": [",", {"Ref": "CorsOrigins"}]},
        "list of origins",
    ),
    (
        rules.api_edge,
        "Api/Properties/CorsConfiguration/AllowHeaders",
        ["authorization"],
        "idempotency-key",
    ),
    (rules.logs, "ClockFunction/Properties/LoggingConfig", GONE, "no log group of its own"),
    (
        rules.logs,
        "ClockFunction/Properties/LoggingConfig/LogGroup",
        {"Ref": "QueueLogs"},
        "no log group of its own",
    ),
    (rules.logs, "ApiLogs/Properties/RetentionInDays", GONE, "ApiLogs is kept for ever"),
    (
        rules.versions,
        "ClockFunction/Properties/AutoPublishAliasAllProperties",
        False,
        "does not publish every change",
    ),
    (rules.versions, "DomainLayer/Properties/PublishLambdaVersion", False, "without its functions"),
    (
        rules.aliases,
        "UserPool/Properties/LambdaConfig",
        {"PreSignUp": {"Fn::GetAtt": ["SignUpFunction", "Arn"]}},
        "UserPool does not run the alias",
    ),
    (
        rules.aliases,
        "Retries",
        {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {"FunctionName": {"Ref": "SweeperFunction"}, "Qualifier": "$LATEST"},
        },
        "Retries is not for the alias",
    ),
    (
        rules.canaries,
        "ClockFunction/Properties/DeploymentPreference",
        {"Enabled": False},
        "ClockFunction is deployed all at once",
    ),
    (
        rules.canaries,
        "ClockFunction/Properties/DeploymentPreference/Alarms",
        GONE,
        "ClockFunction is deployed without a look at Errors",
    ),
    (
        rules.canaries,
        "ClockFunction/Properties/DeploymentPreference/Alarms",
        {"Fn::If": ["IsGradual", [{"Ref": "QueueVersionAlarm"}], []]},
        "ClockFunction is deployed without a look at Errors",
    ),
    (
        rules.canaries,
        "ClockVersionAlarm/Properties/Metrics/2/MetricStat/Metric/Dimensions/0/Value",
        "queue",
        "ClockFunction is deployed without a look at Failures",
    ),
    (
        rules.canaries,
        "ClockFunction/Properties/Environment/Variables/POWERTOOLS_METRICS_NAMESPACE",
        "dispatch",
        "ClockFunction counts where no alarm looks",
    ),
    (
        rules.canaries,
        "ClockVersionAlarm/Properties/AlarmActions",
        GONE,
        "ClockFunction is deployed without a look at Failures",
    ),
    (
        rules.circles,
        "ClockFunction/Properties/DeploymentPreference/Alarms",
        [{"Ref": "ApiServerErrorsAlarm"}],
        "resources need each other",
    ),
    (
        rules.parameters,
        "ClockFunction/Properties/VersionDescription",
        GONE,
        "does not publish a change of TableName",
    ),
    (
        rules.parameters,
        "NotificationsFunction/Properties/VersionDescription",
        GONE,
        "does not publish a change of FcmApplicationArn",
    ),
    (
        rules.parameters,
        "NotifyFunction/Properties/VersionDescription",
        GONE,
        "does not publish a change of MailSender",
    ),
    (
        rules.parameters,
        "UploadedFunction/Properties/VersionDescription",
        GONE,
        "does not publish a change of PhotosUrl",
    ),
    (
        rules.parameters,
        "RelayFunction/Properties/VersionDescription",
        {"Fn::Sub": "roster shards ${RosterShards}"},
        "publishes a change of RosterShards that it does not have",
    ),
    (rules.data, "DispatchTable/Properties/DeletionProtectionEnabled", False, "can be deleted"),
    (
        rules.data,
        "DispatchTable/Properties/PointInTimeRecoverySpecification",
        GONE,
        "cannot be restored",
    ),
    (
        rules.data,
        "DispatchTable/Properties/StreamSpecification/StreamViewType",
        "KEYS_ONLY",
        "new images",
    ),
    (rules.data, "DispatchTable/DeletionPolicy", GONE, "DispatchTable goes with the stack"),
    (
        rules.data,
        "SnapshotBucket/Properties/PublicAccessBlockConfiguration/BlockPublicAcls",
        False,
        "not closed to the public",
    ),
    (rules.data, "SnapshotBucket/Properties/BucketEncryption", GONE, "not encrypted"),
]


@pytest.mark.parametrize(
    ("rule", "path", "value", "complaint"),
    BREAKAGES,
    ids=[f"{rule.__name__}-{path}" for rule, path, *_ in BREAKAGES],
)
def test_the_rule_notices(rule: Rule, path: str, value: Any, complaint: str) -> None:
    template = TEMPLATE if rule in WANT_ROUTES else ROUTELESS
    assert complaint in "; ".join(rule(with_change(template, path, value)))


def test_every_rule_can_fail() -> None:
    assert {rule for rule, *_ in BREAKAGES} == set(rules.ALL)
