"""Policy versions: one immutable item each, and a pointer to the newest."""

import json

from dispatch.core.table import IS_NEW, Key, Transaction, get
from dispatch.core.time import parse_time
from dispatch.policy.model import Policy, PolicyVersion
from dispatch.policy.rules import from_document, to_document

_NEWEST = Key("POLICY", "NEWEST")


def _version_key(version: int) -> Key:
    return Key("POLICY", f"VERSION#{version:08d}")


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
        tx.put(
            {
                **_version_key(policy.version)._asdict(),
                "entity": "policy",
                "document": json.dumps(to_document(policy)),
            },
            when=IS_NEW,
        )
        tx.put(
            {**_NEWEST._asdict(), "entity": "policy_pointer", "newest": policy.version},
            when=IS_NEW,
        )
