"""The JWT authorizer: takes its own tokens, refuses everything else, as API Gateway does."""

import time
from typing import Any

import jwt
import pytest

from local.authorizer import (
    Authorizer,
    Forbidden,
    Keys,
    Unauthorized,
    access_token,
    as_handed_over,
)
from local.deployment import JwtConfiguration

KEYS = Keys()
FAR_AHEAD = 4_102_444_800  # 2100-01-01
POOL = JwtConfiguration(issuer="https://issuer/pool", audiences=("client-1",))


def verify(token: str | None, scopes: tuple[str, ...] = ()) -> dict[str, Any]:
    return Authorizer(POOL, KEYS).claims(token, scopes)


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {"sub": "u", "iss": POOL.issuer, "client_id": "client-1", "iat": now, "exp": now + 60}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def test_a_token_of_the_stack_is_taken_with_and_without_bearer() -> None:
    token = access_token(KEYS, POOL, "customer", "alice")
    assert verify(token)["sub"] == "alice"
    assert verify(f"Bearer {token}")["cognito:groups"] == ["customer"]
    assert verify(f"bearer {token}")["token_use"] == "access"


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 0},
        {"exp": None},
        {"nbf": FAR_AHEAD},
        {"iat": FAR_AHEAD},
        {"iss": "https://issuer/other"},
        {"iss": None},
        {"client_id": "client-2"},
        {"client_id": None},
        {"aud": "client-2"},
    ],
    ids=str,
)
def test_a_claim_that_is_wrong_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
        verify(KEYS.sign(claims(**changes)))


@pytest.mark.parametrize("changes", [{}, {"aud": "client-1"}, {"aud": ["x", "client-1"]}], ids=str)
def test_the_audience_may_stand_in_aud_or_client_id(changes: dict[str, Any]) -> None:
    assert verify(KEYS.sign(claims(**changes)))


def test_a_token_signed_with_another_key_is_refused() -> None:
    with pytest.raises(Unauthorized):
        verify(Keys().sign(claims()))


def test_a_foreign_signature_under_our_key_id_is_refused() -> None:
    foreign = Keys()
    foreign.id = KEYS.id
    with pytest.raises(Unauthorized):
        verify(foreign.sign(claims()))


@pytest.mark.parametrize(
    ("algorithm", "key"), [("none", ""), ("HS256", "a secret of thirty-two bytes or more")]
)
def test_only_rs256_counts(algorithm: str, key: str) -> None:
    token = jwt.encode(claims(), key, algorithm, headers={"kid": KEYS.id})
    with pytest.raises(Unauthorized):
        verify(token)


@pytest.mark.parametrize("token", [None, "", "Bearer", "Bearer ", "nonsense", "a.b.c", "Basic x"])
def test_what_is_no_token_is_refused(token: str | None) -> None:
    with pytest.raises(Unauthorized):
        verify(token)


def test_a_route_with_scopes_asks_for_one_of_them() -> None:
    token = KEYS.sign(claims(scope="read write"))
    assert verify(token, scopes=("write", "admin"))
    with pytest.raises(Forbidden):
        verify(token, scopes=("admin",))


def test_claims_are_handed_over_as_texts() -> None:
    handed = as_handed_over({"cognito:groups": ["customer", "admin"], "exp": 17, "ok": True})
    assert handed == {"cognito:groups": "[customer admin]", "exp": "17", "ok": "true"}
