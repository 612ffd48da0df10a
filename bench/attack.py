"""``make attack``: everything the API document allows and forbids is sent to the local stack.

First people with recognisable data book (``bench/canaries.py``). Then schemathesis (in a virtualenv
of its own) asks as a customer, as a mechanic and as an admin: no 5xx, no status, type or shape that
``docs/openapi.json`` does not tell of. At last all that was logged is searched for their data. The
seed is printed; the same seed asks the same.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from bench import canaries, results
from bench.canaries import ADMIN, CUSTOMER, MECHANIC, Api, Story
from local.errors import LocalStackError
from local.processes import ROOT
from local.stack import RunningStack, running_stack

SCHEMATHESIS = ROOT / ".venv-attack" / "bin" / "schemathesis"
CONFIGURATION = Path(__file__).with_suffix(".toml")
DOCUMENT = ROOT / "docs" / "openapi.json"
LEAST_CASES = 5_000

STRANGER, THIRD = "c-4799", "c-4713"

# What the document shows as examples of what people have: schemathesis sends that, too.
OF_THE_EXAMPLES = {
    "name": "Jo Driver",
    "mail": "jo@driver.example",
    "phone": "+14165550100",
    "plate": "CBXT 901",
    "mechanic's mail": "ada@mechanic.example",
    "mechanic's street": "12 Queen Street West",
    "about the mechanic": "Twelve years with Honda dealers",
    "push token": "the-token-that-the-app-got-from-fcm",
}
Ids = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Report:
    """What schemathesis has to say of one user's turn."""

    user: str
    cases: int
    seconds: float
    failures: Counter[str]
    errors: list[str]
    text: str
    is_complete: bool


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make attack", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="(default: any)")
    parser.add_argument("--examples", type=int, default=5, help="fuzzed, a call (default 5)")
    parser.add_argument("--keep-log", type=Path, help="where to keep what was logged")
    return parser.parse_args()


def main() -> int:
    """Attack, print, and write down; 1 if anything was found."""
    options, screen = _options(), Console()
    if not SCHEMATHESIS.exists():
        screen.print("[red]Schemathesis is missing. `make attack` sets it up.[/]")
        return 1
    screen.print(f'The seed is {options.seed}: make attack ARGS="--seed {options.seed}"')
    try:
        with tempfile.TemporaryDirectory(prefix="dispatch-attack-") as name:
            folder = Path(name)
            log = options.keep_log or folder / "stack.log"
            with running_stack(template=_talkative(folder), log=log) as stack:
                reports, secrets = _attack(options, screen, stack, folder)
            logged = log.read_text(encoding="utf-8", errors="replace")
    except (LocalStackError, AssertionError, httpx.HTTPError) as error:
        screen.print(f"The stack failed: {error}", style="bold red", markup=False)
        return 1
    faults = [*_faults_of(reports), *_faults_in(logged, secrets)]
    _report(options, screen, reports, logged, faults)
    return 1 if faults else 0


def _talkative(folder: Path) -> Path:
    """The template with functions that log on every level."""
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    talkative, changes = re.subn(r"POWERTOOLS_LOG_LEVEL: INFO", "POWERTOOLS_LOG_LEVEL: DEBUG", text)
    assert changes, "the template says how much functions log"
    for name in ("functions", "layers"):  # where the template says they are
        (folder / name).symlink_to(ROOT / name)
    (folder / "template.yaml").write_text(talkative, encoding="utf-8")
    return folder / "template.yaml"


def _attack(
    options: argparse.Namespace, screen: Console, stack: RunningStack, folder: Path
) -> tuple[list[Report], list[str]]:
    """What was found as each user, and the secrets that were used."""
    api = _Http(stack)
    screen.print(f"People book on {stack.url} ...")
    story = canaries.play(api)
    _lift_quotas(story, api)
    ids = _ids(story, api)
    _write_document(folder)
    users = {"customer": CUSTOMER, "mechanic": MECHANIC, "admin": ADMIN, "stranger": STRANGER}
    tokens = {group: api.token(_group(group), user_id) for group, user_id in users.items()}
    _write_users(folder, tokens)
    reports = []
    for user in ("customer", "mechanic", "admin"):
        screen.print(f"Asking as {user} ...")
        reports.append(_ask_as(user, tokens[user], options, stack, folder, ids))
        screen.print(f"  {reports[-1].cases} cases, {reports[-1].failures.total()} failures")
    stack.drain()
    return reports, [*api.tokens.values(), *tokens.values()]


def _group(user: str) -> str:
    return "customer" if user == "stranger" else user


