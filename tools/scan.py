"""``make scan``: checkov on the template, bandit on what is deployed, pip-audit on what is pinned.

What is passed over stands in ``tools/skips``, a line each with its reason. A line that nothing
needs any more is found, too. Runs on the standard library, in the virtualenv of the scanners.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SKIPS = Path(__file__).with_name("skips")
DEPLOYED = ("layers/domain", "functions", "ops")

Finding = tuple[str, str, str]
"""The check, on what, and what it says."""


class ScanError(Exception):
    """A scanner did not do its work."""


def skips_in(text: str) -> dict[str, str]:
    """Reasons by what is passed over. Raises ScanError for a line without a reason."""
    found = {}
    for line in text.splitlines():
        what, _, reason = line.partition(" ")
        if what and what != "#":
            if len(reason.split()) < 4:
                raise ScanError(f"{what} is passed over without a reason")
            found[what] = reason
    return found


def judged(findings: Iterable[Finding], skips: Mapping[str, str]) -> tuple[list[Finding], set[str]]:
    """What is left of the findings, and the skips that nothing needs."""
    left, used = [], set()
    for check, on, says in findings:
        passes = {check, f"{check}@{on}"} & skips.keys()
        used |= passes
        if not passes:
            left.append((check, on, says))
    return left, set(skips) - used


def _json_of(tool: str, *arguments: str) -> Any:
    """What a scanner of this virtualenv prints; that it finds something is no error."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name(tool)), *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise ScanError(f"{tool} did not work: {done.stderr[-2000:]}") from None


def _checkov() -> Iterator[Finding]:
    arguments = ("-f", "template.yaml", "--framework", "cloudformation", "--skip-download")
    told = _json_of("checkov", *arguments, "--compact", "-o", "json")
    if told["summary"]["parsing_errors"] or not told["summary"]["passed"]:
        raise ScanError("checkov could not read template.yaml")
    for each in told["results"]["failed_checks"]:
        yield each["check_id"], each["resource"].rpartition(".")[2], each["check_name"]


def _bandit() -> Iterator[Finding]:
    told = _json_of("bandit", "-r", *DEPLOYED, "-q", "-f", "json")
    if told["errors"]:
        raise ScanError(f"bandit could not read {told['errors']}")
    for each in told["results"]:
        yield each["test_id"], each["filename"], f"line {each['line_number']}: {each['issue_text']}"


def _pip_audit(lock: Path) -> list[dict[str, Any]]:
    arguments = ("--disable-pip", "--require-hashes", "--vulnerability-service", "pypi")
    told = _json_of("pip-audit", *arguments, "-f", "json", "-r", str(lock))
    return list(told["dependencies"])


def vulnerable(packages: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    for package in packages:
        for found in package.get("vulns", ()):
            fixed = ", ".join(found["fix_versions"]) or "nowhere yet"
            says = f"{package['name']} {package['version']}, fixed in {fixed}"
            yield found["id"], package["name"], says


def not_asked_of(packages: Iterable[Mapping[str, Any]]) -> list[str]:
    """The packages that the database did not tell anything of."""
    return [package["name"] for package in packages if "skip_reason" in package]


def _show(tool: str, findings: Iterable[Finding]) -> bool:
    """Print what one tool has found; whether that is nothing."""
    skips = skips_in((SKIPS / f"{tool}.txt").read_text(encoding="utf-8"))
    left, unused = judged(findings, skips)
    for check, on, says in left:
        print(f"{tool}: {check} on {on}: {says}")
    for what in sorted(unused):
        print(f"{tool}: {what} is passed over in tools/skips/{tool}.txt, and nothing needs it")
    if not left and not unused:
        print(f"{tool}: nothing, with {len(skips)} skips")
    return not left and not unused


def _audit() -> bool:
    locks = [*sorted(ROOT.glob("requirements*.txt")), *ROOT.glob("layers/*/requirements.txt")]
    packages, failed = list[dict[str, Any]](), list[ScanError]()
    for lock in locks:
        try:
            packages += _pip_audit(lock)
        except ScanError as error:
            failed.append(error)
    if failed and not packages:
        told = f"its database cannot be reached from here. {failed[0]}"
        print(f"pip-audit: NOTHING WAS AUDITED, {told}")
        return True
    not_asked = sorted(set(not_asked_of(packages)))
    if len(not_asked) == len({package["name"] for package in packages}):
        print(
            "pip-audit: NOTHING WAS AUDITED. PyPI's database of vulnerabilities told nothing of any"
            f" of {len(not_asked)} packages: it cannot be reached from here, or a mirror stands in"
            " for it. Run this where the index itself can be reached."
        )
        return True
    if not_asked:
        print(f"pip-audit: not audited: {', '.join(not_asked)}")
    for each in failed:
        print(f"pip-audit: not audited: {each}")
    return _show("pip-audit", vulnerable(packages)) and not not_asked and not failed


def main() -> int:
    """Scan, and print; 1 if anything was found."""
    try:
        clean = [_show("checkov", _checkov()), _show("bandit", _bandit()), _audit()]
    except ScanError as error:
        print(error)
        return 1
    return 0 if all(clean) else 1


if __name__ == "__main__":
    sys.exit(main())
