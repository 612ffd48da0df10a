"""Policy versions: one immutable item each, and a pointer to the newest."""

import json
from collections.abc import Callable

from dispatch.core.table import IS_NEW, Item, Key, Transaction, get
from dispatch.core.time import format_time, parse_time
from dispatch.policy.model import Policy, PolicyVersion
from dispatch.policy.rules import from_document, to_document

SUBJECT = "POLICY"
"""The partition of all versions and of the events about them."""

_NEWEST = Key(SUBJECT, "NEWEST")


def _version_key(version: int) -> Key:
    return Key(SUBJECT, f"VERSION#{version:08d}")


def newest_version() -> int | None:
    """The number of the newest stored version; None before the first."""
    item = get(_NEWEST)
    return item["newest"] if item else None


def find(version: int) -> PolicyVersion | None:
    item = get(_version_key(version))
    if item is None:
        return None
    changed_at = item.get("changed_at")
    return PolicyVersion(
        from_document(json.loads(item["document"])),
        changed_at=parse_time(changed_at) if changed_at else None,
        changed_by=item.get("changed_by"),
    )


def add_first(policy: Policy) -> None:
    """Store the first version. Raises StaleVersion where there is one."""
    with Transaction() as tx:
        tx.put(_item(PolicyVersion(policy)), when=IS_NEW)
        tx.put(_pointer(policy.version), when=IS_NEW)


def add(tx: Transaction, made: PolicyVersion, otherwise: Callable[[int], Exception]) -> None:
    """Store the version after the newest, which it is in the place of from now on.

    ``otherwise`` names the refusal, told what is the newest by then.
    """
    version = made.policy.version
    tx.put(
        _pointer(version),
        when="#newest = :version_read",
        values={":version_read": version - 1},
        otherwise=lambda old: otherwise(old["newest"] if old else 0),
    )
    tx.put(_item(made), when=IS_NEW)


def _pointer(version: int) -> Item:
    return {**_NEWEST._asdict(), "entity": "policy_pointer", "newest": version}


def _item(stored: PolicyVersion) -> Item:
    item: Item = {
        **_version_key(stored.policy.version)._asdict(),
        "entity": "policy",
        "document": json.dumps(to_document(stored.policy)),
    }
    if stored.changed_at:
        item["changed_at"] = format_time(stored.changed_at)
    if stored.changed_by:
        item["changed_by"] = stored.changed_by
    return item
