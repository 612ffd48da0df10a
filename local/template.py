"""Reads ``template.yaml`` and lets AWS's own translator turn SAM into plain CloudFormation."""

import hashlib
import importlib.metadata
import json
import logging
import os
from pathlib import Path
from typing import Any

from local import processes
from local.errors import LocalStackError

REGION = "ca-central-1"
ACCOUNT = "123456789012"
PARTITION = "aws"
URL_SUFFIX = "amazonaws.com"
STACK_NAME = "dispatch"

# The translator wants code in S3. A path of the repository travels through it as a key of this
# bucket and comes out again as ``S3Key`` (see ``deployment``).
CODE_BUCKET = "local-code"
_CODE_PROPERTY = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
}

Template = dict[str, Any]

_KEPT = processes.ROOT / ".local" / "translated"


def arn(service: str, resource: str) -> str:
    """The ARN of a resource of the local account."""
    return f"arn:{PARTITION}:{service}:{REGION}:{ACCOUNT}:{resource}"


def translated(path: Path) -> Template:
    """The template at ``path`` as ``translate`` makes it of what ``read`` finds there.

    That takes seconds, so what was made of the same text by the same translator is kept.
    """
    made_of = [importlib.metadata.version("aws-sam-translator").encode()]
    made_of += [file.read_bytes() for file in (Path(__file__), path) if file.is_file()]
    kept = _KEPT / f"{hashlib.sha256(b'|'.join(made_of)).hexdigest()}.json"
    if kept.is_file():
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    result = translate(read(path))
    text = json.dumps(result)
    if json.loads(text) == result:
        _KEPT.mkdir(parents=True, exist_ok=True)
        # Written aside and put in place whole: others may be starting, too.
        aside = kept.with_suffix(f".{os.getpid()}")
        aside.write_text(text, encoding="utf-8")
        aside.replace(kept)
    return result


def read(path: Path) -> Template:
    """The template as written.

    Raises LocalStackError if the file is missing or is no YAML mapping.
    """
    from samtranslator import yaml_helper

    yaml: Any = yaml_helper.yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """With the short forms of CloudFormation's functions; ten times faster in C."""

    Loader.add_multi_constructor("!", yaml_helper.intrinsics_multi_constructor)
    try:
        # A subclass of the safe loader.
        template = yaml.load(path.read_text(encoding="utf-8"), Loader)
    except FileNotFoundError:
        raise LocalStackError(f"There is no template at {path}.") from None
    except yaml.YAMLError as error:
        raise LocalStackError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(template, dict) or "Resources" not in template:
        raise LocalStackError(f"{path} has no Resources.")
    return template


def translate(template: Template) -> Template:
    """The template in plain CloudFormation, as ``sam deploy`` would hand it on.

    Raises LocalStackError with the translator's own words for an invalid template.
    """
    # Costly to import (a second), so only where it is needed.
    from boto3.session import Session
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.utils.py27hash_fix import (
        to_py27_compatible_template,
        undo_mark_unicode_str_in_template,
    )

    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    for resource in template["Resources"].values():
        where = _CODE_PROPERTY.get(resource["Type"])
        if where:
            properties = resource["Properties"]
            properties[where] = f"s3://{CODE_BUCKET}/{str(properties[where]).strip('./')}"
    parameters = {
        name: parameter["Default"]
        for name, parameter in template.get("Parameters", {}).items()
        if "Default" in parameter
    }
    to_py27_compatible_template(template, parameters)
    translator = Translator({}, Parser(), boto_session=Session(region_name=REGION))
    try:
        translated = translator.translate(template, parameter_values=parameters)
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes)
        raise LocalStackError(f"template.yaml is not a valid SAM template: {causes}") from None
    result: Template = undo_mark_unicode_str_in_template(translated)
    return result


# Parts of a template


def target(value: Any) -> str | None:
    """The logical id that a Ref or GetAtt points at; None for anything else."""
    if isinstance(value, dict):
        if "Ref" in value:
            return str(value["Ref"])
        if "Fn::GetAtt" in value:
            return str(value["Fn::GetAtt"][0])
    return None


def text(value: Any) -> str:
    """A value as one string, with references written as in Fn::Sub."""
    if isinstance(value, dict):
        if "Ref" in value:
            return f"${{{value['Ref']}}}"
        if "Fn::GetAtt" in value:
            return "${" + ".".join(value["Fn::GetAtt"]) + "}"
        if "Fn::Sub" in value:
            return str(value["Fn::Sub"])
    return value if isinstance(value, str) else json.dumps(value)


def listed(value: Any) -> list[Any]:
    """Policies write one thing without a list."""
    return value if isinstance(value, list) else [value]
