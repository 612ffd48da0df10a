"""HTTP between botocore and the engines: the server of the one side, the short way of the other."""

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local import processes
from local.plain_http import Answer, Request, _Connection


class Wire(asyncio.WriteTransport):
    """What a server has written, and whether it has hung up."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True


def echo(request: Request) -> Answer:
    told = {"method": request.method, "target": request.target, "body": request.body.decode()}
    return Answer(200, [("x-told", "yes"), ("Content-Length", "9")], json.dumps(told).encode())


def answered(*parts: bytes, by: Callable[[Request], Answer] = echo) -> Wire:
    wire, connection = Wire(), _Connection(by)
    connection.connection_made(wire)
    for part in parts:
        connection.data_received(part)
    return wire


def bodies(wire: Wire) -> list[str]:
    """The bodies that were echoed, whole and in order."""
    texts = wire.written.split(b"\r\n\r\n")[1:]
    return [json.loads(text.partition(b"}")[0] + b"}")["body"] for text in texts]


def test_a_request_is_answered_with_its_length() -> None:
    wire = answered(b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
    head, _, body = wire.written.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 200 OK",
        b"x-told: yes",
        b"content-length: %d" % len(body),
    ]
    assert json.loads(body) == {"method": "POST", "target": "/a?b=c", "body": "hi"}
    assert not wire.closed


def test_it_does_not_matter_how_requests_are_cut() -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n"
    two = head + b"one" + head + b"two"
    assert bodies(answered(two)) == ["one", "two"]
    assert bodies(answered(*(two[at : at + 1] for at in range(len(two))))) == ["one", "two"]


def test_a_body_in_chunks_is_put_together() -> None:
    chunks = (
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
    )
    assert bodies(answered(*(chunks[at : at + 1] for at in range(len(chunks))))) == ["onetwo"]


def test_who_waits_to_be_asked_for_the_body_is_asked() -> None:
    head = b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    assert answered(head).written == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answered(head, b"hi").written.count(b"100 Continue") == 1


def test_the_answer_to_head_tells_the_length_of_what_it_leaves_out() -> None:
    wire = answered(b"HEAD /object HTTP/1.1\r\n\r\n")
    assert wire.written.endswith(b"content-length: 9\r\n\r\n")


def test_an_engine_that_raises_is_a_500_and_the_next_request_is_answered() -> None:
    def fails_once(request: Request) -> Answer:
        if request.target == "/fail":
            raise LookupError
        return echo(request)

    wire = answered(b"GET /fail HTTP/1.1\r\n\r\n", b"GET /next HTTP/1.1\r\n\r\n", by=fails_once)
    assert wire.written.startswith(b"HTTP/1.1 500 ")
    assert b"HTTP/1.1 200 OK" in wire.written


@pytest.mark.parametrize("nonsense", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"])
def test_what_is_no_request_is_said_and_ends_the_connection(nonsense: bytes) -> None:
    wire = answered(nonsense)
    assert wire.written.startswith(b"HTTP/1.1 400 ")
    assert wire.closed


# The short way, in a process of its own: it stays for the rest of a process's life.

_CALLS = """
import sys
from boto3.session import Session
from botocore.config import Config
from local import short_way

short_way.take()
config = Config(read_timeout=0.5, connect_timeout=0.5, retries={"total_max_attempts": 2})
client = Session("id", "secret", region_name="ca-central-1").client(
    "dynamodb", endpoint_url=f"http://127.0.0.1:{sys.argv[1]}", config=config
)
for _ in range(2):
    try:
        print(client.list_tables()["TableNames"])
    except Exception as error:
        print(type(error).__name__)
"""


@pytest.fixture
def engine() -> Iterator[Callable[[list[bytes | None]], tuple[int, list[bytes], list[Any]]]]:
    """A server that gives these answers; None is to say nothing, and empty to hang up.

    Its port, what it was asked, and its connections.
    """
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    asked: list[bytes] = []
    connections: list[socket.socket] = []

    def start(answers: list[bytes | None]) -> tuple[int, list[bytes], list[Any]]:
        threading.Thread(target=serve, args=[list(answers)], daemon=True).start()
        return listening.getsockname()[1], asked, connections

    def serve(answers: list[bytes | None]) -> None:
        while answers:
            connection, _ = listening.accept()
            connections.append(connection)
            while answers and (request := connection.recv(65536)):
                asked.append(request)
                answer = answers.pop(0)
                if answer is None:
                    break
                if not answer:
                    connection.close()
                    break
                connection.sendall(answer)

    yield start
    listening.close()


def _calls(port: int) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _CALLS, str(port)],
        cwd=processes.ROOT,
        env={"PYTHONPATH": str(processes.ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split("\n")[:2]


def _tables(name: str, status: str = "200 OK", rest: str = "") -> bytes:
    body = json.dumps({"TableNames": [name]})
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{rest}\r\n{body}".encode()


def test_calls_share_a_connection_and_name_who_calls_which_service(engine: Any) -> None:
    port, asked, connections = engine([_tables("one"), _tables("two")])
    assert _calls(port) == ["['one']", "['two']"]
    assert len(connections) == 1
    assert all(b"/ca-central-1/dynamodb/aws4_request" in request for request in asked)
    assert all(request.startswith(b"POST / HTTP/1.1\r\nHost: 127.0.0.1:") for request in asked)


@pytest.mark.parametrize("trouble", [b"", None, _tables("x", "500 Internal Server Error")])
def test_what_goes_wrong_once_is_tried_again(engine: Any, trouble: bytes | None) -> None:
    port, asked, _ = engine([trouble, _tables("one"), _tables("two")])
    assert _calls(port) == ["['one']", "['two']"]
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("trouble", "error"), [(b"", "ConnectionClosedError"), (None, "ReadTimeoutError")]
)
def test_what_goes_wrong_again_is_told_as_ever(
    engine: Any, trouble: bytes | None, error: str
) -> None:
    port, _, _ = engine([trouble, trouble, _tables("two")])
    assert _calls(port) == [error, "['two']"]


def test_a_connection_that_is_to_close_is_not_used_again(engine: Any) -> None:
    port, _, connections = engine([_tables("one", rest="connection: close\r\n"), _tables("two")])
    assert _calls(port) == ["['one']", "['two']"]
    assert len(connections) == 2


def test_nobody_there_is_told_as_ever() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert _calls(nobody.getsockname()[1]) == ["EndpointConnectionError"] * 2
