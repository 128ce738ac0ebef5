"""A laptop for the tests of the engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.projects.laptop import Laptop
from tests.skipped_time import skipped_time

__all__ = ["skipped_time"]


@pytest.fixture
async def laptop(tmp_path: Path) -> AsyncIterator[Laptop]:
    made = Laptop(tmp_path)
    yield made
    await made.close()
