"""Making resources: in the order they need each other, and nothing skipped in silence."""

import json
from typing import Any
from unittest.mock import MagicMock

import pytest

from local.errors import LocalStackError
from local.intrinsics import Made
from local.resources import MAIL_SENDER, Properties, Resources, given_parameters, on_engines


def resources(**by_id: dict[str, Any]) -> tuple[Resources, list[str]]:
    made: list[str] = []

    def make(logical_id: str, _type: str, _properties: Properties) -> Made:
        made.append(logical_id)
        return Made(logical_id, {"Arn": f"arn:{logical_id}"})

    return Resources({"Resources": by_id}, {}, make), made


def test_what_is_referred_to_is_made_first_and_once() -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"Dead": {"Fn::GetAtt": ["Dead", "Arn"]}}}
    dead = {"Type": "AWS::SQS::Queue"}
    plan, made = resources(Queue=queue, Dead=dead)
    plan.make_all()
    assert made == ["Dead", "Queue"]


def test_a_circle_is_an_error() -> None:
    one = {"Type": "AWS::SQS::Queue", "Properties": {"Other": {"Ref": "Two"}}}
    two = {"Type": "AWS::SQS::Queue", "Properties": {"Other": {"Ref": "One"}}}
    plan, _ = resources(One=one, Two=two)
    with pytest.raises(LocalStackError, match="One -> Two -> One"):
        plan.make_all()


def test_a_resource_whose_condition_does_not_hold_is_not_made() -> None:
    template = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {"Mail": {"Type": "AWS::SNS::Topic", "Condition": "Never"}},
    }
    make = MagicMock()
    Resources(template, {}, make).make_all()
    make.assert_not_called()


def test_alarms_roles_and_log_groups_need_nothing_made() -> None:
    plan, made = resources(
        Role={"Type": "AWS::IAM::Role"},
        Logs={"Type": "AWS::Logs::LogGroup"},
        Alarm={"Type": "AWS::CloudWatch::Alarm"},
    )
    plan.make_all()
    assert made == []
    assert plan.made("Role").attributes["Arn"].startswith("arn:aws:iam:")


@pytest.mark.parametrize(
    ("resource_type", "properties", "said"),
    [
        ("AWS::Neptune::DBCluster", {}, "AWS::Neptune::DBCluster"),
        ("AWS::S3::Bucket", {"ReplicationConfiguration": {}}, "ReplicationConfiguration"),
        (
            "AWS::S3::Bucket",
            {"NotificationConfiguration": {"TopicConfigurations": []}},
            "TopicConfigurations",
        ),
        ("AWS::SQS::Queue", {"FifoQueue": True}, "FifoQueue"),
        ("AWS::SNS::Subscription", {"Protocol": "https"}, "https"),
    ],
)
def test_an_unknown_type_or_property_is_an_error_that_names_it(
    resource_type: str, properties: Properties, said: str
) -> None:
    with pytest.raises(LocalStackError, match=said):
        on_engines(MagicMock())("Thing", resource_type, properties)


def test_a_queue_gets_its_attributes_as_sqs_wants_them() -> None:
    clients = MagicMock()
    redrive = {"deadLetterTargetArn": "arn:dead", "maxReceiveCount": 5}
    properties = {"VisibilityTimeout": 30, "RedrivePolicy": redrive, "Tags": []}
    on_engines(clients)("Queue", "AWS::SQS::Queue", properties)
    clients.sqs.create_queue.assert_called_once_with(
        QueueName="dispatch-Queue",
        Attributes={
            "RedrivePolicy": '{"deadLetterTargetArn": "arn:dead", "maxReceiveCount": 5}',
            "VisibilityTimeout": "30",
        },
    )


def test_a_bucket_tells_its_queue() -> None:
    clients = MagicMock()
    told = {
        "Event": "s3:ObjectCreated:*",
        "Queue": "arn:queue",
        "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "incoming/"}]}},
    }
    properties = {"NotificationConfiguration": {"QueueConfigurations": [told]}}
    on_engines(clients)("Files", "AWS::S3::Bucket", properties)
    rules = [{"Name": "prefix", "Value": "incoming/"}]
    clients.s3.put_bucket_notification_configuration.assert_called_once_with(
        Bucket="dispatch-files",
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "QueueArn": "arn:queue",
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": rules}},
                }
            ]
        },
    )


def test_a_bucket_answers_browsers_of_its_origins() -> None:
    clients = MagicMock()
    rule = {"AllowedOrigins": "http://a, http://b", "AllowedMethods": ["POST"], "MaxAge": 600}
    properties = {"CorsConfiguration": {"CorsRules": [rule]}}
    on_engines(clients)("Files", "AWS::S3::Bucket", properties)
    (asked,) = clients.s3.put_bucket_cors.call_args_list
    (put,) = asked.kwargs["CORSConfiguration"]["CORSRules"]
    assert put == {
        "AllowedOrigins": ["http://a", "http://b"],
        "AllowedMethods": ["POST"],
        "MaxAgeSeconds": 600,
    }


def test_what_the_distribution_may_read_anybody_may() -> None:
    clients = MagicMock()
    statements = [
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": "s3:GetObject",
            "Resource": "arn:files/photos/*",
            "Condition": {"StringEquals": {"aws:SourceArn": "arn:distribution"}},
        },
        {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"},
    ]
    properties = {"Bucket": "files", "PolicyDocument": {"Statement": statements}}
    on_engines(clients)("Policy", "AWS::S3::BucketPolicy", properties)
    (asked,) = clients.s3.put_bucket_policy.call_args_list
    (allowed,) = json.loads(asked.kwargs["Policy"])["Statement"]
    assert (allowed["Principal"], allowed["Resource"]) == ("*", "arn:files/photos/*")


def test_photos_are_read_from_their_bucket() -> None:
    clients = MagicMock()
    clients.s3.meta.endpoint_url = "http://127.0.0.1:1"
    template: dict[str, Any] = {"Parameters": {"PhotosUrl": {}}, "Resources": {"UploadsBucket": {}}}
    assert given_parameters(clients, template) == {
        "PhotosUrl": "http://127.0.0.1:1/dispatch-uploadsbucket"
    }


def test_mails_have_a_sender_that_is_verified() -> None:
    clients = MagicMock()
    given = given_parameters(clients, {"Parameters": {"MailSender": {}}, "Resources": {}})
    assert given == {"MailSender": MAIL_SENDER}
    clients.ses.create_email_identity.assert_called_once_with(EmailIdentity=MAIL_SENDER)


def test_without_a_parameter_for_it_nobody_is_verified() -> None:
    clients = MagicMock()
    assert given_parameters(clients, {"Resources": {}}) == {}
    clients.ses.create_email_identity.assert_not_called()


def test_a_configuration_set_is_made_and_its_events_go_nowhere() -> None:
    clients = MagicMock()
    properties: Properties = {"SuppressionOptions": {}, "ReputationOptions": {}}
    made = on_engines(clients)("Mail", "AWS::SES::ConfigurationSet", properties)
    assert made.ref == "dispatch-Mail"
    clients.ses.create_configuration_set.assert_called_once_with(
        ConfigurationSetName="dispatch-Mail"
    )
    plan, made_here = resources(Events={"Type": "AWS::SES::ConfigurationSetEventDestination"})
    plan.make_all()
    assert made_here == []
