"""What tests read from ``template.yaml``, so that they cannot drift from it."""

import functools
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


@functools.cache
def resources() -> dict[str, Any]:
    """The template's resources, intrinsics as plain dictionaries."""
    from local import template

    found: dict[str, Any] = template.read(ROOT / "template.yaml")["Resources"]
    return found


def table() -> dict[str, Any]:
    """What ``create_table`` needs to know of the table."""
    declared = resources()["DispatchTable"]["Properties"]
    wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    return {name: declared[name] for name in wanted}


def subscriptions() -> dict[str, list[str]]:
    """Which types of facts each subscription of the topic lets through."""
    return {
        name: resource["Properties"]["FilterPolicy"]["type"]
        for name, resource in resources().items()
        if resource["Type"] == "AWS::SNS::Subscription" and "FilterPolicy" in resource["Properties"]
    }
