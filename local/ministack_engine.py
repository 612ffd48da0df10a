"""The process that serves ministack's table and its stream, one request at a time.

Started by ``engines`` in ministack's own virtualenv; announces its port as a line of JSON on
standard output and stops when its standard input closes. ministack's own server spends more time on
a request than its table does, and runs thirty services that nobody asks here.
"""

import json
from collections.abc import Coroutine
from typing import Any

from local import ministack_ranges, processes
from local.plain_http import Answer, Request, listener, serve


def main() -> None:
    """Serve until standard input closes."""
    processes.stop_with_parent()
    from ministack.services import dynamodb, dynamodb_streams

    ministack_ranges.take(dynamodb)

    services = {
        "DynamoDB_20120810": dynamodb.handle_request,
        "DynamoDBStreams_20120810": dynamodb_streams.handle_request,
    }

    def answer(request: Request) -> Answer:
        headers = dict(request.headers)
        service = services[headers.get("x-amz-target", "").partition(".")[0]]
        status, answered, body = _at_once(service("POST", "/", headers, request.body, {}))
        return Answer(
            status, list(answered.items()), body if isinstance(body, bytes) else body.encode()
        )

    listening = listener()
    print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
    serve(answer, listening)


def _at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns that has nothing to wait for."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("ministack waits for something")


if __name__ == "__main__":
    main()
