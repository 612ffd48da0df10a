"""What stays out of the layers: what no function uses, and what a start would read in vain."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

UNUSED = (
    "*/tests",
    "boto3/examples",
    "phonenumbers/carrierdata",
    "phonenumbers/geodata",
    "pycountry/locales",
    "pydantic/v1",
)
"""Folders. FastAPI asks of every model whether it is one of Pydantic's version 1, and does without
where there is none."""
STILL_WORKS = """
import pathlib
import boto3, botocore, phonenumbers.timezone, pycountry
session = boto3.session.Session("none", "none", region_name="ca-central-1")
for folder in (pathlib.Path(botocore.__file__).parent / "data").iterdir():
    if folder.is_dir():
        session.client(folder.name)._service_model.client_context_parameters
session.client("s3").generate_presigned_url("get_object", {"Bucket": "b", "Key": "k"})
"""
"""What was cut into is loaded once: pure Python, whatever machine it was built for."""

NO_DOCUMENT = '''\
"""Left out of the build: functions serve no OpenAPI document, and its models are slow to build."""


def __getattr__(name: str) -> type:
    if name.startswith("__"):
        raise AttributeError(name)
    return type(name, (), {})
'''


def prune(packages: Path, kept_services: set[str]) -> None:
    """Leave out of the installed ``packages`` what is not needed. A second time changes nothing."""
    for pattern in UNUSED:
        for folder in packages.glob(pattern):
            shutil.rmtree(folder)
    openapi = packages / "fastapi" / "openapi" / "models.py"
    if openapi.exists():
        openapi.write_text(NO_DOCUMENT)
    data = packages / "botocore" / "data"
    for folder in data.iterdir():
        if folder.is_dir() and folder.name not in kept_services:
            shutil.rmtree(folder)
    trim(data)


def trim(data: Path) -> None:
    """Of what botocore reads to build a client: no documentation, no endpoints of other services.

    Unpacked, too: Lambda packs layers anyway, and reads them faster so.
    """
    for packed in sorted(data.rglob("*.json.gz")):
        with gzip.open(packed) as file:
            _write(packed.with_suffix(""), _without_documentation(json.load(file)))
        packed.unlink()
    services = [json.loads(path.read_text()) for path in data.rglob("service-2.json")]
    prefixes = {service["metadata"]["endpointPrefix"] for service in services}
    endpoints = json.loads((data / "endpoints.json").read_text())
    for partition in endpoints["partitions"]:
        known = partition["services"]
        partition["services"] = {name: known[name] for name in sorted(prefixes & known.keys())}
    _write(data / "endpoints.json", endpoints)


def _without_documentation(part: Any) -> Any:
    if isinstance(part, dict):
        return {
            # Empty, not left out: botocore reads that of some parameters of S3.
            name: "" if _is_text(name, value) else _without_documentation(value)
            for name, value in part.items()
        }
    if isinstance(part, list):
        return [_without_documentation(value) for value in part]
    return part


def _is_text(name: str, value: Any) -> bool:
    return name == "documentation" and isinstance(value, str)


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, separators=(",", ":")))
