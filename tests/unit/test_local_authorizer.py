"""The JWT authorizer: takes its own tokens, refuses everything else, as API Gateway does."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from local.authorizer import (
    Authorizer,
    Forbidden,
    Keys,
    Unauthorized,
    access_token,
    as_handed_over,
)
from local.deployment import JwtConfiguration

KEYS, FOREIGN = Keys(), Keys()
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
        {"aud": []},
        {"aud": ["client-2"], "client_id": "client-1"},
        {"iss": "https://issuer/pool/"},
        {"exp": "tomorrow"},
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


def test_the_public_key_is_no_secret_to_sign_with() -> None:
    """HS256 with the public key as its secret: who picks the algorithm by the token believes it."""
    public = KEYS.public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = _part({"alg": "HS256", "kid": KEYS.id, "typ": "JWT"})
    signed = f"{header}.{_part(claims())}"
    digest = hmac.new(public, signed.encode(), hashlib.sha256).digest()
    with pytest.raises(Unauthorized):
        verify(f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}")


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def _key_in_the_header() -> dict[str, Any]:
    public = jwt.algorithms.RSAAlgorithm.to_jwk(FOREIGN.public, as_dict=True)
    return {"jwk": dict(public), "kid": KEYS.id}


@pytest.mark.parametrize(
    "header",
    [
        {"kid": None},
        {"kid": ""},
        {"kid": "../../dev/null"},
        {"kid": KEYS.id, "jku": "https://attacker.example/jwks.json"},
        {"kid": KEYS.id, "x5u": "https://attacker.example/key.pem"},
        _key_in_the_header(),
    ],
    ids=["no key id", "empty", "a path", "jku", "x5u", "jwk"],
)
def test_a_token_brings_no_key_of_its_own(header: dict[str, Any]) -> None:
    told = {name: value for name, value in header.items() if value is not None}
    token = jwt.encode(claims(), FOREIGN._private, "RS256", headers=told)
    with pytest.raises(Unauthorized):
        verify(token)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", "RS1", "RS384", "ES256"])
def test_no_other_algorithm_is_believed(algorithm: str) -> None:
    header = _part({"alg": algorithm, "kid": KEYS.id, "typ": "JWT"})
    for signature in ("", "e30", KEYS.sign(claims()).rpartition(".")[2]):
        with pytest.raises(Unauthorized):
            verify(f"{header}.{_part(claims())}.{signature}")


def test_an_id_token_lacks_the_scope() -> None:
    """API Gateway takes it for its audience; what tells it from an access token is the scope."""
    id_token = KEYS.sign(
        claims(aud="client-1", client_id=None, token_use="id", email="a@b.example")
    )
    assert verify(id_token)["token_use"] == "id"
    with pytest.raises(Forbidden):
        verify(id_token, scopes=("aws.cognito.signin.user.admin",))
    assert verify(access_token(KEYS, POOL, "admin", "a"), ("aws.cognito.signin.user.admin",))


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
