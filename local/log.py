"""Where the stack writes: everything to a file, what a person wants to see to the terminal too."""

import sys
from typing import IO

from rich.console import Console


class Log:
    """Lines with the name of who wrote them."""

    def __init__(self, file: IO[str], console: Console | None = None) -> None:
        self.file = file
        self.console = console or Console(stderr=True, highlight=False, file=sys.stderr)

    def write(self, name: str, line: str) -> None:
        """A line of a function's output: to the file."""
        self.file.write(f"{name} | {line}\n")
        self.file.flush()

    def request(self, line: str) -> None:
        """A request the gateway answered: to both."""
        self.write("gateway", line)
        self.console.print(line, style="dim", markup=False)

    def problem(self, line: str) -> None:
        """Something went wrong: to both."""
        self.write("stack", line)
        self.console.print(line, style="red", markup=False)
