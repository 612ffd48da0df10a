"""``make bench``: measures, prints and writes ``bench/RESULTS.md``."""

from collections.abc import Iterator

from bench import calendars, lists, matches, presence, ranking, results, routes, scale
from bench.lists import Listed
from bench.loading import Loading
from bench.matches import Matched
from bench.progress import say
from bench.ranking import Ranking
from bench.routes import Route
from bench.scale import AtSize, Beside
from bench.timing import Times
from dispatch.matching.model import Among
from local.errors import LocalStackError

SIZES = (1_000, 10_000, 100_000)
AIMS = {1_000: 1, 10_000: 10, 100_000: 100}
"""How many times as long as ours a match of the Node product is to take."""

_LIMITS = {
    1_000: "three calls in turn (the list of partitions, then a query for each country that may"
    " matter), each a millisecond or more of botocore's and the emulator's; PostgreSQL is asked"
    " once. Next: the three at once, in threads.",
    10_000: "three calls in turn, each a millisecond or more of botocore's and the emulator's, and"
    " every other match reads again what changed in 120 s, 68 rows. Next: the three at once, in"
    " threads.",
    100_000: "three calls in turn, more than half of it, and the 28 rows that changed in the last"
    " 5 s, which every match reads again, every tenth also the 680 of 120 s: botocore takes 30 µs"
    " to parse a row, the emulator more than that to make one. Next: the three at once, in threads;"
    " one attribute less for each that a change leaves alone.",
}
"""What a match waits for where it misses its aim, and the next step."""

_WHO = {Among.FREE: "who are free", Among.ALL: "whatever their presence"}

_ELSEWHERE = """
How built functions start is measured by `make bench-starts`, in instructions. Here it is processor
time, turn by turn with what it is compared to: instructions would take a start under valgrind, half
a minute, for each route and match.
"""

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

_MATCHES = f"""\
## Matches

One match ({matches.MATCHES} of them, the best {matches.TOP} of who is free) through the store's own
code: what changed is read, then ranked. The table is ministack's, the bucket moto's, both on this
machine and sharing its cores: their work is in the times, a network is not. Presence changes in
between as often as it really does (`bench/presence.py`). Beside it, turn by turn, for the same
requests on the same state, and asserted equal in ids, order and scores:

- *Node*: as such products do it, a Node process with node-postgres fetches every approved mechanic
  from PostgreSQL on this machine, drops who cannot be offered anything, scores the rest and sorts
  (`bench/node_product/product.js`);
- *sifted*: the same, but PostgreSQL sends only who is free;
- *Python*: everybody is in memory already, and is scored (`bench/brute.py`).

Wall-clock milliseconds, p50 / p95. "Processor" is that of our own process alone, p50: what would be
left if the table answered at once.

| mechanics | changes/s | ours | processor | Node | sifted | Python | Node/ours | Node/processor |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|"""

_READING = """
What a match reads, of the table, and what the first one of a new instance takes (a country is
loaded first):

| mechanics | a match every | calls | read units | rows read | entries refreshed | first match ms |
|---:|---:|---:|---:|---:|---:|---:|"""

_SLOW = {
    "queue": "a get and three queries, one after the other; next: ask the two lists at once",
    "available": "a query for the week of each mechanic shown, one after the other; next: ask them"
    " at once, or keep the next free hour beside the calendar",
    "slots": "a week of 24 hours a day is 650 slots, and most of the time goes into writing their"
    " four times each; next: write them without a model for each",
    "signed": "seven calls, one after the other, four of them on the way to the ranking; next: read"
    " session and policy at once",
}
"""What a request waits for where it misses its target, and the next step."""

_LISTS = f"""
## What is asked for most

{lists.REQUESTS} of each through the functions' own handlers, on the same table, presence changing
in between and nothing kept from the request before. Calls and read units are means, milliseconds
p50 / p95, "processor" is that of our process, p50. The queue has {lists.OFFERED} offers and
{lists.BROADCAST} broadcasts; whoever is in the available list has a calendar; the slots are those
of a week with 24 hours a day. Targets are those of the products. The emulators' work is in the
times; a round trip inside AWS, some 2 to 5 ms for each call, is not.

| request | mechanics | calls | read units | ms | processor | target | |
|---|---:|---|---:|---:|---:|---:|---|"""

_ROUTES = f"""
## Routes

A warm request of each route, all of it but the network: HTTP is stubbed under botocore and answers
at once what the tests' own table answered. Beside it the calls that it makes, by a plain
`boto3.client` and by one set up as ours is. Processor time, p50 of {routes.ROUNDS}, turn by turn.
A status that is no success is what a refusal costs.

| route | status | calls | ms | times plain boto3 | times our client |
|---|---:|---|---:|---:|---:|"""

_LOADING = """\
## Loading

Through the store's own code, from nothing to the first ranking, all countries. Processor time is
that of our own process.

| from | mechanics | seconds | of which processor | processor µs per mechanic |
|---|---:|---:|---:|---:|"""


def main() -> None:
    """Measure, print as it is measured, and write down."""
    lines = []
    for line in _report():
        print(line, flush=True)
        lines.append(line)
    results.write("bench", lines)


