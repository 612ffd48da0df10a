"""What is granted and not used: told, unless there is a reason for it that still holds."""

import json
from pathlib import Path

import pytest

from local import grants

READ, WRITE = ("Act", "s3:GetObject", "${Bucket}/*"), ("Act", "s3:PutObject", "${Bucket}/*")


def told(tmp_path: Path, *notes: tuple[str, grants.Use], capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of these notes; nothing if all is well."""
    file = tmp_path / "grants"
    lines = [
        json.dumps({"what": what, "function": use[0], "action": use[1], "resource": use[2]})
        for what, use in notes
    ]
    file.write_text("\n".join(lines))
    code = grants.main(file)
    said = capsys.readouterr().out.splitlines()
    assert code == (1 if len(said) > 1 else 0)
    return "\n".join(said[:-1])


@pytest.fixture(autouse=True)
def _no_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grants, "UNUSED", {})


def test_what_is_granted_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notes = (("granted", READ), ("granted", WRITE), ("used", READ))
    assert told(tmp_path, *notes, capsys=capsys) == (
        "Act s3:PutObject ${Bucket}/*: its role allows it, and nothing used it"
    )
    assert told(tmp_path, *notes, ("used", WRITE), capsys=capsys) == ""


def test_what_was_refused_is_told_whoever_swallowed_the_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = (("granted", READ), ("used", READ), ("refused", WRITE))
    assert "PutObject ${Bucket}/*: was needed" in told(tmp_path, *notes, capsys=capsys)


def test_a_reason_holds_for_what_is_granted_and_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "UNUSED", {WRITE: "once in a lifetime"})
    used = (("granted", READ), ("used", READ))
    assert told(tmp_path, *used, ("granted", WRITE), capsys=capsys) == ""
    assert "no role allows it" in told(tmp_path, *used, capsys=capsys)


def test_without_a_stack_nothing_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "No stack" in told(tmp_path, ("used", READ), capsys=capsys)
