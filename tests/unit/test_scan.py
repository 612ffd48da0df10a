"""``make scan``: what it passes over has a reason, and is there."""

from pathlib import Path
from typing import Any

import pytest

from tools import scan
from tools.scan import SKIPS, ScanError, judged, not_asked_of, skips_in, vulnerable


def test_every_skip_of_ours_has_a_reason() -> None:
    read = {file.stem: skips_in(file.read_text()) for file in SKIPS.iterdir()}
    assert set(read) == {"bandit", "checkov", "pip-audit"}
    assert len(read["checkov"]) > 5


def test_a_skip_without_a_reason_is_none() -> None:
    with pytest.raises(ScanError):
        skips_in("# Skips\nCKV_1\n")


def test_a_skip_is_of_a_check_or_of_a_check_on_something() -> None:
    skips = skips_in("A Not of any use here.\nB@table Not of any use here.\n")
    findings = [("A", "x", ""), ("B", "table", ""), ("B", "queue", "open")]
    assert judged(findings, skips) == ([("B", "queue", "open")], set())


def test_a_skip_that_nothing_needs_is_found() -> None:
    assert judged([], {"A": "why"}) == ([], {"A"})


def test_what_the_database_tells_and_what_it_does_not_know() -> None:
    found = {"id": "PYSEC-1", "fix_versions": ["2.0"]}
    packages: list[dict[str, Any]] = [
        {"name": "good", "version": "1.0", "vulns": []},
        {"name": "bad", "version": "1.0", "vulns": [found]},
        {"name": "unknown", "skip_reason": "not found"},
    ]
    assert list(vulnerable(packages)) == [("PYSEC-1", "bad", "bad 1.0, fixed in 2.0")]
    assert not_asked_of(packages) == ["unknown"]


def test_one_lock_that_is_not_audited_hides_nothing_of_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"id": "PYSEC-1", "fix_versions": ["2.0"]}

    def told(lock: Path) -> list[dict[str, Any]]:
        if lock.name == "requirements-dev.txt":
            raise ScanError("a hash is missing")
        return [{"name": "bad", "version": "1.0", "vulns": [found] * is_bad}]

    monkeypatch.setattr(scan, "_pip_audit", told)
    for is_bad in (True, False):
        assert not scan._audit()
        printed = capsys.readouterr().out
        assert "not audited: a hash is missing" in printed
        assert ("bad 1.0, fixed in 2.0" in printed) is is_bad
