"""What of a deployed stack and of their arguments the operators' scripts need to know.

CloudFormation's client has no types of its own here.
"""

import argparse
import os
from typing import Any

from dispatch.core import aws


def outputs(cloudformation: Any, stack: str) -> dict[str, str]:
    """The stack's outputs: name to value."""
    (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}


def physical_ids(
    cloudformation: Any, stack: str, resource_type: str | None = None
) -> dict[str, str]:
    """Logical to physical id of the stack's resources, all or those of one type."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource_type in (None, resource["ResourceType"])
    }


def be_in(region: str | None) -> None:
    """Have what the service's own code calls be in the region that an operator has named, too."""
    if region:
        os.environ["AWS_DEFAULT_REGION"] = region
        aws.forget()


def rate(text: str) -> float:
    """How much a second: the type of a command line's argument."""
    per_second = float(text)
    if not per_second > 0:
        raise argparse.ArgumentTypeError("has to be more than 0 a second")
    return per_second
