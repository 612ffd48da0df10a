"""Create or renew the SNS platform applications of a stage and print the parameters they become.

CloudFormation cannot make platform applications, because they hold the credentials of the push
services. Run this before the first deployment with push, and whenever a credential changes::

    python -m ops.bootstrap_push --stage staging --fcm service-account.json \\
        --apns AuthKey_ABC123.p8 --apns-key-id ABC123 --apns-team-id DEF456 \\
        --apns-bundle-id com.example.mechanics

and add what it prints to ``parameter_overrides`` in samconfig.toml. The credentials go to SNS and
nowhere else. The names are fixed: the functions' roles allow exactly these applications.

The first deployment makes the topic to which SNS tells what it could not deliver. Run this again,
then and once, with what the stack's output ``FeedbackTopicArn`` says::

    python -m ops.bootstrap_push --stage staging --feedback-topic arn:aws:sns:...
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

STAGES = ("dev", "staging", "prod")
PARAMETERS = {
    "GCM": "FcmApplicationArn",
    "APNS": "ApnsApplicationArn",
    "APNS_SANDBOX": "ApnsSandboxApplicationArn",
}


def put_application(
    sns: "SNSClient", platform: str, stage: str, attributes: Mapping[str, str]
) -> str:
    """Make the stage's application for ``platform`` have ``attributes``; return its ARN.

    An existing one keeps its ARN, and so its endpoints: devices need not register again.
    """
    known = existing_applications(sns, stage).get(platform)
    if known is not None:
        sns.set_platform_application_attributes(PlatformApplicationArn=known, Attributes=attributes)
        return known
    created = sns.create_platform_application(
        Name=f"dispatch-{stage}", Platform=platform, Attributes=attributes
    )
    return created["PlatformApplicationArn"]


def existing_applications(sns: "SNSClient", stage: str) -> dict[str, str]:
    """The stage's applications: platform to ARN."""
    found = {}
    for page in sns.get_paginator("list_platform_applications").paginate():
        for application in page["PlatformApplications"]:
            arn = application["PlatformApplicationArn"]
            platform, _, name = arn.partition(":app/")[2].partition("/")
            if platform in PARAMETERS and name == f"dispatch-{stage}":
                found[platform] = arn
    return found


def wanted_applications(options: argparse.Namespace) -> dict[str, dict[str, str]]:
    """The attributes of every application that the command line has credentials for."""
    wanted = {}
    if options.fcm:
        wanted["GCM"] = {"PlatformCredential": options.fcm.read_text()}
    if options.apns:
        # One signing key of Apple serves both its environments.
        wanted["APNS"] = wanted["APNS_SANDBOX"] = {
            "PlatformCredential": options.apns.read_text(),
            "PlatformPrincipal": options.apns_key_id,
            "ApplePlatformTeamID": options.apns_team_id,
            "ApplePlatformBundleID": options.apns_bundle_id,
        }
    return wanted


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; exits with a message where something is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--region", help="default: that of the AWS profile")
    parser.add_argument("--fcm", type=Path, help="JSON key file of the Firebase service account")
    parser.add_argument("--apns", type=Path, help="Apple's signing key, a .p8 file")
    parser.add_argument("--apns-key-id")
    parser.add_argument("--apns-team-id")
    parser.add_argument("--apns-bundle-id")
    parser.add_argument(
        "--feedback-topic", help="the stack's output FeedbackTopicArn: what could not be delivered"
    )
    options = parser.parse_args(arguments)
    if not (options.fcm or options.apns or options.feedback_topic):
        parser.error("give --fcm, --apns or both, or --feedback-topic")
    if options.apns and not all(
        (options.apns_key_id, options.apns_team_id, options.apns_bundle_id)
    ):
        parser.error("--apns needs --apns-key-id, --apns-team-id and --apns-bundle-id")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Put every application and print ``Parameter=ARN``, one a line."""
    options = parse(arguments)
    sns = boto3.client("sns", region_name=options.region)
    for platform, attributes in wanted_applications(options).items():
        arn = put_application(sns, platform, options.stage, attributes)
        print(f"{PARAMETERS[platform]}={arn}")
    if options.feedback_topic:
        for arn in existing_applications(sns, options.stage).values():
            sns.set_platform_application_attributes(
                PlatformApplicationArn=arn,
                Attributes={"EventDeliveryFailure": options.feedback_topic},
            )


if __name__ == "__main__":
    main()
