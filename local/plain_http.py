"""An HTTP server for the engines: what their clients send, answered one request at a time.

Nothing else may be imported here: it runs in the virtualenvs of both engines.
"""

import asyncio
import http
import socket
import sys
import traceback
from collections.abc import Callable
from typing import NamedTuple

_HEAD_ENDS = b"\r\n\r\n"


class Request(NamedTuple):
    """``target`` is path and query as they were sent; names of headers are in lower case."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes


class Answer(NamedTuple):
    """What is said of its own length and connection in ``headers`` is left out."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


_OURS = {"connection", "content-length", "date", "transfer-encoding"}


def serve(answer: Callable[[Request], Answer], listener: socket.socket) -> None:
    """Answer whoever connects, for ever."""

    async def serving() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(answer), sock=listener)
        await server.serve_forever()

    asyncio.run(serving())


def listener(port: int = 0) -> socket.socket:
    """A socket that listens on 127.0.0.1."""
    # Named TCP, or asyncio does not switch off Nagle's delay.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", port))
    listening.listen(128)
    return listening


class _Connection(asyncio.Protocol):
    """It stays open until the other side closes it."""

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self._answer = answer
        self._received = bytearray()
        self._head: Request | None = None
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        try:
            while request := self._next():
                self._transport.write(self._answered(request))
        except (ValueError, IndexError):
            self._transport.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            self._transport.close()

    def _answered(self, request: Request) -> bytes:
        try:
            status, headers, body = self._answer(request)
        except Exception:  # noqa: BLE001 - whatever an engine raises: its caller is told, and the log
            traceback.print_exc(file=sys.stderr)
            status, headers, body = 500, [("content-type", "text/plain")], b"the engine failed"
        length = str(len(body))
        if request.method == "HEAD":  # tells the length of what it leaves out
            length = dict(_lower(headers)).get("content-length", length)
            body = b""
        lines = [f"HTTP/1.1 {status} {_phrase(status)}"]
        lines += [f"{name}: {text}" for name, text in headers if name.lower() not in _OURS]
        if status != http.HTTPStatus.NO_CONTENT:
            lines.append(f"content-length: {length}")
        return "\r\n".join(lines).encode("latin1") + _HEAD_ENDS + body

    def _next(self) -> Request | None:
        """The next whole request; None until it is there. Raises ValueError for what is none."""
        if self._head is None:
            end = self._received.find(_HEAD_ENDS)
            if end < 0:
                return None
            self._head = _parsed(self._received[:end].decode("latin1"))
            del self._received[: end + len(_HEAD_ENDS)]
            if dict(self._head.headers).get("expect", "").lower() == "100-continue":
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._body(dict(self._head.headers))
        if body is None:
            return None
        request, self._head = self._head._replace(body=body), None
        return request

    def _body(self, headers: dict[str, str]) -> bytes | None:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks()
        length = int(headers.get("content-length") or 0)
        if len(self._received) < length:
            return None
        body = bytes(self._received[:length])
        del self._received[:length]
        return body

    def _chunks(self) -> bytes | None:
        body, at = bytearray(), 0
        while (end := self._received.find(b"\r\n", at)) >= 0:
            size = int(self._received[at:end].split(b";")[0], 16)
            following = end + 2 + size + 2
            if len(self._received) < following:
                return None
            body += self._received[end + 2 : end + 2 + size]
            at = following
            if size == 0:
                del self._received[:at]
                return bytes(body)
        return None


def _parsed(head: str) -> Request:
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    headers = [line.split(":", 1) for line in lines]
    return Request(method, target, [(name.lower(), text.strip()) for name, text in headers], b"")


def _lower(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name.lower(), text) for name, text in headers]


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "-"
