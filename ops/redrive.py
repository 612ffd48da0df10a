"""Show what stands in the dead letter queues of a stack, and put it back to be handled again.

::

    python -m ops.redrive --stack dispatch-prod                          # how many in which queue
    python -m ops.redrive --stack dispatch-prod --queue Matching         # which
    python -m ops.redrive --stack dispatch-prod --queue Matching --move  # back to MatchingQueue
    python -m ops.redrive --stack dispatch-prod --queue Sweeper --drop   # for good

Nothing is changed without ``--move`` or ``--drop``. Of a message only ids, its type, its age and
how often it was received are shown: what else is in it may be somebody's address.

SQS's own way (``StartMessageMoveTask``) takes only what SQS itself has put there; what SNS or
Lambda could not deliver stands in the same queues.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ops import stacks

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

DEAD = "DeadLetterQueue"
HIDDEN_S = 120
"""For how long a message is not seen by others while this looks at it."""
WAIT_S = 1
"""For messages: so that all of SQS's servers are asked."""
_SHOWN = ("id", "type", "kind", "session_id", "mechanic_id", "customer_id")


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, without what may tell of a person."""

    id: str
    type: str
    about: str
    sent_at: datetime
    receives: int


def letter(message: "MessageTypeDef") -> Letter:
    attributes: Any = message.get("Attributes", {})
    told = _told(message.get("Body", ""))
    about = [f"{name}={told[name]}" for name in _SHOWN if name in told and name != "type"]
    return Letter(
        id=message["MessageId"],
        type=str(told.get("type") or told.get("kind") or "?"),
        about=" ".join(about),
        sent_at=datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC),
        receives=int(attributes["ApproximateReceiveCount"]),
    )


def _told(body: str) -> dict[str, Any]:
    """The members of a fact or ring that are ids and codes; a ring's subject among them."""
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(document, dict):
        return {}
    subject = document.get("subject")
    members = {**(subject if isinstance(subject, dict) else {}), **document}
    return {name: members[name] for name in _SHOWN if isinstance(members.get(name), str)}


def waiting(sqs: "SQSClient", url: str) -> int:
    """About how many stand in a queue, those that somebody looks at included."""
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(count) for count in counts.values())


def received(sqs: "SQSClient", url: str, limit: int) -> Iterator["MessageTypeDef"]:
    """Up to ``limit`` messages, each once: hidden from others until it is dealt with."""
    left, empty = limit, 0
    while left > 0 and empty < 2:  # one empty answer may be a server that has none of them
        messages = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(10, left),
            VisibilityTimeout=HIDDEN_S,
            WaitTimeSeconds=WAIT_S,
            MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        empty = 0 if messages else empty + 1
        left -= len(messages)
        yield from messages


def look(sqs: "SQSClient", url: str, limit: int) -> list[Letter]:
    """The letters, oldest first. They stay where they are."""
    messages = list(received(sqs, url, limit))
    for message in messages:
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    return sorted(map(letter, messages), key=lambda each: each.sent_at)


def move(sqs: "SQSClient", url: str, home: str, limit: int, each: Callable[[], None]) -> int:
    """Send letters home, then take them out: one may come twice, none gets lost."""
    moved = 0
    for message in received(sqs, url, limit):
        sqs.send_message(
            QueueUrl=home,
            MessageBody=message["Body"],
            MessageAttributes=_sendable(message),
        )
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        moved += 1
        each()
    return moved


def _sendable(message: "MessageTypeDef") -> Any:
    """As they are received, attributes have empty lists beside, which cannot be sent."""
    return {
        name: {part: value for part, value in attribute.items() if not isinstance(value, list)}
        for name, attribute in message.get("MessageAttributes", {}).items()
    }


def drop(sqs: "SQSClient", url: str, limit: int, each: Callable[[], None]) -> int:
    """Take letters out for good."""
    dropped = 0
    for message in received(sqs, url, limit):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        dropped += 1
        each()
    return dropped


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; exits with a message where something is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stack", required=True)
    parser.add_argument("--region", help="default: that of the AWS profile")
    parser.add_argument("--queue", help="Matching, Notify, ... : whose dead letters")
    parser.add_argument("--limit", type=int, default=1000, help="at most so many (default: 1000)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--move", action="store_true", help="put them back into the queue")
    what.add_argument("--drop", action="store_true", help="delete them")
    options = parser.parse_args(arguments)
    if (options.move or options.drop) and not options.queue:
        parser.error("--move and --drop need --queue")
    return options


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> None:
    """Show, move or drop; exits with a message for a queue that is not there."""
    options, console = parse(arguments), console or Console()
    session = boto3.Session(region_name=options.region)
    sqs: SQSClient = session.client("sqs")
    queues = stacks.physical_ids(session.client("cloudformation"), options.stack, "AWS::SQS::Queue")
    if not options.queue:
        _show_all(console, sqs, queues)
        return
    url, home = queues.get(f"{options.queue}{DEAD}"), queues.get(f"{options.queue}Queue")
    if url is None:
        known = sorted(name.removesuffix(DEAD) for name in queues if name.endswith(DEAD))
        raise SystemExit(f"{options.stack} has no {options.queue}{DEAD}; there are: {known}")
    if options.move and home is None:
        raise SystemExit(
            f"{options.queue} has no queue of its own: it runs by the clock. "
            "Once a run has succeeded, --drop what stands here."
        )
    if not (options.move or options.drop):
        _show(console, look(sqs, url, options.limit), options)
        return
    # What comes while this works, or comes back, is for the next time.
    limit = min(options.limit, waiting(sqs, url))
    with Progress(console=console) as progress:
        task = progress.add_task("Moving" if options.move else "Dropping", total=limit)
        step = lambda: progress.advance(task)  # noqa: E731
        if options.move and home:
            done = move(sqs, url, home, limit, step)
        else:
            done = drop(sqs, url, limit, step)
    verb = "Moved" if options.move else "Dropped"
    console.print(f"[green]{verb} {done}[/green], {waiting(sqs, url)} left.")


def _show_all(console: Console, sqs: "SQSClient", queues: dict[str, str]) -> None:
    table = Table("queue", "dead letters")
    for name, url in sorted(queues.items()):
        if name.endswith(DEAD):
            count = waiting(sqs, url)
            colour = "red" if count else "green"
            table.add_row(name.removesuffix(DEAD), f"[{colour}]{count}[/{colour}]")
    console.print(table)


def _show(console: Console, letters: list[Letter], options: argparse.Namespace) -> None:
    table = Table("message", "type", "about", "age", "received")
    now = datetime.fromtimestamp(time.time(), UTC)
    for each in letters:
        age = timedelta(seconds=int((now - each.sent_at).total_seconds()))
        table.add_row(each.id, each.type, each.about, str(age), str(each.receives))
    console.print(table)
    console.print(f"{len(letters)} in {options.queue}{DEAD}. Nothing was changed: --move, --drop.")


if __name__ == "__main__":
    main()
