"""What the outside world can reach, as ``template.yaml`` has it (docs/security.md)."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.template.stack import Document, read_template, translate

STACK = translate(read_template())
OPEN = {
    "GET /plans",
    "GET /service-keywords",
    "GET /brands",
    "POST /payments/stripe/webhook",
}
MAY_BE_LOGGED = {
    "requestId",
    "requestTimeEpoch",
    "routeKey",
    "status",
    "responseLatency",
    "responseLength",
    "authorizer.claims.sub",
    "authorizer.error",
    "integrationErrorMessage",
}


def api() -> Document:
    (properties,) = STACK.of_type("AWS::ApiGatewayV2::Api").values()
    body: Document = properties["Body"]
    return body


def test_tokens_are_our_pools_for_our_client_and_for_access() -> None:
    (scheme,) = api()["components"]["securitySchemes"].values()
    authorizer = scheme["x-amazon-apigateway-authorizer"]
    assert authorizer["type"] == "jwt"
    assert authorizer["identitySource"] == "$request.header.Authorization"
    assert authorizer["jwtConfiguration"] == {
        "issuer": {
            "Fn::Sub": "https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}/${UserPool}",
        },
        "audience": [{"Ref": "UserPoolClient"}],
    }


def test_every_route_but_the_open_ones_asks_for_such_a_token() -> None:
    """An id token has the audience, too, but never this scope; access tokens of the pool have."""
    asked = {
        f"{method.upper()} {path}": operation.get("security")
        for path, operations in api()["paths"].items()
        for method, operation in operations.items()
        if method != "options"
    }
    guarded = [{"CognitoAuthorizer": ["aws.cognito.signin.user.admin"]}]
    assert len(asked) > len(OPEN)
    for route, security in asked.items():
        assert (security in (None, [], [{"NONE": []}])) is (route in OPEN), route
        assert route in OPEN or security == guarded, route


def test_the_client_gets_no_token_in_another_way() -> None:
    """Then access tokens would come without that scope, or others with it."""
    (client,) = STACK.of_type("AWS::Cognito::UserPoolClient").values()
    assert "AllowedOAuthFlows" not in client
    assert client["ExplicitAuthFlows"] == ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]


def test_access_logs_have_ids_and_outcomes() -> None:
    (stage,) = STACK.of_type("AWS::ApiGatewayV2::Stage").values()
    logged = re.findall(r"\$context\.([\w.]+)", stage["AccessLogSettings"]["Format"])
    assert set(logged) == MAY_BE_LOGGED


def test_no_queue_gives_up_the_encryption_it_has_by_itself() -> None:
    queues = STACK.of_type("AWS::SQS::Queue")
    assert len(queues) > 10
    for name, queue in queues.items():
        assert queue.get("SqsManagedSseEnabled", True) is True, name


@pytest.mark.parametrize("setting", ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls"])
def test_no_bucket_can_be_made_public(setting: str) -> None:
    for name, bucket in STACK.of_type("AWS::S3::Bucket").items():
        assert bucket["PublicAccessBlockConfiguration"][setting] is True, name


def test_no_function_has_an_address_of_its_own() -> None:
    assert STACK.of_type("AWS::Lambda::Url") == {}


def _allowed(part: Any) -> Iterator[Document]:
    """Every statement that allows something to somebody it names."""
    if isinstance(part, dict):
        if "Principal" in part and part.get("Effect") == "Allow":
            yield part
        for value in part.values():
            yield from _allowed(value)
    elif isinstance(part, list):
        for value in part:
            yield from _allowed(value)


def test_nothing_is_allowed_to_everybody() -> None:
    """But for what SNS's own default policy has: everybody of this account."""
    statements = list(_allowed([each.get("Properties") for each in STACK.resources.values()]))
    assert statements
    ours = {"StringEquals": {"AWS:SourceOwner": {"Ref": "AWS::AccountId"}}}
    for statement in statements:
        everybody = statement["Principal"] in ("*", {"AWS": "*"})
        assert not everybody or statement["Condition"] == ours, statement
