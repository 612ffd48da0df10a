"""The JWT authorizer, and the tokens it accepts.

Tokens look like Cognito's access tokens and are signed with a key made when the stack starts. They
are checked as API Gateway does: signature by key id, algorithm, issuer, audience, times, scopes.
"""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from local.deployment import JwtConfiguration

_ALGORITHM = "RS256"
# Real time: however far a test moves the stack's clock, its tokens stay good.
_LIFETIME = timedelta(days=30)


class Unauthorized(Exception):
    """The gateway answers 401; the text is for the log."""


class Forbidden(Exception):
    """The token is good but lacks every scope the route asks for; the gateway answers 403."""


class Keys:
    """The key pair of this start of the stack."""

    def __init__(self) -> None:
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.public = self._private.public_key()
        self.id = str(uuid.uuid4())

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token with exactly these claims."""
        return jwt.encode(dict(claims), self._private, _ALGORITHM, headers={"kid": self.id})


def access_token(keys: Keys, configuration: JwtConfiguration, group: str, user_id: str) -> str:
    """A token as Cognito would give it to a user of that group."""
    now = datetime.now(UTC)
    return keys.sign(
        {
            "sub": user_id,
            "username": user_id,
            "cognito:groups": [group],
            "iss": configuration.issuer,
            "client_id": configuration.audiences[0],
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "auth_time": int(now.timestamp()),
            "iat": int(now.timestamp()),
            "exp": int((now + _LIFETIME).timestamp()),
            "jti": str(uuid.uuid4()),
        }
    )


class Authorizer:
    """Verifies the tokens of one authorizer of the template."""

    def __init__(self, configuration: JwtConfiguration, keys: Keys) -> None:
        self._configuration = configuration
        self._keys = keys

    def claims(self, authorization: str | None, scopes: tuple[str, ...] = ()) -> dict[str, Any]:
        """The claims of the token in an Authorization header, with or without ``Bearer``.

        Raises Unauthorized for anything but a good token, Forbidden for one without the scopes.
        """
        scheme, _, token = (authorization or "").strip().rpartition(" ")
        if scheme.lower() not in ("", "bearer"):
            raise Unauthorized(f"the scheme {scheme} is not Bearer")
        try:
            if jwt.get_unverified_header(token).get("kid") != self._keys.id:
                raise Unauthorized("signed with a key this start of the stack does not know")
            claims: dict[str, Any] = jwt.decode(
                token,
                self._keys.public,
                [_ALGORITHM],
                issuer=self._configuration.issuer,
                options={"require": ["exp", "iat", "iss"], "verify_aud": False},
            )
        except jwt.InvalidTokenError as error:
            raise Unauthorized(str(error)) from None
        if not self._is_for_us(claims):
            raise Unauthorized("neither aud nor client_id is one of the authorizer's audiences")
        if scopes and not set(scopes) & set(str(claims.get("scope", "")).split()):
            raise Forbidden(f"needs one of the scopes {', '.join(scopes)}")
        return claims

    def _is_for_us(self, claims: Mapping[str, Any]) -> bool:
        # API Gateway looks at client_id only if there is no aud.
        audience = claims.get("aud", claims.get("client_id"))
        named = audience if isinstance(audience, list) else [audience]
        return bool(set(self._configuration.audiences) & set(named))


def as_handed_over(claims: Mapping[str, Any]) -> dict[str, str]:
    """Claims as a function sees them: everything a text, a list as ``[customer admin]``."""
    return {name: _text(value) for name, value in claims.items()}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return f"[{' '.join(_text(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
