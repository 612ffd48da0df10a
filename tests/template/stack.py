"""template.yaml as CloudFormation will see it: translated by SAM's own code, without AWS."""

import copy
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from local import template

ROOT = Path(__file__).parents[2]
Document = dict[str, Any]


@dataclass(frozen=True)
class Stack:
    """``source`` is what we write, ``resources`` what SAM makes of it, by logical id."""

    source: Document
    resources: dict[str, Document]

    def of_type(self, *types: str) -> dict[str, Document]:
        """The properties of all resources of these types."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] in types
        }

    def properties(self, logical_id: str | None) -> Document:
        """The properties of one resource; none if there is no such resource."""
        return cast("Document", self.resources.get(logical_id or "", {}).get("Properties", {}))


def read_template() -> Document:
    """template.yaml, with its intrinsic functions in their long form."""
    return copy.deepcopy(_parsed())


@functools.cache
def _parsed() -> Document:
    return template.read(ROOT / "template.yaml")


def translate(source: Document, **parameters: Any) -> Stack:
    """What CloudFormation gets for ``source`` once its code lies in S3."""
    packaged = copy.deepcopy(source)
    for resource in packaged["Resources"].values():
        for place in ("CodeUri", "ContentUri"):
            uri = resource.get("Properties", {}).get(place)
            if uri and not uri.startswith("s3://"):
                resource["Properties"][place] = f"s3://packages/{uri}"
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="ca-central-1"))
    # On AWS, CloudFormation hands list parameters over as lists; SAM alone would see one string.
    values = {
        "CorsOrigins": ["https://example.com"],
        "DeploymentType": "Canary10Percent10Minutes",
        **parameters,
    }
    translated = translator.translate(packaged, values, get_managed_policy_map=dict)
    return Stack(source, translated["Resources"])
