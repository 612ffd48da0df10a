"""The last step of the build, on a build in small."""

import compileall
import gzip
import json
import marshal
import shutil
from collections.abc import Callable
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

import pytest

from dispatch.core import start
from tools import finish_build, pruning

DATACLASS = """
import re
from dataclasses import dataclass
import msgspec

class Packed(msgspec.Struct, frozen=True):
    at: msgspec.Meta(tz=True)

READ = msgspec.json.Decoder(Packed)
ID = re.compile("ses_[0-9]+")

@dataclass(frozen=True)
class Session:
    id: str
"""
SERVICE = {
    "metadata": {"endpointPrefix": "db"},
    "documentation": "<p>Long.</p>",
    "shapes": {"Item": {"members": {"documentation": {"shape": "S", "documentation": "Long."}}}},
}
ENDPOINTS: dict[str, Any] = {
    "partitions": [{"services": {"ec2": {"endpoints": {}}, "db": {"endpoints": {}}}}]
}
AWS = 'def dynamodb():\n    return _client("dynamodb")\n'


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A domain layer, a dependencies layer, an HTTP function and one of events; and their sizes."""
    folder = tmp_path_factory.mktemp("finished")
    root = folder / "build"
    write = {
        "DomainLayer/python/dispatch/__init__.py": "",
        "DomainLayer/python/dispatch/core/aws.py": AWS,
        "DomainLayer/python/dispatch/core/http.py": "import fastapi\n",
        "DomainLayer/python/dispatch/core/start.py": Path(start.__file__).read_text(),
        "DomainLayer/python/dispatch/service.py": "def f():\n    import fastapi\n",
        "DomainLayer/python/dispatch/model.py": DATACLASS,
        "DependenciesLayer/python/botocore/data/ec2/service.json": "{}",
        "DependenciesLayer/python/botocore/data/endpoints.json": json.dumps(ENDPOINTS),
        "DependenciesLayer/python/fastapi/openapi/models.py": "import pydantic\n",
        "DependenciesLayer/python/pycountry/tests/test_all.py": "",
        "DependenciesLayer/python/pycountry/db.py": "",
        "QueueFunction/api.py": "from dispatch.core import http\n",
        "TimersFunction/consumer.py": "from dispatch.service import f\n",
    }
    for name, text in write.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    packed = root / "DependenciesLayer/python/botocore/data/dynamodb/2012/service-2.json.gz"
    packed.parent.mkdir(parents=True)
    packed.write_bytes(gzip.compress(json.dumps(SERVICE).encode()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finish_build, "SIZES", folder / "sizes.json")
        patch.setattr(pruning, "STILL_WORKS", "import pycountry.db")
        assert finish_build.main(root, record=True) == 0
    return folder


@pytest.fixture
def build(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the test's own."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(finish_build, "SIZES", tmp_path / "sizes.json")
    monkeypatch.setattr(pruning, "STILL_WORKS", "import pycountry.db")
    return tmp_path / "build"


def test_what_no_function_uses_is_left_out(build: Path) -> None:
    packages = build / "DependenciesLayer" / "python"
    kept = {path.name for path in (packages / "botocore" / "data").iterdir()}
    assert kept == {"dynamodb", "endpoints.json"}
    assert not (packages / "pycountry" / "tests").exists()
    assert (packages / "pycountry" / "db.py").exists()


def test_a_client_is_built_from_what_it_needs_alone(build: Path) -> None:
    data = build / "DependenciesLayer" / "python" / "botocore" / "data"
    (service,) = (data / "dynamodb").rglob("*.*")
    assert json.loads(service.read_text()) == {
        "metadata": {"endpointPrefix": "db"},
        "documentation": "",
        "shapes": {"Item": {"members": {"documentation": {"shape": "S", "documentation": ""}}}},
    }
    (partition,) = json.loads((data / "endpoints.json").read_text())["partitions"]
    assert partition["services"].keys() == {"db"}


def test_models_of_the_api_document_are_left_out(build: Path) -> None:
    models = build / "DependenciesLayer/python/fastapi/openapi/models.py"
    names: dict[str, Any] = {}
    exec(models.read_text(), names)
    assert isinstance(names["__getattr__"]("Example"), type)
    with pytest.raises(AttributeError):
        names["__getattr__"]("__path__")


def test_what_every_start_would_compile_is_shipped(build: Path) -> None:
    content = (build / "DomainLayer/python/dispatch/core/start.code").read_bytes()
    assert content.startswith(start.VALID)
    compiled = marshal.loads(content[len(start.VALID) :])
    assert {"dispatch.model", "annotated_types"} <= compiled["methods"].keys()
    assert ("ses_[0-9]+", 0) in compiled["patterns"]


def test_leaving_out_too_much_is_told(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "STILL_WORKS", "import pycountry.tests.test_all")
    (fault,) = finish_build.import_faults(build / "DependenciesLayer" / "python")
    assert "No module named 'pycountry.tests" in fault


def test_only_a_build_without_faults_is_finished(
    build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (build / "finished").exists()
    monkeypatch.setattr(pruning, "STILL_WORKS", "import pycountry.tests.test_all")
    assert finish_build.main(build, record=False) == 1
    assert not (build / "finished").exists()


def test_a_build_repeated_is_the_same_to_the_byte(build: Path) -> None:
    def contents() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in build.rglob("*.*") if path.is_file()}

    before = contents()
    assert before
    assert finish_build.main(build, record=False) == 0
    assert contents() == before


def no_bytecode(build: Path, source: Path) -> None:
    next(source.parent.joinpath("__pycache__").glob("consumer.*")).unlink()


def by_timestamp(build: Path, source: Path) -> None:
    mode = PycInvalidationMode.TIMESTAMP
    compileall.compile_file(source, quiet=1, force=True, invalidation_mode=mode)


def of_another_source(build: Path, source: Path) -> None:
    source.write_text("changed = True\n")


def by_another_python(build: Path, source: Path) -> None:
    compiled = next(source.parent.joinpath("__pycache__").glob("consumer.*"))
    compiled.write_bytes(b"\0\0\0\0" + compiled.read_bytes()[4:])


def with_its_path(build: Path, source: Path) -> None:
    mode = PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_file(source, quiet=1, force=True, invalidation_mode=mode)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (no_bytecode, "has no bytecode"),
        (by_timestamp, "depends on timestamps"),
        (of_another_source, "bytecode of another source"),
        (by_another_python, "compiled by another Python"),
        (with_its_path, "has the path of the build"),
    ],
)
def test_bytecode_that_lambda_would_not_load_is_told(
    build: Path, spoil: Callable[[Path, Path], None], told: str
) -> None:
    source = build / "TimersFunction" / "consumer.py"
    assert list(finish_build.bytecode_faults(source, build)) == []
    spoil(build, source)
    (fault,) = finish_build.bytecode_faults(source, build)
    assert told in fault


def test_an_event_function_that_would_load_the_web_framework_is_told(build: Path) -> None:
    assert list(finish_build.web_faults(build)) == []  # not for what a call imports later
    (build / "TimersFunction" / "consumer.py").write_text("from dispatch.core import http\n")
    (fault,) = finish_build.web_faults(build)
    assert "TimersFunction" in fault
    assert "dispatch.core.http -> fastapi" in fault


def test_what_a_package_loads_counts_for_whoever_loads_a_module_of_it(build: Path) -> None:
    (build / "DomainLayer/python/dispatch/core/__init__.py").write_text("import pydantic\n")
    (build / "TimersFunction" / "consumer.py").write_text(
        "from dispatch.core.aws import dynamodb\n"
    )
    (fault,) = finish_build.web_faults(build)
    assert "imports consumer -> dispatch.core -> pydantic" in fault


def test_an_artifact_may_grow_by_a_tenth(build: Path) -> None:
    before = {"DomainLayer": 1_000_000, "DependenciesLayer": 1_000_000}
    grown = before | {"DomainLayer": 1_100_000 + finish_build.SLACK}
    assert list(finish_build.size_faults(grown, before)) == []
    grown["DomainLayer"] += 1
    (fault,) = finish_build.size_faults(grown, before)
    assert "make build-sizes" in fault


def test_a_new_artifact_is_told_until_its_size_is_recorded() -> None:
    sizes = {"DomainLayer": 1, "DependenciesLayer": 1}
    (fault,) = finish_build.size_faults(sizes, {"DomainLayer": 1})
    assert "DependenciesLayer has no recorded size" in fault


def test_what_lambda_would_not_unpack_is_told() -> None:
    sizes = {
        "DomainLayer": 1,
        "DependenciesLayer": finish_build.LIMIT - 1,
        "QueueFunction": 1,
    }
    (fault,) = finish_build.size_faults(sizes, sizes)
    assert "Lambda" in fault


def test_sizes_are_recorded_for_every_artifact(build: Path) -> None:
    recorded = json.loads(finish_build.SIZES.read_text())
    assert sorted(recorded) == sorted(path.name for path in build.iterdir() if path.is_dir())
