"""The house rules for template.yaml. Each takes the translated stack and returns what breaks it."""

import graphlib
import re
from collections.abc import Iterator

from local.template import listed, target, text
from tests.template.stack import Document, Stack

OPEN_ROUTES = {
    "GET /plans",
    "GET /service-keywords",
    "GET /brands",
    "POST /payments/stripe/webhook",  # signed by Stripe
}

# Everything else is named exactly. `${X.Arn}` of a log group ends with `:*` by itself: its streams.
WILDCARD_RESOURCES = {
    "${SnapshotBucket.Arn}/*": "one object per country",
    "${RelayFailuresBucket.Arn}/*": "Lambda names the objects",
    "${UploadsBucket.Arn}/incoming/*": "one object per upload, of any user",
    "${UploadsBucket.Arn}/photos/*": "likewise",
    "${UploadsBucket.Arn}/attachments/*": "likewise",
    "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}"
    ":schedule/${ScheduleGroup}/*": "schedules are named after what they ring for",
    **{
        "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}"
        f":endpoint/{platform}/dispatch-${{Stage}}/*": "endpoints come and go with devices"
        for platform in ("GCM", "APNS", "APNS_SANDBOX")
    },
    "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/*": "the sender's address "
    "or its domain, whichever is verified; a condition names the address",
    "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-*": (
        "CodeDeploy moves the aliases of all functions"
    ),
    "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*": (
        "and watches their alarms, for which it may read any"
    ),
}


# ------------------------------------------------------------------ asynchronous sources


def queue_sources(stack: Stack) -> Iterator[str]:
    """A queue feeds its function with retries of single messages, dead letters, time enough."""
    for name, mapping in stack.of_type("AWS::Lambda::EventSourceMapping").items():
        queue_id = target(mapping["EventSourceArn"])
        if not queue_id or stack.resources[queue_id]["Type"] != "AWS::SQS::Queue":
            continue
        queue = stack.properties(queue_id)
        if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", []):
            yield f"{name} retries whole batches"
        redrive = queue.get("RedrivePolicy", {})
        if not 2 <= redrive.get("maxReceiveCount", 0) <= 10:
            yield f"{queue_id} does not retry a few times and then give up"
        yield from _dead_letters(stack, queue_id, redrive.get("deadLetterTargetArn"))
        _, function = _function(stack, mapping["FunctionName"])
        if queue.get("VisibilityTimeout", 30) < 6 * function["Timeout"]:
            yield f"{queue_id} is visible again before 6 timeouts of its function"


def stream_sources(stack: Stack) -> Iterator[str]:
    """A stream feeds its function from the start, isolates what fails, and gives up aloud."""
    for name, mapping in stack.of_type("AWS::Lambda::EventSourceMapping").items():
        if target(mapping["EventSourceArn"]) not in stack.of_type("AWS::SQS::Queue"):
            yield from _stream_retries(name, mapping)
            yield from _stream_losses(stack, name, mapping)


def _stream_retries(name: str, mapping: Document) -> Iterator[str]:
    if mapping.get("StartingPosition") != "TRIM_HORIZON":
        yield f"{name} misses what was written before it existed"
    if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", []):
        yield f"{name} retries whole batches"
    if not mapping.get("BisectBatchOnFunctionError"):
        yield f"{name} does not bisect"
    if not 0 < mapping.get("MaximumRetryAttempts", -1) <= 10_000:
        yield f"{name} does not retry finitely"
    if not 60 <= mapping.get("MaximumRecordAgeInSeconds", -1) < 24 * 3600:
        yield f"{name} may wait longer than the stream keeps records"


def _stream_losses(stack: Stack, name: str, mapping: Document) -> Iterator[str]:
    destination = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    if target(destination) not in stack.of_type("AWS::S3::Bucket"):
        yield f"{name} loses what it gives up"
    function_id, _ = _function(stack, mapping["FunctionName"])
    if not _alarmed(stack, "IteratorAge", function_id):
        yield f"{name} has no alarm on its age"
    if not _alarmed(stack, "DroppedEventCount", name):
        yield f"{name} gives up in silence"


