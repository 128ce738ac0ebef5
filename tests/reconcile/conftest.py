"""A laptop for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.reconcile.laptop import Laptop


@pytest.fixture
async def laptop(tmp_path: Path) -> AsyncIterator[Laptop]:
    made = Laptop(tmp_path)
    yield made
    await made.close()
