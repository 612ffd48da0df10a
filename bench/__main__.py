"""``make bench``: measures, prints and writes ``bench/RESULTS.md``."""

from collections.abc import Iterator

from bench import calendars, loading, ranking, results
from bench.loading import Results
from bench.ranking import Ranking
from dispatch.matching.model import Among
from local.errors import LocalStackError

SIZES = (1_000, 10_000, 100_000)

_WHO = {Among.FREE: "who are free", Among.ALL: "whatever their presence"}

_RANKING = f"""\
## Ranking

The best {ranking.TOP} with their reasons, {ranking.REQUESTS} requests, the roster beside brute
force, turn by turn, asserted equal in ids, order and scores. Processor time. The market is a hard
one: 15 % on shift, of whom 30 % busy; 0 to 6 keywords; half the customers in towns without
mechanics; one in five wants a brand specialist. Brute force looks at every mechanic, leanly
(`bench/brute.py`).

| mechanics | among those | roster p50 / p95 ms | brute force p50 / p95 ms | times faster |
|---:|---|---:|---:|---:|"""

_SLOTS = f"""\
## Slots

{calendars.MECHANICS} mechanics, {calendars.DAYS} days in which clocks change, {calendars.BOOKINGS}
bookings and holds; beside the reference that looks at every minute (`bench/by_minute.py`), asserted
equal. Processor time, without the table: that is two gets and one query per mechanic, however much
is booked (asserted in `tests/integration/test_calendar.py`).
"""

_LOADING = """\
## Loading and refreshing

Through the store's own code, from nothing to the first ranking. The table is ministack's, the
bucket moto's, both on this machine and sharing its cores: their work is in the times, a network is
not. Processor time is that of our own process. The snapshots of 100,000 were put there for the
purpose.

| from | mechanics | seconds | of which processor | processor µs per mechanic |
|---|---:|---:|---:|---:|"""


def main() -> None:
    lines = []
    for line in _report():
        print(line, flush=True)
        lines.append(line)
    results.write("bench", lines)


def _report() -> Iterator[str]:
    yield results.where_and_when()
    yield _RANKING
    changes = []
    for count in SIZES:
        measured = ranking.measure(count)
        yield from map(_ranking_row, measured.rankings)
        changes.append(f"{measured.change_us:.0f} µs among {count:,}")
    yield f"\n- To take over one clock-in or clock-out: {', '.join(changes)}."
    yield ""
    yield _SLOTS
    slots = calendars.measure()
    yield (
        f"- {slots.calendar_us:.0f} µs per mechanic and day ({slots.found:,} slots in all); the"
        f" reference {slots.reference_us:,.0f} µs: {slots.times_faster:,.0f} times as long."
    )
    yield ""
    yield _LOADING
    try:
        yield from _loading_rows(loading.measure())
    except LocalStackError as error:
        yield f"\nNot measured. {error}"


def _ranking_row(measured: Ranking) -> str:
    return (
        f"| {measured.mechanics:,} | {_WHO[measured.among]} "
        f"| {measured.roster_p50:.2f} / {measured.roster_p95:.2f} "
        f"| {measured.brute_p50:.1f} / {measured.brute_p95:.1f} "
        f"| {measured.times_faster:.1f} |"
    )


def _loading_rows(loaded_by: Results) -> Iterator[str]:
    for loaded in loaded_by.loadings:
        each_us = loaded.processor_s / loaded.mechanics * 1_000_000
        yield (
            f"| {loaded.source} | {loaded.mechanics:,} | {loaded.seconds:.2f}"
            f" | {loaded.processor_s:.2f} | {each_us:.0f} |"
        )
    refreshing = loaded_by.refreshing
    yield ""
    yield f"- Memory of a loaded roster: {loaded_by.bytes_per_mechanic:,} bytes per mechanic."
    yield (
        f"- {loading.MATCHES} matches {loading.BETWEEN_MATCHES.seconds} s apart among"
        f" {loading.WRITTEN:,} mechanics, {loading.CHANGES_BETWEEN} presence changes in between:"
        f" {refreshing.rows_read:.1f} rows read per match (120 s of overlap),"
        f" {refreshing.entries_refreshed:.1f} entries refreshed,"
        f" {refreshing.processor_ms:.0f} ms of processor time to refresh and rank."
    )


if __name__ == "__main__":
    main()
