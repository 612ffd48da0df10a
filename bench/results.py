"""``RESULTS.md``: one part for each tool that measures, written anew by that tool alone."""

import os
import platform
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

RESULTS = Path(__file__).with_name("RESULTS.md")


def where_and_when() -> str:
    """The line under which the figures of a run stand."""
    return (
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; load before the run {os.getloadavg()[0]:.1f}\n"
        f"- {_processor()}, {os.cpu_count()} cores; Python {platform.python_version()}\n"
    )


def write(part: str, lines: Iterable[str], results: Path = RESULTS) -> None:
    """Replace one part, or put it at the end; the others stay as they are."""
    text = results.read_text(encoding="utf-8")
    begin, end = f"<!-- {part} -->", f"<!-- end of {part} -->"
    new = "\n".join([begin, *lines, end])
    old = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    text = old.sub(lambda _: new, text) if old.search(text) else f"{text.rstrip()}\n\n{new}\n"
    results.write_text(text, encoding="utf-8")


def table(title: str, header: list[str], rows: Iterable[list[str]]) -> Table:
    """A table for the terminal, numbers to the right."""
    shown = Table(header[0], title=title)
    for column in header[1:]:
        shown.add_column(column, justify="right")
    for row in rows:
        shown.add_row(*row)
    return shown


def markdown(header: list[str], rows: Iterable[list[str]]) -> list[str]:
    """The same for ``RESULTS.md``."""
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _processor() -> str:
    """The processor's name, where Linux tells it."""
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
