"""Fixtures of the tests of use cases."""

from collections.abc import Iterator
from typing import Any

import pytest
from boto3.session import Session
from botocore.config import Config

from local import engines, processes
from tests.stories import check_that_all_is_well
from tests.world import REGION, World


@pytest.fixture
def well_in_the_end(world: World) -> Iterator[None]:
    """However a story goes, nothing is left to repair, nobody is stuck, the books balance."""
    yield
    check_that_all_is_well(world)


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of a ministack of this session's own."""
    folder = tmp_path_factory.mktemp("ministack")
    with (folder / "log").open("w") as log:
        child = engines.start_ministack(folder, log)
        try:
            url = engines.announced(child)
            session = Session(
                aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION
            )
            config = Config(
                parameter_validation=False,
                account_id_endpoint_mode="disabled",
                retries={"total_max_attempts": 1},
            )
            yield session.client("dynamodb", endpoint_url=url, config=config)
        finally:
            processes.stop(child)
