"""Matching as such products do it: a Node process that fetches the mechanics from PostgreSQL.

PostgreSQL is a private one: its data in a scratch folder, reached through a socket there, gone
afterwards. It refuses to run as root, so then it runs as another user. What Node needs to talk to
it (``node_product/package-lock.json``) is fetched once.
"""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.progress import say
from dispatch.core.time import format_time
from dispatch.matching.model import MatchRequest
from dispatch.mechanics.model import RosterEntry
from dispatch.policy.model import Policy
from local import processes

SOURCE = Path(__file__).with_name("node_product")
INSTALLED = processes.ROOT / ".local" / "node_product"
_BATCH = 2_000
_PATIENCE_S = 30.0
_UNTIL_INPUT_ENDS = '"$0" "$@" & child=$!; cat >/dev/null; kill -INT $child; wait $child'
"""PostgreSQL watches no standard input: it is ended by a shell that does."""


class Missing(Exception):
    """Something that Node or PostgreSQL needs is not here; says how to get it."""


@dataclass(frozen=True, slots=True)
class Match:
    """Ids and scores, best first, and the milliseconds from asking PostgreSQL to the order."""

    top: list[tuple[str, int]]
    ms: float


class Product:
    """The Node process and its table of mechanics."""

    def __init__(self, node: "subprocess.Popen[bytes]", log: Path) -> None:
        self._node = node
        self._log = log
        self.version: str = self._answer()["node"]
        self._ask("create", None)

    def write(self, entries: Iterable[RosterEntry]) -> None:
        """Add mechanics, or replace them."""
        rows = [_row(entry) for entry in entries]
        for first in range(0, len(rows), _BATCH):
            self._ask("write", rows[first : first + _BATCH])

    def settle(self) -> None:
        """What PostgreSQL does by itself after a while."""
        self._ask("settle", None)

    def match(
        self, request: MatchRequest, k: int, policy: Policy, on: date, *, sifted: bool
    ) -> Match:
        """The best ``k`` who are free. Unless ``sifted`` by PostgreSQL, everybody is fetched."""
        asked = {
            "request": asdict(request),
            "policy": asdict(policy),
            "on": on.isoformat(),
            "k": k,
            "sifted": sifted,
        }
        answer = self._ask("match", asked)
        return Match([(id_, points) for id_, points in answer["top"]], answer["ms"])

    def _ask(self, what: str, asked: Any) -> Any:
        assert self._node.stdin
        self._node.stdin.write(json.dumps({what: asked}, default=_number).encode() + b"\n")
        self._node.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._node.stdout
        line = self._node.stdout.readline()
        if not line:
            raise RuntimeError(f"Node ended: {self._log.read_text()[-2000:]}")
        return json.loads(line)


def _number(value: Any) -> float:
    if not isinstance(value, Decimal):
        raise TypeError(f"{value!r} is not JSON")
    return float(value)


def _row(entry: RosterEntry) -> dict[str, Any]:
    duty = entry.duty
    row = asdict(entry) | {
        "name": entry.name_key,
        "on_shift": duty.on_shift,
        "load": duty.load,
        "waiting_since": duty.waiting_since and format_time(duty.waiting_since),
        "rating": None if entry.rating is None else float(entry.rating),
        "certified_until": entry.certified_until and entry.certified_until.isoformat(),
    }
    del row["duty"], row["name_key"]
    return row


@contextmanager
def running() -> Iterator[Product]:
    """Start both, with an empty table. Raises Missing."""
    node, npm = _needed("node"), _needed("npm")
    initdb, postgres = _postgres_program("initdb"), _postgres_program("postgres")
    _install(npm)
    user = _user()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dispatch-pg-")))
        os.chown(folder, *_ids(user))
        data, log = folder / "data", folder / "log"
        options: dict[str, Any] = {
            "cwd": folder,
            "env": {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
        }
        as_user = options | ({"user": user, "group": _ids(user)[1]} if os.geteuid() == 0 else {})
        subprocess.run(
            [initdb, "-D", data, "-A", "trust", "-E", "UTF8", "-U", user, "--no-sync"],
            check=True,
            capture_output=True,
            **as_user,
        )
        logged = stack.enter_context(log.open("wb"))
        serving = processes.start(
            [
                *("sh", "-c", _UNTIL_INPUT_ENDS, postgres),
                *("-D", str(data), "-k", str(folder), "-c", "listen_addresses="),
            ],
            stdout=logged,
            stderr=logged,
            **as_user,
        )
        stack.callback(processes.stop, serving, 15)
        _wait_for(data / "postmaster.pid", log)
        asking = processes.start(
            [node, str(INSTALLED / "product.js"), str(folder), user],
            stdout=subprocess.PIPE,
            stderr=logged,
            **options,
        )
        stack.callback(processes.stop, asking)
        yield Product(asking, log)


def _wait_for(state: Path, log: Path) -> None:
    """Until PostgreSQL has written that it takes connections."""
    until = time.monotonic() + _PATIENCE_S
    while not (state.exists() and state.read_text().rstrip().endswith("ready")):
        if time.monotonic() > until:
            raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)


def _needed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise Missing(f"{program} is not on the PATH (Debian and Ubuntu: apt install nodejs npm)")
    return found


def _postgres_program(name: str) -> str:
    """Debian keeps PostgreSQL's own programs off the PATH."""
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    found = shutil.which(name) or next((str(path) for path in kept), None)
    if found is None:
        raise Missing("PostgreSQL is not installed (Debian and Ubuntu: apt install postgresql)")
    return found


def _user() -> str:
    """Who PostgreSQL runs as: whoever runs this, but not root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _ids(user: str) -> tuple[int, int]:
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid


def _install(npm: str) -> None:
    """Fetch what the lock file pins, unless it is here. Raises Missing without a network."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    lock = SOURCE / "package-lock.json"
    done = INSTALLED / ".ready"
    shutil.copy(SOURCE / "product.js", INSTALLED)
    if done.exists() and done.read_bytes() == lock.read_bytes():
        return
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCE / name, INSTALLED)
    fetched = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=INSTALLED,
        capture_output=True,
        text=True,
        check=False,
    )
    if fetched.returncode:
        say(f"npm: {fetched.stderr.strip()[-500:]}")
        raise Missing("npm could not fetch node-postgres; it says above why.")
    shutil.copy(lock, done)
