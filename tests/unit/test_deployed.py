"""What stands beside `make e2e-deploy`: what fits, and what makes up for ministack."""

import os
from pathlib import Path

from tests.deployed import gaps
from tests.deployed.fits import why_not

APPLICATION = "AWS::CodeDeploy::Application"


def _template() -> gaps.Document:
    return {
        "Resources": {
            "Moves": {"Type": APPLICATION, "Properties": {}},
            "Table": {"Type": "AWS::DynamoDB::Table", "DependsOn": "Moves"},
            "Topic": {"Type": "AWS::SNS::Topic", "DependsOn": ["Moves", "Table"]},
            "Alias": {
                "Type": "AWS::Lambda::Alias",
                "UpdatePolicy": {
                    "CodeDeployLambdaAliasUpdate": {"ApplicationName": {"Ref": "Moves"}}
                },
            },
        },
        "Outputs": {},
    }


def test_types_that_ministack_does_not_know_are_left_out_with_what_leads_to_them() -> None:
    taken, left_out = gaps.without_unknown(_template())
    assert left_out == ["Moves"]
    assert taken["Resources"] == {
        "Table": {"Type": "AWS::DynamoDB::Table"},
        "Topic": {"Type": "AWS::SNS::Topic", "DependsOn": ["Table"]},
        "Alias": {"Type": "AWS::Lambda::Alias"},
    }


def test_a_template_without_such_types_is_taken_as_it_is() -> None:
    template = _template()
    del template["Resources"]["Moves"]
    for resource in template["Resources"].values():
        resource.pop("DependsOn", None)
    taken, left_out = gaps.without_unknown(template)
    assert (taken, left_out) == (template, [])


def test_an_alarm_on_metric_math_is_left_out() -> None:
    template = _template()
    alarm = "AWS::CloudWatch::Alarm"
    template["Resources"] = {
        "Plain": {"Type": alarm, "Properties": {"MetricName": "Errors"}},
        "Math": {"Type": alarm, "Properties": {"Metrics": []}},
    }
    taken, left_out = gaps.without_unknown(template)
    assert (list(taken["Resources"]), left_out) == (["Plain"], ["Math"])


def test_what_is_judged_by_another_resource_is_allowed_there_to_whoever_was_allowed_it() -> None:
    may = {"Action": ["sns:Publish"], "Resource": ["arn:aws:sns:r:1:endpoint/GCM/a/*"]}
    assert list(gaps.misjudged(may)) == [("sns:Publish", "arn:aws:sns:r:1:app/GCM/a/*")]
    schedules = "arn:aws:scheduler:r:1:schedule/group/*"
    may = {"Action": ["scheduler:CreateSchedule"], "Resource": [schedules]}
    [(_, instead)] = gaps.misjudged(may)
    assert instead == "arn:aws:scheduler:r:1:schedule/default/*"


def test_nothing_else_is_allowed() -> None:
    for may in (
        {"Action": "sns:Publish", "Resource": "arn:aws:sns:r:1:a-topic"},
        {"Action": "dynamodb:GetItem", "Resource": "arn:aws:dynamodb:r:1:table/t"},
    ):
        assert list(gaps.misjudged(may)) == []


def test_what_is_built_fits_until_a_source_changes(tmp_path: Path) -> None:
    build, machine = tmp_path / "build", "x86_64"
    source = _file(tmp_path / "functions" / "queue" / "api.py")
    _file(tmp_path / "template.yaml")
    assert why_not(build, tmp_path, machine) == "Nothing is built"
    built = _file(build / "template.yaml")
    packages = build / "DependenciesLayer" / "python" / "pydantic_core"
    _file(packages / "_pydantic_core.cpython-313-aarch64-linux-gnu.so")
    assert why_not(build, tmp_path, machine) == "What is built is not for x86_64"
    _file(packages / "_pydantic_core.cpython-313-x86_64-linux-gnu.so")
    assert why_not(build, tmp_path, machine) == "What is built was not finished, or has faults"
    _file(build / "finished")
    assert why_not(build, tmp_path, machine) is None
    _file(source.parent / "__pycache__" / "api.cpython-313.pyc", later_than=built)
    assert why_not(build, tmp_path, machine) is None
    _file(source, later_than=built)
    changed = "functions/queue/api.py has changed since it was built"
    assert why_not(build, tmp_path, machine) == changed


def test_what_was_built_of_a_source_that_is_gone_does_not_fit(tmp_path: Path) -> None:
    build = tmp_path / "build"
    _file(tmp_path / "template.yaml")
    _file(tmp_path / "layers/domain/dispatch/ids.py")
    _file(build / "DependenciesLayer/python/pydantic_core/_core.cpython-313-x86_64-linux-gnu.so")
    _file(build / "finished")
    _file(build / "DomainLayer/python/dispatch/core/start.code")
    _file(build / "DomainLayer/python/dispatch/ids.py")
    _file(build / "template.yaml", later_than=tmp_path / "template.yaml")
    assert why_not(build, tmp_path, "x86_64") is None
    (tmp_path / "layers/domain/dispatch/ids.py").unlink()
    gone = "dispatch/ids.py has gone since it was built"
    assert why_not(build, tmp_path, "x86_64") == gone


def _file(path: Path, later_than: Path | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    if later_than:
        moment = later_than.stat().st_mtime + 1
        os.utime(path, (moment, moment))
    return path
