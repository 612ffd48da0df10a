"""Two runs of one story compared: everything that is stored, was sent or is still to come.

Ids are drawn anew in each run, so states are compared up to a renaming of ids.
"""

import gzip
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from dispatch.core.events import PREFIX
from tests.fast.services import Push
from tests.fast.table import Row
from tests.fast.values import write_item
from tests.fast.world import FastWorld

_ULID = re.compile(r"([0-7][0-9A-HJKMNP-TV-Z]{25})")
_OF_IDS = re.compile(r"\b[0-9a-f]{40,64}\b|\bDUE#\d+|(?<=T\d\d)#\d\b")
"""What is made of ids without showing them: digests, and shards."""

_INSTANT = re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(Z|\+00:00)|\b\d{10}\b")

_ROUNDS = 4


@dataclass(frozen=True)
class State:
    """``things`` are texts that tell all there is.

    A push or mail counts once however often it went out; ``repeats`` are those that went out
    again, the same to the letter, and so with the same collapse id.
    """

    things: list[str]
    repeats: int

    @cached_property
    def by_age(self) -> Counter[str]:
        """Ids numbered in the order of their making."""
        ids = sorted({id_ for thing in self.things for id_ in _parts(thing)[1::2]})
        return Counter(
            _renamed(self.things, {id_: f"<{number}>" for number, id_ in enumerate(ids)})
        )


def state_of(world: FastWorld, *, without: Set[str] = frozenset(), timeless: bool = False) -> State:
    """How everything stands, but for the facts of some types; ``timeless``: and whenever."""
    sent = [_push_as_text(each) for each in world.topic.pushes if _counts(each)]
    sent += [f"mail {each}" for each in world.mail.mails]
    things = [*_stored(world, without), *_to_come(world), *set(sent)]
    if timeless:
        things = [_without_instants(thing) for thing in things]
    return State(things, len(sent) - len(set(sent)))


# Most of a state is as it was before the story: its texts are made once.


@lru_cache(10_000)
def _push_as_text(push: Push) -> str:
    return f"push {_TTL.sub('#s', str(push))}"


@lru_cache(50_000)
def _without_instants(thing: str) -> str:
    return _INSTANT.sub("then", thing)


def _stored(world: FastWorld, without: Set[str]) -> Iterator[str]:
    in_use = set()
    for row in world.table.rows():
        is_left_out = row.item["sk"][1].startswith(PREFIX) and row.item["type"][1] in without
        if not is_left_out and row.item["entity"][1] not in _OF_REQUESTS:
            yield _item_as_text(row)
        if "endpoint_arn" in row.item:
            in_use.add(row.item["endpoint_arn"][1])
    for name, content in world.bucket.objects.items():
        yield f"object {name} {gzip.decompress(content).decode()}"
    for name, file in world.bucket.uploads.items():
        yield f"file {name} {file!r}"
    for name, groups in world.users.users.items():
        yield f"user {name} {sorted(groups)}"
    for kind in (world.stripe.checkouts, world.stripe.payments, world.stripe.refunds):
        yield from (f"stripe {json.dumps(thing, sort_keys=True)}" for thing in kind.values())
    # Nothing is sent to an endpoint that no device has: one may stay behind.
    for arn in in_use & world.topic.endpoints.keys():
        yield f"endpoint {arn} {world.topic.endpoints[arn]}"


@lru_cache(50_000)
def _item_as_text(row: Row) -> str:
    item = write_item(row.item)
    shown = _outcome_of(item) if item["entity"]["S"] == "notice" else _but_for_locks(item)
    return f"item {json.dumps(shown, sort_keys=True, default=str)}"


_OF_REQUESTS = frozenset({"idempotency_key", "device_registrations", "quota"})
"""Of these there is one more, or they count one more, where a request is made again."""


def _but_for_locks(item: Any) -> dict[str, Any]:
    """A profile counts how often it was written: once more, where a request is made again."""
    is_profile = item["entity"]["S"] == "mechanic"
    return {name: value for name, value in item.items() if not (is_profile and name == "revision")}


def _outcome_of(notice: Any) -> dict[str, Any]:
    """A notice without how often it was tried, and when it left."""
    state = json.loads(notice["state"]["S"])
    told = {name: value for name, value in state.items() if name not in _OF_ATTEMPTS}
    return {"pk": notice["pk"], "sk": notice["sk"], "state": told}


_OF_ATTEMPTS = frozenset({"attempts", "deliveries", "reason", "retry_at", "sent_at", "version"})
_TTL = re.compile(r"\b\d+s\b|(?<=TTL\": \")\d+")
"""How long a push is worth delivering: less, when it leaves later."""


def _counts(push: Push) -> bool:
    """Lost offers are taken off the devices as best it goes: never, or twice, is all right."""
    return "offer_withdrawn" not in push.message


def _to_come(world: FastWorld) -> Iterator[str]:
    """A message that waits twice is as good as one: consumers are used to it."""
    yield from {
        f"message {each.queue} {each.visible_at} {each.body}" for each in world.queues.messages
    }
    for schedule in world.scheduler.schedules.values():
        yield f"schedule {schedule.name} {schedule.at} {schedule.target} {schedule.body}"
    for letter in world.dead_letters:
        yield f"dead letter {letter.queue} {letter.body}"
    if world.keyed:
        yield f"refused {[str(refusal) for refusal in world.refusals]}"


def differences(clean: State, other: State) -> list[str]:
    """What only one of the two has."""
    ours, theirs = clean.by_age, other.by_age
    if ours != theirs and _by_place(clean.things) == _by_place(other.things):
        return []
    missing = [f"missing: {thing}" for thing in ours - theirs]
    more = [f"more: {thing}" for thing in theirs - ours]
    return sorted(missing + more)


def _by_place(things: list[str]) -> Counter[str]:
    """Ids named after where they occur, in whatever order they were made."""
    names: dict[str, str] = defaultdict(str)
    for _ in range(_ROUNDS):
        places = defaultdict(list)
        for thing, text in zip(things, _renamed(things, names), strict=True):
            for number, id_ in enumerate(_parts(thing)[1::2]):
                places[id_].append(f"{number} {text}")
        for id_, found in places.items():
            names[id_] = hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()
    return Counter(_renamed(things, names))


def _renamed(things: list[str], names: Mapping[str, str]) -> Iterator[str]:
    for thing in things:
        parts = _parts(thing)
        yield "".join(names[part] if n % 2 else part for n, part in enumerate(parts))


@lru_cache(50_000)
def _parts(thing: str) -> list[str]:
    """A thing cut at its ids: each second part is one."""
    return _ULID.split(_OF_IDS.sub("#", thing))