def schedules(stack: Stack) -> Iterator[str]:
    """A schedule retries, and neither its deliveries nor its function's failures get lost."""
    configured = {
        _function(stack, config["FunctionName"])[0]: config
        for config in stack.of_type("AWS::Lambda::EventInvokeConfig").values()
    }
    for name, rule in stack.of_type("AWS::Events::Rule").items():
        for delivery in rule["Targets"]:
            if delivery.get("RetryPolicy", {}).get("MaximumRetryAttempts", 0) < 1:
                yield f"{name} does not retry"
            yield from _dead_letters(stack, name, delivery.get("DeadLetterConfig", {}).get("Arn"))
            function_id, _ = _function(stack, delivery["Arn"])
            config = configured.get(function_id, {})
            if config.get("MaximumRetryAttempts", 0) < 1:
                yield f"{function_id} does not retry"
            failure = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
            yield from _dead_letters(stack, function_id, failure)
    for name in stack.of_type("AWS::Scheduler::Schedule"):
        yield f"{name}: this rule does not know schedules of EventBridge Scheduler yet"


def subscriptions(stack: Stack) -> Iterator[str]:
    """Consumers of a topic own a queue and keep what cannot be delivered; facts come by type."""
    for name, subscription in stack.of_type("AWS::SNS::Subscription").items():
        if subscription["Protocol"] == "email":
            continue
        if target(subscription["Endpoint"]) not in stack.of_type("AWS::SQS::Queue"):
            yield f"{name} does not lead to a queue"
        if not subscription.get("RawMessageDelivery"):
            yield f"{name} wraps messages"
        is_of_facts = target(subscription["TopicArn"]) == "DispatchEvents"
        if is_of_facts and not subscription.get("FilterPolicy", {}).get("type"):
            yield f"{name} does not filter by type"
        redrive = subscription.get("RedrivePolicy", {})
        yield from _dead_letters(stack, name, redrive.get("deadLetterTargetArn"))


def topics(stack: Stack) -> Iterator[str]:
    """A topic that others write to names who, and for whom."""
    for name, policy in stack.of_type("AWS::SNS::TopicPolicy").items():
        for statement in policy["PolicyDocument"]["Statement"]:
            if not {"aws:SourceArn", "AWS:SourceOwner"} & set(
                statement.get("Condition", {}).get("StringEquals", {})
            ):
                yield f"{name} lets anybody write"


def worker_alarms(stack: Stack) -> Iterator[str]:
    """A function that nobody waits for says when it fails; so does one that AWS calls for users."""
    mappings = stack.of_type("AWS::Lambda::EventSourceMapping").values()
    rules = stack.of_type("AWS::Events::Rule").values()
    triggers = [mapping["FunctionName"] for mapping in mappings]
    triggers += [delivery["Arn"] for rule in rules for delivery in rule["Targets"]]
    for pool in stack.of_type("AWS::Cognito::UserPool").values():
        triggers += pool.get("LambdaConfig", {}).values()
    for trigger in triggers:
        function_id, _ = _function(stack, trigger)
        if not _alarmed(stack, "Errors", function_id):
            yield f"{function_id} fails in silence"


def queues(stack: Stack) -> Iterator[str]:
    """Queues are encrypted and only their named senders may send."""
    guarded = {
        target(queue)
        for policy in stack.of_type("AWS::SQS::QueuePolicy").values()
        for queue in policy["Queues"]
    }
    for name, queue in stack.of_type("AWS::SQS::Queue").items():
        if not queue.get("SqsManagedSseEnabled"):
            yield f"{name} is not encrypted"
        if name not in guarded:
            yield f"{name} has no policy"
    for name, policy in stack.of_type("AWS::SQS::QueuePolicy").items():
        for statement in policy["PolicyDocument"]["Statement"]:
            by_role = "AWS" in statement["Principal"] and statement["Principal"]["AWS"] != "*"
            if not by_role and "aws:SourceArn" not in str(statement.get("Condition")):
                yield f"{name} lets a whole service in"


# ------------------------------------------------------------------ permissions


def actions(stack: Stack) -> Iterator[str]:
    """Policies name their actions."""
    for name, statement in _statements(stack):
        if "NotAction" in statement or any("*" in action for action in listed(statement["Action"])):
            yield f"{name} allows actions it does not name"