class _Http:
    """How the people of ``canaries`` call the stack."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack
        self._http = httpx.Client(base_url=stack.url, timeout=60)
        self.tokens: dict[tuple[str, str], str] = {}

    def token(self, group: str, user_id: str) -> str:
        if (group, user_id) not in self.tokens:
            self.tokens[group, user_id] = self._stack.token(group, user_id)
        return self.tokens[group, user_id]

    def call(
        self,
        group: str | None,
        user_id: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: str = "",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        signed = {"authorization": f"Bearer {self.token(group, user_id)}"} if group else {}
        response = self._http.request(
            method,
            f"{path}?{query}" if query else path,
            headers=signed | (headers or {}),
            json=body,
        )
        return response.status_code, response.json() if response.content else None

    def settle(self) -> None:
        self._stack.drain()

    def pass_time(self, seconds: int) -> None:
        self._stack.advance(seconds)


def _lift_quotas(story: Story, api: Api) -> None:
    """So that who asks without end meets bugs, and not 429."""
    policy = story.admin("GET", "/admin/policy")
    quotas = dict.fromkeys(policy["quotas"], 1_000_000)
    story.admin("PUT", "/admin/policy", policy | {"quotas": quotas})
    api.pass_time(60)  # by then everybody has read it


def _ids(story: Story, api: _Http) -> Ids:
    """The ids of what is there: the customer's own, and what is none of theirs."""
    story.mechanic("POST", "/mechanic/clock", {"action": "clock_in"})
    api.settle()
    of_third = story.seek(lambda *call, **more: story.ask(("customer", THIRD), *call, **more))
    offered = story.mechanic("GET", "/mechanic/queue")["mine"]
    sessions = [row["id"] for row in story.customer("GET", "/sessions")["items"]]
    told = [
        *story.customer("GET", "/notifications")["items"],
        *story.mechanic("GET", "/notifications")["items"],
    ]
    ids = {
        "session_id": [*sessions, of_third],
        "assignment_id": [row["id"] for row in offered],
        "notification_id": [notice["id"] for notice in told][:10],
        "vehicle_id": [car["id"] for car in story.customer("GET", "/customer/vehicles")["items"]],
        "entry_id": [place["id"] for place in story.customer("GET", "/customer/waitlist")["items"]],
        "mechanic_id": [MECHANIC],
        "customer_id": [CUSTOMER, THIRD],
        "device_id": ["phone"],
    }
    missing = [name for name, found in ids.items() if not found]
    if missing:
        raise AssertionError(f"the people have left no {', '.join(missing)}")
    return ids


def _write_document(folder: Path) -> None:
    """The document without "any other error", by which every status would be documented."""
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    for operations in document["paths"].values():
        for operation in operations.values():
            del operation["responses"]["default"]
    (folder / "openapi.json").write_text(json.dumps(document), encoding="utf-8")


def _write_users(folder: Path, tokens: dict[str, str]) -> None:
    users = [
        {
            "name": user,
            "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {token}"}],
        }
        for user, token in tokens.items()
    ]
    (folder / "users.json").write_text(json.dumps({"auth": users}), encoding="utf-8")


def _configuration(user: str, folder: Path, ids: Ids) -> Iterator[str]:
    yield CONFIGURATION.read_text(encoding="utf-8").replace(
        'hooks = "bench/', f'hooks = "{CONFIGURATION.parent}/'
    )
    for name, values in ids.items():
        yield f"[dictionaries.{name}]\nvalues = {json.dumps(values)}"
    yield "[parameters]"
    for name in ids:
        yield f'"path.{name}" = {{ dictionary = "{name}", probability = 0.7 }}'
    for name in ("vehicle_id", "mechanic_id"):
        yield f'"body.{name}" = {{ dictionary = "{name}", probability = 0.5 }}'
    yield f"[auth.wfc]\npath = {json.dumps(str(folder / 'users.json'))}\nuser = {json.dumps(user)}"
    if user == "customer":  # who must not see what the other has
        yield 'peers = ["customer", "stranger"]'


