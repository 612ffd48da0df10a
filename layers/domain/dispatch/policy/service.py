"""Which policy is in force, and which one a session keeps."""

from datetime import datetime, timedelta

from dispatch.core.table import decides_anew
from dispatch.policy import store
from dispatch.policy.model import Policy, PolicyVersion

CACHED_FOR = timedelta(seconds=60)

_by_version: dict[int, Policy] = {}
_newest: tuple[datetime, Policy] | None = None


def current(now: datetime) -> Policy:
    """The newest policy, at most 60 s old. The very first call stores version 1."""
    global _newest
    if _newest is None or not timedelta(0) <= now - _newest[0] < CACHED_FOR:
        _newest = now, _newest_stored()
    return _newest[1]


def of_version(version: int) -> Policy:
    """A stored version: what a session that became pending under it goes by."""
    if version not in _by_version:
        _by_version[version] = _stored(version).policy
    return _by_version[version]


@decides_anew
def newest() -> PolicyVersion:
    """The newest policy as it is now. The very first call stores version 1."""
    version = store.newest_version()
    if version is None:
        store.add_first(Policy())
        return PolicyVersion(Policy())
    return _stored(version)


def _stored(version: int) -> PolicyVersion:
    found = store.find(version)
    if found is None:
        raise LookupError(f"policy version {version} was never stored")
    return found


@decides_anew
def _newest_stored() -> Policy:
    version = store.newest_version()
    if version is None:
        store.add_first(Policy())
        return Policy()
    return of_version(version)


def forget() -> None:
    """Read everything anew. For tests, which change tables."""
    global _newest
    _by_version.clear()
    _newest = None