def resources(stack: Stack) -> Iterator[str]:
    """Policies name their resources; wildcards have a reason."""
    for name, statement in _statements(stack):
        for resource in listed(statement.get("Resource", "*")):
            if "*" in text(resource) and text(resource) not in WILDCARD_RESOURCES:
                yield f"{name} allows {text(resource)} without a reason"


def roles(stack: Stack) -> Iterator[str]:
    """Every function has a role of its own, written here, without managed policies."""
    taken: dict[str | None, str] = {}
    for name, function in stack.of_type("AWS::Lambda::Function").items():
        role = target(function["Role"])
        if role not in stack.source["Resources"]:
            yield f"{name} has a role made by SAM"
        if role in taken:
            yield f"{name} shares its role with {taken[role]}"
        taken[role] = name
    for name, properties in stack.of_type("AWS::IAM::Role").items():
        if properties.get("ManagedPolicyArns"):
            yield f"{name} has a managed policy"


# ------------------------------------------------------------------ HTTP API


def routes(stack: Stack) -> Iterator[str]:
    """Every route wants a token of our user pool, or is listed as open."""
    api = stack.properties("Api")["Body"]
    schemes = api["components"]["securitySchemes"]
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            route = f"{method.upper()} {path}"
            guards = [
                schemes.get(name, {}).get("x-amazon-apigateway-authorizer", {}).get("type")
                for scheme in operation.get("security", [])
                for name in scheme
            ]
            if guards != ["jwt"] and route not in OPEN_ROUTES:
                yield f"{route} is open"


def api_edge(stack: Stack) -> Iterator[str]:
    """The API has throttles, an access log, and CORS for named origins."""
    for name, stage in stack.of_type("AWS::ApiGatewayV2::Stage").items():
        settings = stage.get("DefaultRouteSettings", {})
        if not (settings.get("ThrottlingRateLimit") and settings.get("ThrottlingBurstLimit")):
            yield f"{name} has no throttles"
        if not stage.get("AccessLogSettings"):
            yield f"{name} has no access log"
    cors = stack.properties("Api")["Body"].get("x-amazon-apigateway-cors", {})
    origins = cors.get("allowOrigins")
    if not isinstance(origins, list) or "*" in origins:
        yield "Api has no list of origins"
    if missing := {"authorization", "idempotency-key", "if-none-match"} - set(
        cors.get("allowHeaders", [])
    ):
        yield f"Api lets browsers not send {sorted(missing)}"


# ------------------------------------------------------------------ functions, logs, data


def logs(stack: Stack) -> Iterator[str]:
    """Every function logs to a group of its own, and no log is kept for ever."""
    groups = stack.of_type("AWS::Logs::LogGroup")
    taken = set()
    for name, function in stack.of_type("AWS::Lambda::Function").items():
        group = target(function.get("LoggingConfig", {}).get("LogGroup"))
        if group not in groups or group in taken:
            yield f"{name} has no log group of its own"
        taken.add(group)
    for name, group_properties in groups.items():
        if not group_properties.get("RetentionInDays"):
            yield f"{name} is kept for ever"


def versions(stack: Stack) -> Iterator[str]:
    """Everything runs the alias, and every change of a function or a layer moves it."""
    for name in stack.of_type("AWS::Lambda::Function"):
        own = stack.source["Resources"][name]["Properties"]
        settings = {**stack.source["Globals"]["Function"], **own}
        if not (settings.get("AutoPublishAlias") and settings.get("AutoPublishAliasAllProperties")):
            yield f"{name} does not publish every change"
    for name, resource in stack.source["Resources"].items():
        is_layer = resource["Type"] == "AWS::Serverless::LayerVersion"
        if is_layer and not resource["Properties"].get("PublishLambdaVersion"):
            yield f"{name} changes without its functions"


def aliases(stack: Stack) -> Iterator[str]:
    """Whatever calls a function calls its alias: only that is moved, and moved back."""
    known = stack.of_type("AWS::Lambda::Alias")
    for name, called in _calls(stack):
        if called not in known:
            yield f"{name} does not run the alias"
    live = {target(alias["FunctionName"]): alias["Name"] for alias in known.values()}
    for name, config in stack.of_type("AWS::Lambda::EventInvokeConfig").items():
        if config.get("Qualifier") != live.get(target(config["FunctionName"])):
            yield f"{name} is not for the alias"


