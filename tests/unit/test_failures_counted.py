"""What fails counts against the version in which it failed: its deployment is undone."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from dispatch.core import http, settings
from dispatch.core.consumers import sqs_handler
from dispatch.core.errors import Busy, NotFound
from dispatch.core.logging import logger
from tests.builders import an_http_event

CONTEXT: Any = SimpleNamespace(aws_request_id="request-1")


@pytest.fixture(autouse=True)
def version(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "42")
    settings.function_version.cache_clear()
    yield
    settings.function_version.cache_clear()


def failures(written: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    return [line for line in lines if "Failures" in line]


def answered_with(error: Exception | None) -> int:
    app = http.create_app("Test")

    @app.get("/thing")
    async def thing() -> None:
        if error:
            raise error

    answer = http.lambda_handler(app)(an_http_event("GET", "/thing", None), CONTEXT)
    return int(answer["statusCode"])


@pytest.mark.parametrize(
    ("error", "status", "counted"),
    [
        (None, 200, 0),
        (NotFound("there is no such thing"), 404, 0),
        (Busy("try again"), 503, 1),
    ],
)
def test_an_answer_that_says_it_is_our_fault_counts(
    error: Exception | None, status: int, counted: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answered_with(error) == status
    assert len(failures(capsys.readouterr().out)) == counted


def test_a_message_that_will_come_again_counts(capsys: pytest.CaptureFixture[str]) -> None:
    def consume(message: dict[str, Any]) -> None:
        if message["fail"]:
            raise NotFound("not there yet")

    records = [
        {
            "messageId": f"message-{n}",
            "body": json.dumps({"fail": n < 2}),
            "eventSource": "aws:sqs",
        }
        for n in range(3)
    ]
    sqs_handler(consume)({"Records": records}, CONTEXT)
    counted = failures(capsys.readouterr().out)
    assert len(counted) == 2
    (told,) = counted[0]["_aws"]["CloudWatchMetrics"]
    assert told["Namespace"] == "dispatch"
    assert told["Dimensions"] == [["service", "version"]]
    assert (counted[0]["service"], counted[0]["version"]) == (logger.service, "42")
