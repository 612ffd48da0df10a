"""template.yaml is valid and fits the code that it deploys."""

import ast
import copy
import functools
import importlib.util
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dispatch.core.events import EventType
from tests.template.stack import ROOT, Document, read_template, translate

TEMPLATE = read_template()
PACKAGE = ROOT / "layers/domain/dispatch"
FUNCTIONS: dict[str, Document] = {
    name: resource["Properties"]
    for name, resource in TEMPLATE["Resources"].items()
    if resource["Type"] == "AWS::Serverless::Function"
}
# Read by Powertools, not by our settings.
POWERTOOLS = {
    "POWERTOOLS_SERVICE_NAME",
    "POWERTOOLS_LOG_LEVEL",
}


def test_cfn_lint_finds_nothing() -> None:
    import cfnlint.api  # more than a second, so only where it is needed

    assert cfnlint.api.lint_file(ROOT / "template.yaml") == []


# ------------------------------------------------------------------ versions


def versions(template: Document, **parameters: Any) -> set[str]:
    return set(translate(template, **parameters).of_type("AWS::Lambda::Version"))


@functools.cache
def published() -> set[str]:
    """The versions of the template as it is."""
    return versions(TEMPLATE)


def test_the_same_template_publishes_nothing() -> None:
    assert versions(TEMPLATE) == published()


@pytest.mark.parametrize("layer", ["DomainLayer", "DependenciesLayer"])
def test_a_layer_change_alone_publishes_a_version_of_every_function(layer: str) -> None:
    changed = copy.deepcopy(TEMPLATE)
    changed["Resources"][layer]["Properties"]["ContentUri"] = "s3://packages/another-hash"
    assert published().isdisjoint(versions(changed))


def test_without_its_mark_a_layer_change_would_publish_nothing() -> None:
    before, after = copy.deepcopy(TEMPLATE), copy.deepcopy(TEMPLATE)
    for template in (before, after):
        del template["Resources"]["DomainLayer"]["Properties"]["PublishLambdaVersion"]
    after["Resources"]["DomainLayer"]["Properties"]["ContentUri"] = "s3://packages/another-hash"
    assert versions(before) == versions(after)


def test_a_change_of_one_function_publishes_only_its_version() -> None:
    changed = copy.deepcopy(TEMPLATE)
    changed["Resources"]["ClockFunction"]["Properties"]["Timeout"] = 7
    (version,) = versions(changed) - published()
    assert version.startswith("ClockFunctionVersion")


# ------------------------------------------------------------------ deployments

STAGES = tomllib.loads((ROOT / "samconfig.toml").read_text())


def deployment_type(stage: str) -> str:
    given = STAGES[stage]["deploy"]["parameters"]["parameter_overrides"]
    return str(dict(each.split("=", 1) for each in given)["DeploymentType"])


def test_all_at_once_needs_nothing_of_codedeploy_and_publishes_the_same() -> None:
    stack = translate(TEMPLATE, DeploymentType="AllAtOnce")
    assert not [r for r in stack.resources.values() if r["Type"].startswith("AWS::CodeDeploy")]
    assert not [r for r in stack.resources.values() if "UpdatePolicy" in r]
    assert set(stack.of_type("AWS::Lambda::Version")) == published()


def test_only_developers_deploy_all_at_once() -> None:
    gradual = TEMPLATE["Mappings"]["DeploymentTypes"]
    assert deployment_type("dev") == "AllAtOnce"
    for stage in ("staging", "prod"):
        assert gradual[deployment_type(stage)] == {"IsGradual": "true"}, stage
    types = TEMPLATE["Parameters"]["DeploymentType"]["AllowedValues"]
    assert list(gradual) == types
    assert [t for t in types if gradual[t] == {"IsGradual": "false"}] == ["AllAtOnce"]


# ------------------------------------------------------------------ code


def handler_file(function: Document) -> Path:
    module = function["Handler"].partition(".")[0]
    return ROOT.joinpath(function["CodeUri"], f"{module}.py")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_handler_exists(name: str) -> None:
    tree = ast.parse(handler_file(FUNCTIONS[name]).read_text())
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)} | {
        place.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for place in node.targets
        if isinstance(place, ast.Name)
    }
    assert FUNCTIONS[name]["Handler"].partition(".")[2] in defined


def test_every_entry_point_is_deployed() -> None:
    deployed = {handler_file(function) for function in FUNCTIONS.values()}
    assert set(ROOT.glob("functions/*/*.py")) == deployed


def routes_of(app: Any) -> Iterator[str]:
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            yield f"{method.upper()} {path}"


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if f["Handler"] == "api.handler"])
def test_the_template_routes_exactly_what_the_application_answers(name: str) -> None:
    spec = importlib.util.spec_from_file_location(f"{name}_api", handler_file(FUNCTIONS[name]))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    routed = [
        f"{event['Properties']['Method']} {event['Properties']['Path']}"
        for event in FUNCTIONS[name]["Events"].values()
    ]
    assert sorted(routed) == sorted(routes_of(module.app))


def string_constants(path: Path) -> set[str]:
    return {
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_variable_of_an_environment_is_one_that_settings_reads() -> None:
    known = string_constants(PACKAGE / "core/settings.py") | POWERTOOLS
    given = {
        variable
        for function in [*FUNCTIONS.values(), TEMPLATE["Globals"]["Function"]]
        for variable in function["Environment"]["Variables"]
    }
    assert given <= known


def test_subscriptions_filter_on_types_that_exist() -> None:
    wanted = {
        type_
        for subscription in translate(TEMPLATE).of_type("AWS::SNS::Subscription").values()
        for type_ in subscription.get("FilterPolicy", {}).get("type", [])
    }
    assert wanted <= set(EventType)


def keys_read(path: Path, functions: set[str]) -> set[str]:
    """Every ``item["..."]`` and ``item.get("...")`` in these functions."""
    tree = ast.parse(path.read_text())
    found = set()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.name in functions:
            code = ast.unparse(function)
            found |= set(re.findall(r"item(?:\[|\.get\()'(\w+)'", code))
    return found


def test_the_roster_index_carries_exactly_what_is_read_from_it() -> None:
    indexes = TEMPLATE["Resources"]["DispatchTable"]["Properties"]["GlobalSecondaryIndexes"]
    (roster,) = [index for index in indexes if index["IndexName"] == "roster"]
    keys = {"pk", "sk", *(key["AttributeName"] for key in roster["KeySchema"])}
    read = keys_read(PACKAGE / "mechanics/store.py", {"_row", "_entry", "_duty_of", "_rating_of"})
    assert set(roster["Projection"]["NonKeyAttributes"]) == read - keys


# ------------------------------------------------------------------ requirements

LAYER = "layers/dependencies/requirements.txt"
DEV = "requirements-dev.txt"
PIN = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)


def requirements(path: str) -> list[str]:
    """One entry a package, its hashes included."""
    return re.split(r"\n(?=[a-z])", (ROOT / path).read_text().strip())


def test_what_is_tested_is_what_is_deployed() -> None:
    deployed, tested = (set(PIN.findall((ROOT / path).read_text())) for path in (LAYER, DEV))
    assert deployed <= tested


@pytest.mark.parametrize("path", [LAYER, DEV, "requirements-ministack.txt", "requirements-sam.txt"])
def test_every_requirement_is_pinned_and_hashed_and_names_no_index(path: str) -> None:
    for requirement in requirements(path):
        assert PIN.match(requirement)
        assert "--hash=sha256:" in requirement
        assert "://" not in requirement
