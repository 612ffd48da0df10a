"""Matches at 1,000, 10,000 and 100,000 mechanics: one market that grows, in the real store."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice

from bench import account, lists, loading, matches, node
from bench.lists import Listed
from bench.loading import Loading
from bench.matches import Matched, Scene
from bench.mix import NOON, Market
from bench.progress import say
from dispatch.matching import service as matching
from dispatch.mechanics.rules import roster_entry

A_WHILE = timedelta(hours=1)
"""The lists are over by then."""
FROM_INDEX = 10_000
"""Mechanics. More are always loaded from snapshots."""


@dataclass(slots=True)
class AtSize:
    """What was measured at one size. ``bytes_per_mechanic`` is that of the loaded roster."""

    matched: Matched
    loadings: list[Loading] = field(default_factory=list)
    bytes_per_mechanic: int = 0
    lists: list[Listed] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Beside:
    """What is measured beside us: the version of Node, or why it is not."""

    node: str = ""
    why_not: str = ""


def measure(sizes: tuple[int, ...]) -> Iterator[Beside | AtSize]:
    """First what is measured beside us, then each size. Raises LocalStackError without ministack,
    and AssertionError where anybody's answers differ.
    """
    with account.an_account() as our_account, ExitStack() as stack:
        product = None
        say("starting Node and PostgreSQL")
        try:
            product = stack.enter_context(node.running())
            yield Beside(node=product.version)
        except node.Missing as missing:
            yield Beside(why_not=str(missing))
        scene = Scene(our_account, product)
        everybody = Market().mechanics(max(sizes))
        now = NOON
        for size in sizes:
            new = list(islice(everybody, size - len(scene.entries)))
            say(f"{size:,} mechanics: writing them")
            now = account.fill(new, now)
            scene.join(map(roster_entry, new))
            scene.presence.join(new, now)
            loadings = []
            if size <= FROM_INDEX:
                say(f"{size:,} mechanics: loading from the index")
                loadings.append(loading.load("index", size, now))
            say(f"{size:,} mechanics: making snapshots")
            matching.renew_snapshots(now)
            if size >= FROM_INDEX:
                say(f"{size:,} mechanics: loading from snapshots")
                loadings.append(loading.load("snapshot", size, now))
            say(f"{size:,} mechanics: matching")
            matched, now = matches.measure(scene, now)
            say(f"{size:,} mechanics: matching, offering, listing")
            listed = list(lists.measure(scene, now))
            now += A_WHILE
            memory = 0
            if size == max(sizes):
                say(f"{size:,} mechanics: measuring memory")
                memory = loading.memory(now) // size
            yield AtSize(matched, loadings, memory, listed)
