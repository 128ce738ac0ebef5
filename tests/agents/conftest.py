from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agents.stage import Stage, staged
from tests.skipped_time import skipped_time

__all__ = ["skipped_time"]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path) as found:
        yield found
