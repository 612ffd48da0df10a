"""The template, deployed once for all stories of a run, and the people they are about.

``make e2e-deploy`` runs it; nothing else collects it. Output of functions and of ministack is in
``.local/deployed.log``.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench import results
from local import processes
from local.errors import LocalStackError
from tests.deployed.account import running_account
from tests.deployed.deploying import Deployed, deploy, logged
from tests.deployed.town import Seeding, Town, Users
from tests.e2e.people import Document, Person, answer

LOG = processes.ROOT / ".local" / "deployed.log"
FUNCTIONS_LOG = LOG.with_name("deployed-functions.log")
WINDOWS: Document = {"offer_s": 40, "claim_s": 20}
"""Seconds of the policy that stories wait for, in real time."""

Say = Callable[[str], None]

_deployed = pytest.StashKey[Deployed]()
_where = pytest.StashKey[str]()
_begun = pytest.StashKey[float]()
_reports: list[pytest.TestReport] = []


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[_where] = results.where_and_when()
    session.config.stash[_begun] = time.monotonic()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("deployed")


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Say:
    """Tell on the terminal what is going on."""
    plugins = request.config.pluginmanager
    capture: Any = plugins.get_plugin("capturemanager")
    terminal: Any = plugins.get_plugin("terminalreporter")
    begun = time.monotonic()

    def tell(what: str) -> None:
        with capture.global_and_fixture_disabled():
            terminal.ensure_newline()
            terminal.write_line(f"{time.monotonic() - begun:6.1f} s  {what}")

    return tell


@pytest.fixture(scope="session")
def deployed(request: pytest.FixtureRequest, say: Say) -> Iterator[Deployed]:
    """The stack, until all stories are told."""
    LOG.parent.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="dispatch-deployed-") as folder,
        LOG.open("w") as log,
    ):
        try:
            with running_account(_functions_python(), Path(folder), log) as account:
                say(f"ministack answers at {account.url}; it logs to {LOG}")
                stack = request.config.stash[_deployed] = deploy(account, say)
                say(f"its API answers at {stack.api_url}")
                yield stack
                FUNCTIONS_LOG.write_text("\n".join(logged(stack)), encoding="utf-8")
                say(f"stopping; what functions logged is in {FUNCTIONS_LOG}")
        except LocalStackError as error:
            pytest.exit(str(error), returncode=1)


def _functions_python() -> Path:
    found = os.environ.get("FUNCTIONS_PYTHON", "")
    if not found:
        raise LocalStackError("Run it by `make e2e-deploy`, which finds Python 3.13.")
    return Path(found)


@pytest.fixture(scope="session")
def http(deployed: Deployed) -> Iterator[httpx.Client]:
    """A caller without a token."""
    # ``verify=False``: plain HTTP, no certificates to load, which takes longer than a test.
    with httpx.Client(base_url=deployed.api_url, timeout=120, verify=False) as client:
        yield client


@pytest.fixture(scope="session")
def users(deployed: Deployed, http: httpx.Client) -> Users:
    return Users(deployed, http)


@pytest.fixture(scope="session")
def admin(users: Users, say: Say) -> Person:
    """Somebody who has shortened the policy's windows, before any other function went by them."""
    admin = users.join(users.sign_up(), "admin")
    policy = answer(admin.get("/admin/policy"))
    answer(admin.call("PUT", "/admin/policy", policy | WINDOWS))
    say(f"the policy's windows are short: {_windows()}")
    return admin


@pytest.fixture(scope="session")
def seeding(deployed: Deployed, admin: Person) -> Seeding:
    return Seeding(deployed)


@pytest.fixture
def town(users: Users, seeding: Seeding) -> Town:
    """Customers and mechanics apart from every other story's."""
    return Town(users, seeding)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _reports.append(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run of all stories is written down, whatever became of them."""
    told = [report for report in _reports if report.when == "call"]
    deployed = session.config.stash.get(_deployed, None)
    if deployed is None or session.config.option.keyword or len(told) < session.testscollected:
        return
    failed = {report.nodeid for report in _reports if report.failed}
    rows = [
        [
            report.nodeid.rpartition("::test_")[2].replace("_", " "),
            "failed" if report.nodeid in failed else "passed",
            f"{report.duration:.0f}",
        ]
        for report in told
    ]
    seconds = time.monotonic() - session.config.stash[_begun]
    lines = [
        session.config.stash[_where],
        f"{len(told) - len(failed)} of {len(told)} stories passed, {seconds:.0f} s in all: "
        f"{deployed.uploaded_s:.0f} s to upload the artifacts, {deployed.created_s:.0f} s until "
        f"CloudFormation had made {len(deployed.resources)} resources and {deployed.routes} routes "
        "were added to them. Functions start when they are first called: the first stories pay "
        f"for it. Time is real, and stories wait for the policy's windows ({_windows()}).",
        "",
        *results.markdown(["story", "", "seconds"], rows),
    ]
    results.write("e2e-deploy", lines)


def _windows() -> str:
    return ", ".join(f"`{name}` {seconds}" for name, seconds in WINDOWS.items())
