"""The figures of ``make load``."""

import json

from bench.load import Call, calls_in, rows_of


def test_times_are_told_from_the_first_call_on() -> None:
    noted = [
        {"call": "GET /mechanic/queue", "at": 1005.5, "ms": 40, "failed": False},
        {"call": "POST /intake/start", "at": 1000.0, "ms": 30, "failed": True},
    ]
    queue, intake = calls_in(map(json.dumps, noted))
    assert queue == Call("GET /mechanic/queue", 5.5, 40, failed=False)
    assert (intake.at, intake.failed) == (0, True)


def test_percentiles_are_of_all_and_of_those_after_the_start() -> None:
    cold = [Call("GET /a", at, 3000, failed=False) for at in (0, 1)]
    warm = [Call("GET /a", 20 + n, n, failed=False) for n in range(1, 99)]
    other = Call("POST /b", 19.9, 7, failed=True)
    a, b, everything = rows_of([*cold, *warm, other], 50)
    assert a == ["GET /a", "100", "0", "2.0", "50", "95", "3,000", "94"]
    assert b == ["POST /b", "1", "1", "0.0", "7", "7", "7", ""]
    assert everything[:4] == ["all", "101", "1", "2.0"]