def _calls(stack: Stack) -> Iterator[tuple[str, str | None]]:
    """By what AWS calls functions, and the logical id of what is called."""
    for type_ in ("AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission"):
        for name, caller in stack.of_type(type_).items():
            yield name, target(caller["FunctionName"])
    for name, rule in stack.of_type("AWS::Events::Rule").items():
        for delivery in rule["Targets"]:
            yield name, target(delivery["Arn"])
    for name, pool in stack.of_type("AWS::Cognito::UserPool").items():
        for trigger in pool.get("LambdaConfig", {}).values():
            yield name, target(trigger)
    for path, methods in stack.properties("Api")["Body"]["paths"].items():
        for method, operation in methods.items():
            uri = text(operation["x-amazon-apigateway-integration"]["uri"])
            called = re.search(r"functions/\$\{(\w+)\}", uri)
            yield f"{method.upper()} {path}", called[1] if called else None


def canaries(stack: Stack) -> Iterator[str]:
    """A version that is being deployed is watched by an alarm that sees what fails in it."""
    for resource in stack.resources.values():
        if resource["Type"] != "AWS::Lambda::Alias":
            continue
        name, function = _function(stack, resource["Properties"]["FunctionName"])
        moves = resource.get("UpdatePolicy", {}).get("CodeDeployLambdaAliasUpdate", {})
        group = stack.properties(target(moves.get("DeploymentGroupName")))
        watch = group.get("AlarmConfiguration", {})
        if "Fn::If" in watch:
            _condition, watch, _otherwise = watch["Fn::If"]
        named = [target(alarm["Name"]) for alarm in watch.get("Alarms", [])]
        alarms = [stack.properties(alarm) for alarm in named]
        if not moves:
            yield f"{name} is deployed all at once"
        version = resource["Properties"]["FunctionVersion"]
        variables = function["Environment"]["Variables"]
        if text(variables.get("POWERTOOLS_METRICS_NAMESPACE")) != "${AWS::StackName}":
            yield f"{name} counts where no alarm looks"
        service = variables["POWERTOOLS_SERVICE_NAME"]
        wanted = [
            ("AWS/Lambda", "Errors", {"ExecutedVersion": version}),
            ("${AWS::StackName}", "Failures", {"service": service, "version": version}),
        ]
        for namespace, metric, dimensions in wanted:
            if not any(_watches(alarm, namespace, metric, dimensions) for alarm in alarms):
                yield f"{name} is deployed without a look at {metric}"


def _watches(alarm: Document, namespace: str, metric: str, dimensions: Document) -> bool:
    """Whether an alarm that tells somebody counts a metric with these among its dimensions."""
    watched = [query["MetricStat"]["Metric"] for query in alarm["Metrics"] if "MetricStat" in query]
    return bool(alarm.get("AlarmActions")) and any(
        (text(each["Namespace"]), each["MetricName"]) == (namespace, metric)
        and dimensions.items()
        <= {dimension["Name"]: dimension["Value"] for dimension in each["Dimensions"]}.items()
        for each in watched
    )


def circles(stack: Stack) -> Iterator[str]:
    """CloudFormation finds an order: an alarm that a deployment watches leads to no alias."""
    needs = {
        name: set(needed(resource)) & stack.resources.keys()
        for name, resource in stack.resources.items()
    }
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        yield f"resources need each other: {' '.join(error.args[1])}"


def needed(value: object) -> Iterator[str]:
    """Whatever a resource refers to, in its properties or beside them."""
    if isinstance(value, dict):
        if name := target(value):
            yield name
        for sub in listed(value.get("Fn::Sub", [])):
            yield from re.findall(r"\$\{(\w+)[.}]", sub) if isinstance(sub, str) else ()
        yield from listed(value.get("DependsOn", []))
        for part in value.values():
            yield from needed(part)
    elif isinstance(value, list):
        for part in value:
            yield from needed(part)


