"""Which policy is in force, which one a session keeps, and how it is changed."""

from dataclasses import replace
from datetime import datetime, timedelta

from dispatch.core.errors import Invalid
from dispatch.core.events import Event, EventType
from dispatch.core.idempotency import Once
from dispatch.core.logging import MetricUnit, metrics
from dispatch.core.table import Transaction, decides_anew
from dispatch.policy import rules, store
from dispatch.policy.model import Policy, PolicyVersion

CACHED_FOR = timedelta(seconds=60)

_by_version: dict[int, Policy] = {}
_newest: tuple[datetime, Policy] | None = None


def current(now: datetime) -> Policy:
    """The newest policy, at most 60 s old. The very first call stores version 1."""
    global _newest
    if _newest is None or not timedelta(0) <= now - _newest[0] < CACHED_FOR:
        _newest = now, of_version(_newest_version())
    return _newest[1]


def of_version(version: int) -> Policy:
    """A stored version: what a session that became pending under it goes by."""
    if version not in _by_version:
        _by_version[version] = _stored(version).policy
    return _by_version[version]


def newest() -> PolicyVersion:
    """The newest policy as it is now, and who made it. The very first call stores version 1."""
    return _stored(_newest_version())


def change(
    policy: Policy, version: int, by: str, now: datetime, once: Once | None = None
) -> PolicyVersion:
    """A new version in the place of the one that was read; who made it and when stays with it.

    Every instance goes by it within ``CACHED_FOR``, sessions that are pending or further by theirs
    as before. Raises Invalid with a pointer for each number that does not go with the others, or
    Conflict ``stale_version`` unless ``version`` is the newest; then nothing is changed.
    """
    if faults := rules.faults_of(policy):
        raise Invalid(faults)
    newest = _newest_version()
    if version != newest:
        raise rules.stale(newest)
    made = PolicyVersion(replace(policy, version=version + 1), changed_at=now, changed_by=by)
    with Transaction() as tx:
        if once:
            once.remember(tx, made, now)
        store.add(tx, made, otherwise=rules.stale)
        tx.record(
            Event(
                EventType.POLICY_CHANGED,
                store.SUBJECT,
                now,
                {"version": made.policy.version, "changed_by": by},
            )
        )
    metrics.add_metric("PolicyChanges", MetricUnit.Count, 1)
    return made


def _stored(version: int) -> PolicyVersion:
    found = store.find(version)
    if found is None:
        raise LookupError(f"policy version {version} was never stored")
    return found


@decides_anew
def _newest_version() -> int:
    version = store.newest_version()
    if version is None:
        store.add_first(Policy())
        return Policy().version
    return version


def forget() -> None:
    """Read everything anew. For tests, which change tables."""
    global _newest
    _by_version.clear()
    _newest = None
