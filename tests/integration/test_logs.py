"""What is logged while people book, and while it fails: ids and codes, nothing of theirs."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bench import canaries
from bench.canaries import ADMIN, CANARIES, MECHANIC, Story
from dispatch.core.consumers import sqs_handler
from dispatch.core.errors import Invalid
from dispatch.core.logging import logger
from tests.calls import CONTEXT
from tests.clock import Clock
from tests.edge import Edge, the_edge
from tests.entry_points import load
from tests.fast.world import FastWorld, running


class Logs:
    """Everything that is logged, on every level, and what libraries say from INFO on."""

    def __init__(self, printed: pytest.CaptureFixture[str]) -> None:
        self.written = io.StringIO()
        self.tokens: list[str] = []
        self._printed = printed

    @property
    def text(self) -> str:
        for text in self._printed.readouterr():
            self.written.write(text)
        return self.written.getvalue()

    def found(self) -> set[str]:
        tokens = {"access token" for token in self.tokens if token in self.text}
        return canaries.found_in(self.text) | tokens


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Logs]:
    logs = Logs(capsys)
    (handler,) = logger.handlers
    monkeypatch.setattr(handler, "stream", logs.written)
    everybody, root = logging.StreamHandler(logs.written), logging.getLogger()
    everybody.setFormatter(logging.Formatter("%(name)s %(message)s"))
    # As Powertools has it on Lambda: what is ours is not written a second time by the root.
    everybody.addFilter(lambda record: not record.name.startswith(logger.name))
    levels = (logger.log_level, root.level)
    logger.setLevel("DEBUG")
    root.setLevel("INFO")
    root.addHandler(everybody)
    yield logs
    root.removeHandler(everybody)
    logger.setLevel(levels[0])
    root.setLevel(levels[1])


class InMemory:
    """The API of the template on the AWS of the tests' own."""

    def __init__(self, edge: Edge, world: FastWorld, logs: Logs) -> None:
        self._edge, self._world, self._logs = edge, world, logs

    def call(
        self,
        group: str | None,
        user_id: str,
        method: str,
        path: str,
        body: Any = None,
        **options: Any,
    ) -> tuple[int, Any]:
        token = self._edge.token_of(user_id, group) if group else None
        if token:
            self._logs.tokens.append(token)
        return self._edge.call(method, path, token, self._world.now, body=body, **options)

    def settle(self) -> None:
        self._world.drain()

    def pass_time(self, seconds: int) -> None:
        self._world.pass_time(seconds=seconds)


@pytest.fixture(scope="module")
def edge() -> Edge:
    return the_edge()


@pytest.fixture
def world() -> Iterator[FastWorld]:
    with running(Clock()) as world:
        world.send_mails()
        yield world


def test_no_log_has_a_word_of_anybodys(edge: Edge, world: FastWorld, logs: Logs) -> None:
    story = canaries.play(InMemory(edge, world, logs))
    assert world.failures == []
    assert logs.text.count('"refused"') > 20, "nothing was logged"
    assert logs.found() == set()
    assert canaries.found_in(str(story.answers)), "they were shown what is theirs"


def _quoting(text: str) -> list[Exception]:
    """Exceptions that say what they stumbled over, as libraries and AWS do."""
    refused: Any = {"Error": {"Code": "MessageRejected", "Message": f"{text} is not verified"}}
    told: list[Exception] = [ClientError(refused, "SendEmail"), ValueError(text), KeyError(text)]
    try:
        try:
            int(text)
        except ValueError as error:
            raise RuntimeError(text) from error
    except RuntimeError as error:
        told.append(error)
    return told


@pytest.mark.parametrize("name", CANARIES)
def test_what_an_exception_says_stays_out_of_the_log(logs: Logs, name: str) -> None:
    for error in _quoting(CANARIES[name]):

        def stumble(_: Any, error: Exception = error) -> None:
            raise error

        record = {"messageId": "1", "body": '{"id": "event-1"}', "eventSource": "aws:sqs"}
        failed = sqs_handler(stumble)({"Records": [record]}, CONTEXT)  # type: ignore[arg-type]
        assert failed["batchItemFailures"]
        assert type(error).__name__ in logs.text
        assert "event-1" in logs.text
    assert "MessageRejected to SendEmail" in logs.text
    assert "in stumble" in logs.text
    assert logs.found() == set()


def test_codes_stay_in_the_log(logs: Logs) -> None:
    """What the runbooks send operators to the log for."""
    from stripe import CardError

    declined = CardError(  # type: ignore[no-untyped-call]
        CANARIES["customer's name"],
        "amount",
        "card_declined",
        http_status=402,
        headers={"request-id": "req_1"},
    )
    for error in (declined, Invalid.field("/data/object/amount", CANARIES["VIN"])):
        try:
            raise error
        except (CardError, Invalid):
            logger.exception("refused")
    assert (
        "CardError: http_status=402 code=card_declined param=amount request_id=req_1" in logs.text
    )
    assert "Invalid: invalid-input /data/object/amount" in logs.text
    assert logs.found() == set()


def test_of_several_that_failed_each_is_in_the_log_once(logs: Logs) -> None:
    """A fact that could not be told to some fails with all of theirs, and may be its own cause."""
    stumbled = _quoting(CANARIES["customer's mail"])
    group = ExceptionGroup(CANARIES["customer's name"], [*stumbled, ExceptionGroup("", stumbled)])
    stumbled[0].__cause__ = group
    try:
        raise group from group
    except ExceptionGroup:
        logger.exception("some could not be told")
    for told in ("MessageRejected to SendEmail", "builtins.KeyError", "builtins.RuntimeError"):
        assert logs.text.count(told) == 1
    assert logs.found() == set()


def test_a_call_that_fails_on_our_side_is_logged_without_what_was_sent(
    edge: Edge, world: FastWorld, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(intake: Any, *_: Any) -> None:
        raise ValueError(intake)

    monkeypatch.setattr(load("intake/api"), "book_session", stumble)
    story = Story(InMemory(edge, world, logs))
    story.customer("POST", "/intake/start", canaries.INTAKE, status=500)
    assert '"unhandled"' in logs.text
    assert logs.found() == set()


def test_a_word_in_a_log_is_found(logs: Logs) -> None:
    logger.debug("booked", extra={"by": CANARIES["customer's name"].upper()})
    logging.getLogger("stripe").info("sent to %s", CANARIES["customer's mail"])
    print(CANARIES["VIN"])  # noqa: T201
    assert {"customer's name", "customer's mail", "VIN"} <= logs.found()


def test_nobody_is_called_by_what_is_told_of_them() -> None:
    assert canaries.found_in(f"{MECHANIC} {ADMIN} {canaries.CUSTOMER} {canaries.UNLUCKY}") == set()
