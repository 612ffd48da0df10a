"""The operator's script that makes the SNS platform applications."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from mypy_boto3_sns import SNSClient

from ops import bootstrap_push

REGION = "ca-central-1"
APNS_OPTIONS = [
    "--apns-key-id",
    "KEY1",
    "--apns-team-id",
    "TEAM1",
    "--apns-bundle-id",
    "com.example.mechanics",
]


@pytest.fixture
def sns(monkeypatch: pytest.MonkeyPatch) -> Iterator[SNSClient]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield boto3.client("sns", region_name=REGION)


@pytest.fixture
def fcm(tmp_path: Path) -> str:
    path = tmp_path / "service-account.json"
    path.write_text('{"type": "service_account"}')
    return str(path)


@pytest.fixture
def apns(tmp_path: Path) -> str:
    path = tmp_path / "key.p8"
    path.write_text("-----BEGIN PRIVATE KEY-----")
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """Run the script for the stage dev; what it printed, by parameter."""
    bootstrap_push.main(["--stage", "dev", "--region", REGION, *arguments])
    return dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines())


def test_it_makes_an_application_per_platform_and_prints_its_parameter(
    sns: SNSClient, capsys: pytest.CaptureFixture[str], fcm: str, apns: str
) -> None:
    printed = run(capsys, "--fcm", fcm, "--apns", apns, *APNS_OPTIONS)
    made = sns.list_platform_applications()["PlatformApplications"]
    assert sorted(printed.values()) == sorted(item["PlatformApplicationArn"] for item in made)
    assert {name: arn.partition(":app/")[2] for name, arn in printed.items()} == {
        "FcmApplicationArn": "GCM/dispatch-dev",
        "ApnsApplicationArn": "APNS/dispatch-dev",
        "ApnsSandboxApplicationArn": "APNS_SANDBOX/dispatch-dev",
    }


def test_a_second_run_renews_the_credential_of_the_same_application(
    sns: SNSClient, capsys: pytest.CaptureFixture[str], fcm: str
) -> None:
    before = run(capsys, "--fcm", fcm)
    Path(fcm).write_text('{"type": "service_account", "private_key_id": "renewed"}')
    assert run(capsys, "--fcm", fcm) == before
    attributes = sns.get_platform_application_attributes(
        PlatformApplicationArn=before["FcmApplicationArn"]
    )["Attributes"]
    assert "renewed" in attributes["PlatformCredential"]


def test_every_application_of_the_stage_tells_the_topic_what_it_could_not_deliver(
    sns: SNSClient, capsys: pytest.CaptureFixture[str], fcm: str, apns: str
) -> None:
    """Once the first deployment has made the topic; a renewed credential leaves it."""
    topic = sns.create_topic(Name="feedback")["TopicArn"]
    other = sns.create_platform_application(
        Name="dispatch-prod", Platform="GCM", Attributes={"PlatformCredential": "x"}
    )["PlatformApplicationArn"]
    made = run(capsys, "--fcm", fcm, "--apns", apns, *APNS_OPTIONS)
    assert run(capsys, "--feedback-topic", topic) == {}
    run(capsys, "--fcm", fcm)

    def told(arn: str) -> str | None:
        attributes = sns.get_platform_application_attributes(PlatformApplicationArn=arn)
        return attributes["Attributes"].get("EventDeliveryFailure")

    assert {told(arn) for arn in made.values()} == {topic}
    assert told(other) is None


def test_applications_can_be_told_the_topic_when_they_are_made(
    sns: SNSClient, capsys: pytest.CaptureFixture[str], fcm: str
) -> None:
    topic = sns.create_topic(Name="feedback")["TopicArn"]
    (arn,) = run(capsys, "--fcm", fcm, "--feedback-topic", topic).values()
    attributes = sns.get_platform_application_attributes(PlatformApplicationArn=arn)["Attributes"]
    assert attributes["EventDeliveryFailure"] == topic


@pytest.mark.parametrize("arguments", [[], ["--apns", "key.p8"], ["--fcm", "x", "--stage", "qa"]])
def test_half_a_command_line_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        bootstrap_push.parse(["--stage", "dev", *arguments])
