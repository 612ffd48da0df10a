"""What reads consume, reckoned as DynamoDB does."""

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.meter import Meter, bytes_of, read_units
from tests.fast import values

ITEM: dict[str, Any] = {
    "pk": {"S": "MECHANIC#é"},
    "load": {"N": "0"},
    "rating_sum": {"N": "-39.36"},
    "many": {"N": "1200300"},
    "on_shift": {"BOOL": False},
    "nothing": {"NULL": True},
    "brands": {"L": [{"S": "toyota"}, {"N": "7"}]},
    "place": {"M": {"city": {"S": "Toronto"}}},
    "names": {"SS": ["a", "bc"]},
}


def test_an_item_is_as_large_as_the_tests_own_table_says() -> None:
    assert bytes_of(ITEM) == values.bytes_of(values.read_item(ITEM))
    dice = random.Random(1)
    for _ in range(200):
        number = {"n": {"N": str(round(dice.uniform(-1e6, 1e6), dice.randrange(4)))}}
        assert bytes_of(number) == values.bytes_of(values.read_item(number)), number


@pytest.mark.parametrize(
    ("sizes", "consistent", "units"),
    [([0], True, 1), ([4096], True, 1), ([4097], True, 2), ([4097], False, 1), ([1, 1], False, 1)],
)
def test_reads_are_billed_by_started_blocks_of_4_kb(
    sizes: list[int], consistent: bool, units: float
) -> None:
    assert read_units(sizes, consistent=consistent) == units


def test_a_batch_costs_for_what_it_does_not_find_too(tmp_path: Path) -> None:
    counting = Meter(tmp_path / "meter", "test", 128)
    model: Any = SimpleNamespace(
        name="BatchGetItem", service_model=SimpleNamespace(service_name="dynamodb")
    )
    keys = [{"pk": {"S": "a"}}, {"pk": {"S": "b"}}]
    counting._asks_the_table({"RequestItems": {"t": {"Keys": keys, "ConsistentRead": True}}}, model)
    counting.called(model, {"Responses": {"t": [ITEM]}})
    assert '"reads": 2' in (tmp_path / "meter").read_text()
