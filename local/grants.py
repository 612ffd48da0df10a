"""``python -m local.grants FILE``: is more granted to functions than they used while tests ran?

The stack and the tests write to the file that GRANTS names (``local.roles``). What a role allows
and no test has used is too much, unless it stands here with why no test can use it. That a function
does nothing that its role does not allow is checked when it does it: it is refused.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

Use = tuple[str, str, str]
"""A function, an action, and the resource as the template has it."""

_TABLE = "${TableArnInUse.Value}"
_SETTLED = "what deadlines made of a session is written first, by one use case for all functions: "
_NO_SLOT = _SETTLED + "no session that is in a queue has a slot"
UNUSED: dict[Use, str] = {
    ("QueueFunction", "dynamodb:BatchGetItem", _TABLE): _NO_SLOT,
    ("QueueFunction", "dynamodb:DeleteItem", _TABLE): _NO_SLOT,
    ("QueueFunction", "dynamodb:Query", _TABLE): _NO_SLOT,
    ("PaymentsFunction", "dynamodb:BatchGetItem", _TABLE): (
        _SETTLED + "a hold frees its slot by being over, unless it is called off"
    ),
    ("PaymentsFunction", "dynamodb:Query", f"{_TABLE}/index/by_mechanic"): (
        _SETTLED + "no session that awaits payment has a mechanic, whose shift might end with it"
    ),
    ("AccountsFunction", "dynamodb:Query", f"{_TABLE}/index/by_mechanic"): (
        _SETTLED + "nobody is erased while theirs has a mechanic, whose shift might end with it"
    ),
    ("IntakeFunction", "s3:DeleteObject", "${UploadsBucket.Arn}/attachments/*"): (
        "a copy is deleted where the file was rejected between two reads"
    ),
}


def main(file: Path) -> int:
    """Say what is wrong; the exit code."""
    found = {"granted": set[Use](), "used": set[Use](), "refused": set[Use]()}
    for line in file.read_text().splitlines():
        note = json.loads(line)
        found[note["what"]].add((note["function"], note["action"], note["resource"]))
    problems = [*_problems(**found)]
    for problem in problems:
        print(problem)
    granted, used = len(found["granted"]), len(found["used"])
    print(f"{granted} permissions of functions, {used} of them used, {len(UNUSED)} with a reason")
    return 1 if problems else 0


def _problems(granted: set[Use], used: set[Use], refused: set[Use]) -> Iterable[str]:
    if not granted:
        yield "No stack has run: nothing is known."
    for use in sorted(refused):
        yield f"{' '.join(use)}: was needed, and its role does not allow it"
    for use in sorted(granted - used - UNUSED.keys()):
        yield f"{' '.join(use)}: its role allows it, and nothing used it"
    for use in sorted(UNUSED.keys() - granted):
        yield f"{' '.join(use)}: has a reason, and no role allows it"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