def _ask_as(
    user: str,
    token: str,
    options: argparse.Namespace,
    stack: RunningStack,
    folder: Path,
    ids: Ids,
) -> Report:
    configuration, told = folder / f"{user}.toml", folder / f"{user}.json"
    configuration.write_text("\n".join(_configuration(user, folder, ids)), encoding="utf-8")
    done = subprocess.run(
        [
            *(SCHEMATHESIS, "--config-file", configuration, "run", folder / "openapi.json"),
            *("--url", stack.url, "--seed", str(options.seed), "-n", str(options.examples)),
            *("--report", "json", "--report-json-path", told, "--no-color"),
            *("--phases", "examples,coverage,fuzzing,stateful", "--mode", "all"),
        ],
        cwd=folder,
        env={
            "PATH": os.environ.get("PATH", os.defpath),
            "ATTACK_URL": stack.url,
            "ATTACK_TOKEN": token,
            "NO_PROXY": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if not told.exists():
        raise LocalStackError(f"schemathesis did not ask: {done.stdout[-3000:]} {done.stderr}")
    report = json.loads(told.read_text(encoding="utf-8"))
    return Report(
        user=user,
        cases=report["test_cases"]["generated"],
        seconds=report["running_time"],
        failures=Counter({each["title"]: each["count"] for each in report["failures"]}),
        errors=[str(error) for error in report["errors"]],
        text=done.stdout,
        is_complete=report["complete"],
    )


def _faults_of(reports: Iterable[Report]) -> Iterator[str]:
    cases = 0
    for report in reports:
        cases += report.cases
        for title, count in report.failures.items():
            yield f"as {report.user}: {title} ({count})"
        yield from (f"as {report.user}: {error}" for error in report.errors)
        if not report.is_complete:
            yield f"as {report.user}: not everything was asked"
    if cases < LEAST_CASES:
        yield f"{cases} cases are fewer than {LEAST_CASES}: ask for more --examples"


# What was logged

_ANSWERED = re.compile(r"^gateway \| .* (\d{3}) \d+ ms$", re.MULTILINE)
"""The lines of the gateway, which are not a function's."""

_LIMIT = (
    "Most are refusals: everybody is asked every call, of which a third are for others, and half of"
    " the data is wrong on purpose. Next step: bodies that go on from what was answered before."
)

_BUGS = ("unhandled", "record failed; it will come again", "Traceback (most recent call last)")


def _faults_in(logged: str, secrets: Iterable[str]) -> Iterator[str]:
    """Whoever's data was logged, and every bug that was."""
    lines = [line for line in logged.splitlines() if not line.startswith("gateway | ")]
    text = "\n".join(lines)
    if '"level":"DEBUG"' not in text and '"level":"INFO"' not in text:
        yield "nothing was logged"
    for name in sorted(canaries.found_in(text)):
        yield f"logged: {name}"
    for name, example in OF_THE_EXAMPLES.items():
        if example.casefold() in text.casefold():
            yield f"logged: {name} of the document's examples"
    if any(secret in text for secret in secrets):
        yield "logged: an access token"
    for bug in _BUGS:
        if bug in text:
            yield f"logged {text.count(bug)} times: {bug}"


def _report(
    options: argparse.Namespace,
    screen: Console,
    reports: list[Report],
    logged: str,
    faults: list[str],
) -> None:
    for report in reports:
        if report.failures or report.errors:
            screen.print(report.text, markup=False, highlight=False)
    header = ["asked as", "cases", "failures", "seconds"]
    rows = [
        [each.user, f"{each.cases:,}", str(each.failures.total()), f"{each.seconds:.0f}"]
        for each in reports
    ]
    screen.print(results.table("The attack", header, rows))
    lines = sum(not line.startswith("gateway | ") for line in logged.splitlines())
    searched = (
        f"{lines:,} lines logged on all levels meanwhile, searched for {len(canaries.CANARIES)}"
        f" things of people's in all their forms, for {len(OF_THE_EXAMPLES)} of the document's"
        " examples and for access tokens."
    )
    statuses = Counter(_ANSWERED.findall(logged))
    answers = ", ".join(f"{count:,} x {status}" for status, count in sorted(statuses.items()))
    found = f"{len(faults)} FAULTS: {'; '.join(faults)}" if faults else "Nothing was found."
    screen.print(f"Answers: {answers}.\n{searched}")
    screen.print(found, style="red" if faults else "green", markup=False)
    about = (
        f"{sum(each.cases for each in reports):,} cases of schemathesis over `docs/openapi.json`,"
        f" seed {options.seed}, on the local stack: no 5xx, no status, type or shape that is not"
        " documented. All checks of schemathesis but two, in whose place are ours"
        " (`bench/attack.toml` says why)."
    )
    written = [results.where_and_when(), about, "", *results.markdown(header, rows), ""]
    results.write("attack", [*written, f"Answers: {answers}. {_LIMIT}", "", searched, "", found])


if __name__ == "__main__":
    sys.exit(main())
