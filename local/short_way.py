"""A short way from botocore to the engines: plain sockets, no signatures, one name for all clients.

Nobody but the engines listens, on this machine, and they check no signature. What botocore makes
of a call, of an answer, of a timeout or of a lost connection stays as it is; what is gone is most
of the time that a call takes here.
"""

import select
import socket
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.httpsession import URLLib3Session
from botocore.signers import RequestSigner
from botocore.useragent import UserAgentString

_HEAD_ENDS = b"\r\n\r\n"
_CHUNK = 1 << 18


def take() -> None:
    """From now on all calls of this process go the short way."""
    session: Any = URLLib3Session
    signer: Any = RequestSigner
    named: Any = UserAgentString
    long_way = session.send

    def send(self: Any, request: AWSPreparedRequest) -> AWSResponse:
        # All calls of the services with many calls are such: everything but objects.
        if request.method != "POST" or not request.url.startswith("http://127.0.0.1:"):
            answer: AWSResponse = long_way(self, request)
            return answer
        return _send(self, request)

    session.send = send
    signer.handler = _name_only
    named.to_string = lambda _: "local"


def _name_only(signer: Any, request: Any, **_: Any) -> None:
    """Tell who calls which service, as a signature would; the engines look at no more of it."""
    # An authorization stays when a call is tried again: without this there would be two.
    del request.headers["Authorization"]
    scope = f"local/20000101/{signer.region_name}/{signer.signing_name}/aws4_request"
    request.headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"
    )


def _send(session: Any, request: AWSPreparedRequest) -> AWSResponse:
    """Send the request over a connection that was left open, or a new one.

    Raises botocore's errors for what goes wrong.
    """
    address = urlsplit(request.url)
    target = f"{address.path or '/'}{'?' + address.query if address.query else ''}"
    body: Any = request.body or b""
    data = body.encode() if isinstance(body, str) else bytes(body)
    lines = [f"POST {target} HTTP/1.1", f"Host: {address.netloc}"]
    for name, value in request.headers.items():
        lines.append(f"{name}: {value.decode() if isinstance(value, bytes) else value}")
    head = "\r\n".join(lines).encode() + _HEAD_ENDS
    connections = session.__dict__.setdefault("_left_open", {}).setdefault(address.netloc, [])
    connection = _left_open(connections) or _opened(session, address, request.url)
    try:
        connection.sendall(head + data)
        status, headers, content = _answer(connection)
    except TimeoutError as error:
        connection.close()
        raise ReadTimeoutError(endpoint_url=request.url, error=error) from None
    except (OSError, ValueError) as error:
        connection.close()
        raise ConnectionClosedError(
            error=error, request=request, endpoint_url=request.url
        ) from None
    if headers.get("connection", "").lower() == "close":
        connection.close()
    else:
        connections.append(connection)
    of_any_headers: Any = headers
    response = AWSResponse(request.url, status, of_any_headers, None)
    response._content = content  # type: ignore[attr-defined]  # noqa: SLF001 - read already
    return response


def _left_open(connections: list[socket.socket]) -> socket.socket | None:
    """A connection that the other side has not closed meanwhile."""
    while connections:
        connection = connections.pop()
        if not select.select([connection], [], [], 0)[0]:
            return connection
        connection.close()
    return None


def _opened(session: Any, address: Any, url: str) -> socket.socket:
    times = session._timeout  # noqa: SLF001 - where the client's settings are
    try:
        connection = socket.create_connection(
            (address.hostname, address.port), times.connect_timeout
        )
    except TimeoutError as error:
        raise ConnectTimeoutError(endpoint_url=url, error=error) from None
    except OSError as error:
        raise EndpointConnectionError(endpoint_url=url, error=error) from None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(times.read_timeout)
    return connection


def _answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers with names in lower case, and body.

    Raises ConnectionError if the other side leaves, ValueError for an answer of unknown length.
    """
    received = b""
    while (end := received.find(_HEAD_ENDS)) < 0:
        received += _some(connection)
    first, *lines = received[:end].decode("latin1").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if "content-length" not in headers:
        raise ValueError(f"an answer without a length: {first}")
    content = received[end + len(_HEAD_ENDS) :]
    length = int(headers["content-length"])
    if len(content) < length:
        parts, missing = [content], length - len(content)
        while missing > 0:
            part = _some(connection)
            parts.append(part)
            missing -= len(part)
        content = b"".join(parts)
    return int(first.split(" ", 2)[1]), headers, content


def _some(connection: socket.socket) -> bytes:
    part = connection.recv(_CHUNK)
    if not part:
        raise ConnectionResetError("the engine closed the connection")
    return part