def parameters(stack: Stack) -> Iterator[str]:
    """A parameter's new value in an environment publishes a version, by way of its description.

    SAM only sees that the parameter is the same. A description that changes alone would make the
    deployment fail, so it names nothing else.
    """
    for version in stack.of_type("AWS::Lambda::Version").values():
        name, function = _function(stack, version["FunctionName"])
        values = function["Environment"]["Variables"].values()
        used = {name for value in values for name in _mentioned(stack, value)}
        used &= stack.source["Parameters"].keys()
        named = set(re.findall(r"\$\{(\w+)\}", text(version.get("Description", ""))))
        for parameter in used - named:
            yield f"{name} does not publish a change of {parameter}"
        for parameter in named - used:
            yield f"{name} publishes a change of {parameter} that it does not have"


def _mentioned(stack: Stack, value: object) -> Iterator[str]:
    """What a value refers to; of a choice, whatever it may come to."""
    if isinstance(value, dict) and "Fn::If" in value:
        _condition, *choices = value["Fn::If"]
        for choice in choices:
            yield from _mentioned(stack, choice)
    elif name := target(value):
        yield name
        yield from _mentioned(
            stack, stack.of_type("AWS::SSM::Parameter").get(name, {}).get("Value")
        )


def data(stack: Stack) -> Iterator[str]:
    """What cannot be made again is hard to delete; nothing is public."""
    for name, table in stack.of_type("AWS::DynamoDB::Table").items():
        recovery = table.get("PointInTimeRecoverySpecification", {})
        if not recovery.get("PointInTimeRecoveryEnabled"):
            yield f"{name} cannot be restored"
        if not table.get("DeletionProtectionEnabled"):
            yield f"{name} can be deleted"
        if table.get("StreamSpecification", {}).get("StreamViewType") != "NEW_IMAGE":
            yield f"{name} does not stream new images"
    for name, bucket in stack.of_type("AWS::S3::Bucket").items():
        closed = bucket.get("PublicAccessBlockConfiguration", {})
        if list(closed.values()) != [True] * 4:
            yield f"{name} is not closed to the public"
        if not bucket.get("BucketEncryption") or not bucket.get("LifecycleConfiguration"):
            yield f"{name} is not encrypted or never emptied"
    for name, resource in stack.resources.items():
        keeps = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Cognito::UserPool"}
        if resource["Type"] in keeps and resource.get("DeletionPolicy") != "Retain":
            yield f"{name} goes with the stack"


# ------------------------------------------------------------------ shared


def _function(stack: Stack, reference: Document) -> tuple[str, Document]:
    """The function behind a reference to it or to its alias."""
    name = target(reference) or ""
    resource = stack.resources[name]
    if resource["Type"] == "AWS::Lambda::Alias":
        return _function(stack, resource["Properties"]["FunctionName"])
    return name, resource["Properties"]


def _alarmed(stack: Stack, metric: str, logical_id: str | None) -> bool:
    """Whether an alarm that tells somebody watches this metric of this resource."""
    return any(
        alarm.get("MetricName") == metric
        and alarm.get("AlarmActions")
        and logical_id in [target(dimension["Value"]) for dimension in alarm["Dimensions"]]
        for alarm in stack.of_type("AWS::CloudWatch::Alarm").values()
    )


def _dead_letters(stack: Stack, name: str, queue: object) -> Iterator[str]:
    """``name`` puts what it gives up into a queue of this stack that has an alarm."""
    queue_id = target(queue)
    if queue_id not in stack.of_type("AWS::SQS::Queue"):
        yield f"{name} has no dead letter queue"
    elif not _alarmed(stack, "ApproximateNumberOfMessagesVisible", queue_id):
        yield f"{name} has no alarm on {queue_id}"


def _statements(stack: Stack) -> Iterator[tuple[str, Document]]:
    """Every statement that allows something, and where it stands."""
    for name, properties in stack.of_type(
        "AWS::IAM::Role",
        "AWS::IAM::Policy",
        "AWS::IAM::ManagedPolicy",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
    ).items():
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        for document in documents:
            for statement in document["Statement"]:
                if statement["Effect"] == "Allow":
                    yield name, statement


ALL = (
    queue_sources,
    stream_sources,
    schedules,
    subscriptions,
    topics,
    worker_alarms,
    queues,
    actions,
    resources,
    roles,
    routes,
    api_edge,
    logs,
    versions,
    aliases,
    canaries,
    circles,
    parameters,
    data,
)
