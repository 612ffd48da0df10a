"""Fixtures of the tests of use cases."""

from collections.abc import Iterator

import pytest

from tests.stories import check_that_all_is_well
from tests.world import World


@pytest.fixture
def well_in_the_end(world: World) -> Iterator[None]:
    """However a story goes, nothing is left to repair, nobody is stuck, the books balance."""
    yield
    check_that_all_is_well(world)
