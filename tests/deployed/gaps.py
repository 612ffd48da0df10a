"""What ministack lacks of what the template asks for, and what stands in for it here.

Nothing else in this folder makes up for the emulator, and nothing of the product does. What it
does differently without our help is told in ``docs/deployed.md``.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local import deployment
from local.intrinsics import Evaluator
from local.template import REGION, Template
from tests.deployed.account import Account

Document = dict[str, Any]

UNKNOWN_TYPES: Mapping[str, str] = {
    "AWS::CodeDeploy::Application": "there is no CodeDeploy: aliases move at once",
    "AWS::CodeDeploy::DeploymentGroup": "there is no CodeDeploy: aliases move at once",
}
"""Types that ministack refuses a stack for, and why it does not matter here: left out of it."""

UNKNOWN_PROPERTIES: Mapping[tuple[str, str], str] = {
    ("AWS::CloudWatch::Alarm", "Metrics"): (
        "alarms know no metric math; and nothing that functions log becomes a metric here"
    ),
}
"""Likewise, resources of a type that have such a property."""


def without_unknown(template: Template) -> tuple[Template, list[str]]:
    """The template that ministack takes, and the logical ids that were left out of it.

    Who depended on what is left out no longer does; an alias that CodeDeploy was to move is moved
    by CloudFormation. A reference to it that means more is left as it is: CloudFormation says so.
    """
    left_out = {
        logical_id
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] in UNKNOWN_TYPES
        or any(
            (resource["Type"], name) in UNKNOWN_PROPERTIES
            for name in resource.get("Properties", {})
        )
    }
    resources = {
        logical_id: _independent(resource, left_out)
        for logical_id, resource in template["Resources"].items()
        if logical_id not in left_out
    }
    return {**template, "Resources": resources}, sorted(left_out)


def _independent(resource: Document, left_out: set[str]) -> Document:
    changed = dict(resource)
    if "DependsOn" in changed:
        named = changed.pop("DependsOn")
        others = [name for name in _texts(named) if name not in left_out]
        if others:
            changed["DependsOn"] = others
    if left_out and "CodeDeployLambdaAliasUpdate" in changed.get("UpdatePolicy", {}):
        del changed["UpdatePolicy"]
    return changed


def _texts(one_or_many: str | list[str]) -> list[str]:
    return [one_or_many] if isinstance(one_or_many, str) else one_or_many


# API Gateway: the OpenAPI body of an HTTP API is ignored


def create_routes(account: Account, template: Template, evaluator: Evaluator, api_id: str) -> int:
    """What API Gateway would have read in the body: authorizers, routes, CORS. How many routes.

    ``local.deployment`` reads the body for the local stack, and for us; ``evaluator`` knows the
    resources that were deployed.
    """

    apis = {
        logical_id: evaluator.value(resource["Properties"])
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::ApiGatewayV2::Api"
    }
    # The stage, with its throttle, is of CloudFormation's making.
    api = deployment.api(
        {"AWS::ApiGatewayV2::Api": apis, "AWS::ApiGatewayV2::Stage": {}}.__getitem__
    )
    [properties] = apis.values()
    uris = dict(_integration_uris(properties["Body"]))
    gateway = account.client("apigatewayv2")
    gateway.update_api(
        ApiId=api_id,
        CorsConfiguration={
            "AllowOrigins": list(api.cors.origins),
            "AllowMethods": list(api.cors.methods),
            "AllowHeaders": list(api.cors.headers),
            "ExposeHeaders": list(api.cors.expose),
            "MaxAge": api.cors.max_age_s or 0,
        },
    )
    authorizers = {
        name: gateway.create_authorizer(
            ApiId=api_id,
            Name=name,
            AuthorizerType="JWT",
            IdentitySource=["$request.header.Authorization"],
            JwtConfiguration={"Issuer": jwt.issuer, "Audience": list(jwt.audiences)},
        )["AuthorizerId"]
        for name, jwt in api.authorizers.items()
    }
    integrations = {
        uri: gateway.create_integration(
            ApiId=api_id,
            IntegrationType="AWS_PROXY",
            IntegrationUri=uri,
            PayloadFormatVersion="2.0",
        )["IntegrationId"]
        for uri in set(uris.values())
    }
    for route in api.routes:
        secured: Document = {"AuthorizationType": "NONE"}
        if route.authorizer:
            secured = {
                "AuthorizationType": "JWT",
                "AuthorizerId": authorizers[route.authorizer],
                "AuthorizationScopes": list(route.scopes),
            }
        gateway.create_route(
            ApiId=api_id,
            RouteKey=route.key,
            Target=f"integrations/{integrations[uris[route.key]]}",
            **secured,
        )
    return len(api.routes)


def _integration_uris(body: Document) -> Iterator[tuple[str, str]]:
    """Each route's key, and the alias that it calls."""
    for path, operations in body["paths"].items():
        for method, operation in operations.items():
            uri = operation["x-amazon-apigateway-integration"]["uri"]
            yield f"{method.upper()} {path}", uri


