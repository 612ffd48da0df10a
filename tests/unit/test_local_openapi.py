"""The merged API document: every route of the template, and only those, as callers meet them."""

from typing import Any

import pytest
from openapi_spec_validator import validate

from local.deployment import Api, Cors, Route
from local.errors import LocalStackError
from local.openapi import merged


def an_api(*routes: tuple[str, str, str | None], scopes: tuple[str, ...] = ()) -> Api:
    return Api(
        id="Api",
        routes=tuple(
            Route(method="GET", path=path, function=function, authorizer=authorizer, scopes=scopes)
            for path, function, authorizer in routes
        ),
        authorizers={},
        cors=Cors(),
        throttle=None,
    )


def a_part(*paths: str, **schemas: Any) -> dict[str, Any]:
    refused = {"description": "No", "content": {"application/json": {"schema": {"type": "object"}}}}
    operation = {"responses": {"200": {"description": "Yes"}, "404": refused}}
    return {
        "paths": {path: {"get": dict(operation)} for path in paths},
        "components": {"schemas": schemas},
    }


def test_the_parts_of_several_functions_make_one_valid_document() -> None:
    api = an_api(("/a", "A", "Jwt"), ("/b", "B", None))
    document = merged(api, {"A": a_part("/a", Car={"type": "object"}), "B": a_part("/b")})
    validate(document)
    assert list(document["paths"]) == ["/a", "/b"]
    assert "Car" in document["components"]["schemas"]


def test_open_routes_ask_for_no_token_and_the_others_do() -> None:
    api = an_api(("/a", "A", "Jwt"), ("/b", "A", None))
    paths = merged(api, {"A": a_part("/a", "/b")})["paths"]
    assert paths["/a"]["get"]["security"] == [{"accessToken": []}]
    assert paths["/b"]["get"]["security"] == []
    assert "401" in paths["/a"]["get"]["responses"]
    assert "401" not in paths["/b"]["get"]["responses"]


def test_a_token_without_the_scope_gets_the_gateways_403_beside_ours() -> None:
    part = a_part("/a", "/b")
    operation = part["paths"]["/b"]["get"]
    operation["responses"] = operation["responses"] | {"403": operation["responses"]["404"]}
    api = an_api(("/a", "A", "Jwt"), ("/b", "A", "Jwt"), scopes=("access",))
    paths = merged(api, {"A": part})["paths"]
    told = [list(paths[path]["get"]["responses"]["403"]["content"]) for path in ("/a", "/b")]
    assert told == [["application/json"], ["application/problem+json", "application/json"]]


def test_errors_are_problem_documents() -> None:
    paths = merged(an_api(("/a", "A", None)), {"A": a_part("/a")})["paths"]
    responses = paths["/a"]["get"]["responses"]
    assert list(responses["404"]["content"]) == ["application/problem+json"]
    assert list(responses["default"]["content"]) == ["application/problem+json"]


def test_a_parameter_without_an_example_shows_none() -> None:
    part = a_part("/a")
    limit = {"name": "limit", "in": "query", "schema": {"type": "integer", "default": None}}
    part["paths"]["/a"]["get"]["parameters"] = [limit | {"example": None}, limit | {"example": 3}]
    shown = merged(an_api(("/a", "A", None)), {"A": part})["paths"]["/a"]["get"]["parameters"]
    assert shown == [limit, limit | {"example": 3}]


@pytest.mark.parametrize(
    ("routes", "parts", "said"),
    [
        ([("/a", "A", None)], {"A": a_part("/a", "/more")}, "does not route GET /more to A"),
        ([("/a", "A", None), ("/b", "A", None)], {"A": a_part("/a")}, "No function serves GET /b"),
        ([("/a", "A", None)], {"B": a_part("/a")}, "does not route GET /a to B"),
    ],
)
def test_a_route_missing_on_either_side_is_an_error(
    routes: list[tuple[str, str, str | None]], parts: dict[str, Any], said: str
) -> None:
    with pytest.raises(LocalStackError, match=said):
        merged(an_api(*routes), parts)


def test_one_name_means_one_schema() -> None:
    api = an_api(("/a", "A", None), ("/b", "B", None))
    parts = {"A": a_part("/a", Car={"type": "object"}), "B": a_part("/b", Car={"type": "string"})}
    with pytest.raises(LocalStackError, match="Car"):
        merged(api, parts)
