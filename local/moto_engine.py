"""The process that serves moto: one request at a time, on the stack's clock, as strict as AWS.

Started by ``engines`` as ``python -m local.moto_engine CLOCK_FILE``; announces its port as a line
of JSON on standard output and stops when its standard input closes.

Beside AWS's APIs it answers ``GET /_engine/...``: what waits in queues and schedules, and what was
pushed and mailed. One request at a time also means that such an answer is never half a change. The
stand-in for Stripe lives here, too, for the same reason: under ``/_stripe/``.
"""

import functools
import io
import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import moto.core.utils

from local import processes
from local.clock import VirtualClock
from local.plain_http import Answer, Request, listener, serve
from local.stripe import PREFIX as STRIPE
from local.stripe import StandIn, served
from local.template import ACCOUNT, REGION

# Made ready at once rather than by the first request of each, while the stack reads its template.
_SERVICES = ("sqs", "sns", "s3", "scheduler", "sesv2", "cognitoidp", "ssm")


def run_on(clock: VirtualClock) -> None:
    """Let moto tell the time by ``clock``.

    moto asks ``moto.core.utils.utcnow`` directly or through ``unix_time``. Its services import
    both by name, so this comes before the first of them is imported.
    """
    loaded = [name for name in sys.modules if re.fullmatch(r"moto\.\w+\.models", name)]
    assert set(loaded) <= {"moto.core.models", "moto.moto_api.models"}, loaded
    times: Any = moto.core.utils
    given = times.unix_time
    times.utcnow = lambda: clock.now().replace(tzinfo=None)
    # It gets there by way of three datetimes, and is asked for each message of a queue.
    times.unix_time = lambda dt=None: given(dt) if dt else clock.now().timestamp()


class Outbox:
    """What left through SNS platform endpoints and SES, oldest first."""

    def __init__(self, clock: VirtualClock) -> None:
        self.pushes: list[dict[str, Any]] = []
        self.mails: list[dict[str, Any]] = []
        self._clock = clock

    def record(self) -> None:
        """From now on, note what moto would send."""
        from moto.sesv2.responses import SESV2Response
        from moto.sns.models import PlatformEndpoint

        publish = PlatformEndpoint.publish
        send_email = SESV2Response.send_email

        def noted_publish(endpoint: PlatformEndpoint, message: str) -> str:
            message_id = publish(endpoint, message)
            self.pushes.append(
                {
                    "id": message_id,
                    "at": self._clock.now().isoformat(),
                    "platform": endpoint.application.platform,
                    "user_data": endpoint.attributes.get("CustomUserData")
                    or endpoint.custom_user_data,
                    "message": message,
                }
            )
            return message_id

        def noted_send_email(response: SESV2Response) -> str:
            answer = send_email(response)
            self.mails.append(
                {
                    "id": json.loads(answer)["MessageId"],
                    "at": self._clock.now().isoformat(),
                    "request": json.loads(response.body),
                }
            )
            return answer

        _replace(PlatformEndpoint, "publish", noted_publish)
        _replace(SESV2Response, "send_email", noted_send_email)


def be_strict(clock: VirtualClock) -> None:
    """Refuse what moto accepts and AWS refuses, where it has bitten."""
    from moto.scheduler.exceptions import ValidationException
    from moto.scheduler.models import EventBridgeSchedulerBackend
    from moto.sns.exceptions import InvalidParameterValue
    from moto.sns.models import SNSBackend

    create_schedule = EventBridgeSchedulerBackend.create_schedule
    publish = SNSBackend.publish

    def strict_create_schedule(backend: EventBridgeSchedulerBackend, **schedule: Any) -> Any:
        try:
            due = due_at(schedule["schedule_expression"], schedule["schedule_expression_timezone"])
        except ValueError as error:
            raise ValidationException(str(error)) from None
        if due <= clock.now():
            raise ValidationException("Invalid Schedule Expression: the time is in the past.")
        if not re.fullmatch(r"[0-9a-zA-Z_.-]{1,64}", schedule["name"]):
            raise ValidationException("Invalid name: at most 64 characters of [0-9a-zA-Z-_.].")
        return create_schedule(backend, **schedule)

    def strict_publish(backend: SNSBackend, message: str, arn: str | None, **rest: Any) -> str:
        if rest.get("message_structure") == "json" and "default" not in json.loads(message):
            raise InvalidParameterValue(
                "Invalid parameter: Message Structure - No default entry in JSON message body"
            )
        return publish(backend, message, arn, **rest)

    _replace(EventBridgeSchedulerBackend, "create_schedule", strict_create_schedule)
    _replace(SNSBackend, "publish", strict_publish)


def be_quick() -> None:
    """Ask a queue for the one attribute that decides whether a message is too old, not for all."""
    from moto.sqs.models import SQSBackend

    def is_kept(backend: SQSBackend, queue_name: str, message: Any) -> bool:
        queue: Any = backend.get_queue(queue_name)
        kept_s = int(queue.message_retention_period)
        return bool(kept_s + message.sent_timestamp / 1000 > moto.core.utils.unix_time())

    _replace(SQSBackend, "is_message_valid_based_on_retention_period", is_kept)