# Cognito: who has confirmed their address triggers nothing


def tell_of_confirmation(account: Account, pool_id: str, user_id: str, email: str) -> None:
    """Call what the pool names as its trigger, with what Cognito would hand over."""
    pool = account.client("cognito-idp").describe_user_pool(UserPoolId=pool_id)["UserPool"]
    event = {
        "version": "1",
        "region": REGION,
        "userPoolId": pool_id,
        "userName": user_id,
        "callerContext": {"awsSdkVersion": "none", "clientId": "CLIENT_ID_NOT_APPLICABLE"},
        "triggerSource": "PostConfirmation_ConfirmSignUp",
        "request": {
            "userAttributes": {"sub": user_id, "email": email, "email_verified": "true"},
        },
        "response": {},
    }
    called = account.client("lambda").invoke(
        FunctionName=pool["LambdaConfig"]["PostConfirmation"], Payload=json.dumps(event)
    )
    answered = called["Payload"].read().decode()
    assert "FunctionError" not in called, answered
    assert json.loads(answered) == event, "Cognito wants the event back"


# IAM: some calls are judged by something else than what they are about


@dataclass(frozen=True, slots=True)
class Misjudged:
    """Calls of which ministack asks the policies about the resource ``instead`` of the ``real``
    one, a pattern, and without conditions of theirs."""

    actions: tuple[str, ...]
    real: str
    instead: str
    why: str


MISJUDGED = (
    Misjudged(
        ("scheduler:CreateSchedule",),
        real=r":schedule/[^/]+/",
        instead=":schedule/default/",
        why="the group, which the request's body names, is taken for the default one",
    ),
    Misjudged(
        ("sns:Publish",),
        real=":endpoint/",
        instead=":app/",
        why="endpoints have ARNs like their application's",
    ),
    Misjudged(
        (
            "sns:CreatePlatformEndpoint",
            "sns:DeleteEndpoint",
            "sns:GetEndpointAttributes",
            "sns:SetEndpointAttributes",
        ),
        real=".+",
        instead="*",
        why="neither application nor endpoint of the request is looked at",
    ),
    Misjudged(
        ("ses:SendEmail",),
        real=".+",
        instead="*",
        why="the condition ses:FromAddress is not known, and holds for nobody",
    ),
)


def allow_misjudged(account: Account, roles: Iterable[str]) -> None:
    """Whoever may do such a call to the real resource may do it to what is taken for it.

    Who may not is refused as before.
    """
    iam = account.client("iam")
    for role in roles:
        statements = [
            {"Effect": "Allow", "Action": action, "Resource": resource}
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
            for policy in [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]]
            for statement in policy["Statement"]
            for action, resource in misjudged(statement)
        ]
        if statements:
            iam.put_role_policy(
                RoleName=role,
                PolicyName="misjudged",
                PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
            )


def misjudged(statement: Document) -> Iterator[tuple[str, str]]:
    """Actions and resources by which ministack would have to be told what a statement allows."""
    for calls in MISJUDGED:
        for action in set(calls.actions).intersection(_texts(statement["Action"])):
            for resource in _texts(statement["Resource"]):
                if re.search(calls.real, resource):
                    yield action, re.sub(calls.real, calls.instead, resource)
