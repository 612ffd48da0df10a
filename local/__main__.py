"""``python -m local``: the whole backend on this machine, until Ctrl-C.

With ``--child`` it is for programs (see ``stack``): it announces itself as a line of JSON on
standard output and stops when its standard input closes.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from rich.console import Console
from rich.panel import Panel

from local import processes
from local.assembly import Stack, assembled
from local.engines import TableEngine
from local.errors import LocalStackError
from local.log import Log

_LOG = processes.ROOT / ".local" / "stack.log"
# Longer than clients keep what they do not use: a connection closed while they write is an error.
_KEEP_ALIVE_S = 75


def main() -> int:
    """Run the stack; the exit code."""
    options = _options()
    console = Console(stderr=True, highlight=False)
    options.log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _listener(options.port) as listener, options.log.open("w", encoding="utf-8") as file:
            try:
                asyncio.run(_until_stopped(options, listener, Log(file, console)))
            except ExceptionGroup as group:
                traceback.print_exception(group, file=file)
                raise _first(group) from None
    except LocalStackError as problem:
        console.print(str(problem), style="red", markup=False)
        return 1
    except Exception as problem:  # noqa: BLE001 - said shortly; all of it is in the log
        console.print(f"The stack failed: {problem!r}. See {options.log}", style="red")
        return 1
    return 0


def _first(group: ExceptionGroup[Exception]) -> Exception:
    problem: Exception = group
    while isinstance(problem, ExceptionGroup):
        problem = problem.exceptions[0]
    return problem


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local", description="The whole backend on this machine, until Ctrl-C."
    )
    parser.add_argument(
        "--port",
        type=int,
        default=os.environ.get("PORT", "3000"),
        help="where to listen on 127.0.0.1; 0 takes a free one (default: $PORT or 3000)",
    )
    parser.add_argument(
        "--dynamodb",
        type=TableEngine,
        choices=list(TableEngine),
        default=os.environ.get("DYNAMODB", TableEngine.MINISTACK),
        help="what keeps the table (default: $DYNAMODB or ministack)",
    )
    parser.add_argument(
        "--template", type=Path, default=processes.ROOT / "template.yaml", help="what to run"
    )
    parser.add_argument("--log", type=Path, default=_LOG, help="where all output goes")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


@contextmanager
def _listener(port: int) -> Iterator[socket.socket]:
    """The socket to serve on, taken before anything is started."""
    # Named TCP, or asyncio does not switch off Nagle's delay.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(128)
        except (OSError, OverflowError) as error:
            raise LocalStackError(
                f"Port {port} of 127.0.0.1 is not to be had ({error}).\n"
                f"Stop what uses it, or choose another: make run PORT={(port + 1) % 65536}"
            ) from None
        yield listener


async def _until_stopped(options: argparse.Namespace, listener: socket.socket, log: Log) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if options.child:
        loop.add_reader(sys.stdin, lambda: None if os.read(0, 1024) else stop.set())
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(_serve(options, listener, log))
        stopped = group.create_task(stop.wait())
        await asyncio.wait([serving, stopped], return_when=asyncio.FIRST_COMPLETED)
        serving.cancel()
        stopped.cancel()


async def _serve(options: argparse.Namespace, listener: socket.socket, log: Log) -> None:
    with tempfile.TemporaryDirectory(prefix="dispatch-local-") as folder:
        async with assembled(
            options.template.resolve(), options.dynamodb, Path(folder), log
        ) as stack:
            await _answer(stack, listener, log, announce=options.child)


async def _answer(stack: Stack, listener: socket.socket, log: Log, *, announce: bool) -> None:
    server = _Server(
        uvicorn.Config(
            stack.application,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=2,
        )
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(stack.pumps.run())
        group.create_task(server.serve(sockets=[listener]))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        if announce:
            print(json.dumps({"url": url}), flush=True)
        else:
            log.console.print(_start_page(url, Path(log.file.name)))


class _Server(uvicorn.Server):
    """uvicorn, with signals left to us: it would die of them before everything is stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _start_page(url: str, log: Path) -> Panel:
    return Panel(
        f"[bold]{url}[/]        the API, as API Gateway serves it\n"
        f"[bold]{url}/docs[/]   all calls, to try out\n\n"
        "A token for any user of the groups customer, mechanic and admin:\n"
        f"  curl {url}/_local/token/customer/alice\n"
        "Five minutes later:\n"
        f"  curl {url}/_local/clock -d " + """'{"advance_s": 300}'\n\n"""
        f"The functions write to {log}\n"
        "Ctrl-C ends everything; nothing is kept.",
        title="The local stack is up",
        expand=False,
    )


if __name__ == "__main__":
    sys.exit(main())