def _replace(moto_class: type, method: str, ours: Callable[..., Any]) -> None:
    setattr(moto_class, method, ours)


@functools.lru_cache(1000)
def due_at(expression: str, time_zone: str | None) -> datetime:
    """When a one-time schedule is due, in UTC.

    Raises ValueError for anything but ``at(yyyy-mm-ddThh:mm:ss)``: the stack fires nothing else.
    """
    match = re.fullmatch(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)", expression)
    if match is None:
        raise ValueError(f"Invalid Schedule Expression {expression}.")
    local = datetime.fromisoformat(match[1]).replace(tzinfo=ZoneInfo(time_zone or "UTC"))
    return local.astimezone(UTC)


def pending() -> dict[str, Any]:
    """What waits in queues and schedules. Times are ISO 8601; ``next_at`` is when the next message
    of the queue becomes visible by itself, by delay or by visibility timeout."""
    from moto.scheduler.models import scheduler_backends
    from moto.sqs.models import sqs_backends

    queues = {}
    for queue in sqs_backends[ACCOUNT][REGION].queues.values():
        visible, later = 0, []
        for message in queue._messages:  # noqa: SLF001 - moto has no other way to see delays
            if message.delayed:
                later.append(message.delayed_until)
            elif not message.visible:
                later.append(message.visible_at)
            else:
                visible += 1
        next_at = datetime.fromtimestamp(min(later) / 1000, UTC).isoformat() if later else None
        queues[queue.queue_arn] = {"visible": visible, "next_at": next_at}
    schedules = [
        {
            "name": schedule.name,
            "group": group.name,
            "expression": schedule.schedule_expression,
            "at": due_at(
                schedule.schedule_expression, schedule.schedule_expression_timezone
            ).isoformat(),
            "target_arn": schedule.target["Arn"],
            "input": schedule.target.get("Input"),
            "delete_after": schedule.action_after_completion == "DELETE",
        }
        for group in scheduler_backends[ACCOUNT][REGION].schedule_groups.values()
        for schedule in group.schedules.values()
        if schedule.state == "ENABLED"
    ]
    return {"queues": queues, "schedules": sorted(schedules, key=lambda each: each["at"])}


class _Application:
    """moto's WSGI application, with a few questions of ours answered before it.

    One request at a time, for moto is not atomic under threads.
    """

    def __init__(
        self,
        moto_application: Any,
        questions: dict[str, Callable[[], Any]],
        stripe: StandIn,
    ) -> None:
        self._moto_application = moto_application
        self._questions = questions
        self._stripe = stripe

    def __call__(self, request: Request) -> Answer:
        if request.target.startswith(STRIPE):
            return _as_json(*served(self._stripe, request))
        question = self._questions.get(request.target)
        return self._asked_of_moto(request) if question is None else _as_json(200, question())

    def _asked_of_moto(self, request: Request) -> Answer:
        started: list[Any] = []
        parts = self._moto_application(
            _wsgi_environ(request),
            lambda status, headers, _=None: started.extend([status, headers]),
        )
        try:
            answer = b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()
        status, headers = started
        return Answer(int(status.split()[0]), headers, answer)


def _as_json(status: int, document: Any) -> Answer:
    return Answer(status, [("content-type", "application/json")], json.dumps(document).encode())


def _wsgi_environ(request: Request) -> dict[str, Any]:
    path, _, query = request.target.partition("?")
    headers = dict(request.headers)
    host, _, port = headers.get("host", "127.0.0.1:80").partition(":")
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path, "latin1"),
        "QUERY_STRING": query,
        "REQUEST_URI": request.target,
        "RAW_URI": request.target,
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, text in request.headers:
        key = "HTTP_" + name.upper().replace("-", "_")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    environ["CONTENT_LENGTH"] = str(len(request.body))
    environ.pop("HTTP_CONTENT_LENGTH", None)
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return environ


def main(clock_file: str) -> None:
    """Serve until standard input closes."""
    processes.stop_with_parent()
    clock = VirtualClock(Path(clock_file))
    run_on(clock)

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    dispatcher = DomainDispatcherApplication(create_backend_app)
    # It looks through all services that moto has, at every request, for what never changes.
    dispatcher.get_backend_for_host = functools.cache(dispatcher.get_backend_for_host)  # type: ignore[method-assign]
    for service in _SERVICES:
        dispatcher.app_instances[service] = create_backend_app(service)  # type: ignore[arg-type]
    outbox = Outbox(clock)
    outbox.record()
    be_strict(clock)
    be_quick()
    application = _Application(
        dispatcher,
        {
            "/_engine/pending": pending,
            "/_engine/pushes": lambda: outbox.pushes,
            "/_engine/mails": lambda: outbox.mails,
        },
        StandIn(clock.now),
    )
    listening = listener()
    print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
    serve(application, listening)


if __name__ == "__main__":
    main(sys.argv[1])