def _report() -> Iterator[str]:
    yield results.where_and_when()
    yield _ELSEWHERE
    yield _RANKING
    changes = []
    for count in SIZES:
        say(f"ranking among {count:,}")
        measured = ranking.measure(count)
        yield from map(_ranking_row, measured.rankings)
        changes.append(f"{measured.change_us:.0f} µs among {count:,}")
    yield f"\n- To take over one clock-in or clock-out: {', '.join(changes)}."
    yield ""
    yield _SLOTS
    say("finding slots")
    slots = calendars.measure()
    yield (
        f"- {slots.calendar_us:.0f} µs per mechanic and day ({slots.found:,} slots in all); the"
        f" reference {slots.reference_us:,.0f} µs: {slots.times_faster:,.0f} times as long."
    )
    yield _ROUTES
    say("asking each route")
    yield from map(_route_row, routes.measure())
    yield ""
    try:
        yield from _at_scale()
    except LocalStackError as error:
        yield f"Matches and lists were not measured. {error}"


def _ranking_row(measured: Ranking) -> str:
    return (
        f"| {measured.mechanics:,} | {_WHO[measured.among]} "
        f"| {measured.roster_p50:.2f} / {measured.roster_p95:.2f} "
        f"| {measured.brute_p50:.1f} / {measured.brute_p95:.1f} "
        f"| {measured.times_faster:.1f} |"
    )


def _at_scale() -> Iterator[str]:
    yield _MATCHES
    measured: list[AtSize] = []
    remark = ""
    for found in scale.measure(SIZES):
        match found:
            case Beside():
                remark = f"- Node {found.node}." if found.node else f"- No Node. {found.why_not}"
            case AtSize():
                yield _match_row(found.matched)
                measured.append(found)
    yield ""
    yield remark
    yield from (_verdict(each.matched) for each in measured if each.matched.product.ms)
    yield _READING
    yield from (_reading_row(each.matched) for each in measured)
    yield ""
    yield _LOADING
    yield from (_loading_row(loaded) for each in measured for loaded in each.loadings)
    yield ""
    yield f"- Memory of a loaded roster: {measured[-1].bytes_per_mechanic:,} bytes per mechanic."
    yield _LISTS
    listed = [listed for each in measured for listed in each.lists]
    yield from map(_list_row, listed)
    yield ""
    yield from dict.fromkeys(_why_slow(each) for each in listed if not each.meets_target)


def _verdict(of: Matched) -> str:
    aim, seen = AIMS.get(of.mechanics, 1), of.product.p50 / of.ours.p50
    told = f"- Among {of.mechanics:,}: {seen:.1f} times as fast as Node, aimed at {aim}"
    return f"{told}." if seen >= aim else f"{told}. Missed by {_LIMITS.get(of.mechanics, '')}"


def _match_row(of: Matched) -> str:
    changes = f"{presence.CHANGES_PER_MATCH / of.gap.total_seconds():.2f}"
    cells = [f"{of.mechanics:,}", changes, _ms(of.ours), f"{of.ours.processor:.1f}"]
    if of.product.ms:
        cells += [_ms(of.product), _ms(of.sifted), _ms(of.brute)]
        cells += [f"{of.product.p50 / ours:.1f}" for ours in (of.ours.p50, of.ours.processor)]
    else:
        cells += ["", "", _ms(of.brute), "", ""]
    return f"| {' | '.join(cells)} |"


def _ms(times: Times) -> str:
    return f"{times.p50:,.1f} / {times.p95:,.1f}"


def _reading_row(of: Matched) -> str:
    gap_s = of.gap.total_seconds()
    return (
        f"| {of.mechanics:,} | {gap_s:.1f} s | {of.calls:.1f} | {of.read_units:.1f}"
        f" | {of.rows_read:.1f} | {of.entries_refreshed:.1f} | {of.cold.p50:,.0f} |"
    )


def _list_row(of: Listed) -> str:
    calls = ", ".join(f"{n / lists.REQUESTS:.3g} {name}" for name, n in sorted(of.calls.items()))
    verdict = "met" if of.meets_target else "missed"
    return (
        f"| {of.name} | {of.mechanics:,} | {calls} | {of.read_units / lists.REQUESTS:.1f}"
        f" | {_ms(of.times)} | {of.times.processor:.1f} | < {of.target_ms} ms | {verdict} |"
    )


def _why_slow(of: Listed) -> str:
    reasons = [reason for word, reason in _SLOW.items() if word in of.name]
    return f"- Missed by {of.name}: {'; '.join(reasons)}."


def _route_row(of: Route) -> str:
    calls = ", ".join(f"{number} {name}" for name, number in of.calls.items()) or "none"
    ratios = [f"{of.ms / floor:.2f}" if of.calls else "" for floor in (of.bare_ms, of.tuned_ms)]
    return f"| {of.route} | {of.status} | {calls} | {of.ms:.2f} | {ratios[0]} | {ratios[1]} |"


def _loading_row(loaded: Loading) -> str:
    each_us = loaded.processor_s / loaded.mechanics * 1_000_000
    return (
        f"| {loaded.source} | {loaded.mechanics:,} | {loaded.seconds:.2f}"
        f" | {loaded.processor_s:.2f} | {each_us:.0f} |"
    )


if __name__ == "__main__":
    main()
