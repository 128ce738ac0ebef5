"""A laptop for the tests of the engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.projects.laptop import Laptop


@pytest.fixture
async def laptop(tmp_path: Path) -> AsyncIterator[Laptop]:
    made = Laptop(tmp_path)
    yield made
    await made.close()
