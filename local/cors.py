"""CORS as API Gateway does it: it answers preflights itself and marks every other answer."""

from collections.abc import Mapping

from local.deployment import Cors


def preflight(cors: Cors, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of the 204 that answers an OPTIONS request; none for a foreign origin."""
    if not _is_allowed(cors, headers.get("origin")):
        return {}
    answer = marks(cors, headers)
    answer["access-control-allow-methods"] = ",".join(cors.methods)
    answer["access-control-allow-headers"] = ",".join(cors.headers)
    if cors.max_age_s is not None:
        answer["access-control-max-age"] = str(cors.max_age_s)
    return answer


def marks(cors: Cors, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers added to any answer to a request from an allowed origin."""
    origin = headers.get("origin")
    if origin is None or not _is_allowed(cors, origin):
        return {}
    answer = {"access-control-allow-origin": "*" if "*" in cors.origins else origin}
    if cors.credentials:
        answer["access-control-allow-credentials"] = "true"
    if cors.expose:
        answer["access-control-expose-headers"] = ",".join(cors.expose)
    return answer


def _is_allowed(cors: Cors, origin: str | None) -> bool:
    if origin is None:
        return False
    scheme = origin.partition("://")[0]
    return bool({"*", origin, f"{scheme}://*"} & set(cors.origins))
