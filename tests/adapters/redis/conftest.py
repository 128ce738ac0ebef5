"""A Redis of a test's own, to be killed and frozen."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.availability import ServerUnavailableError, skip_or_fail
from tests.servers.redis import RedisProcess


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisProcess]:
    """With an append-only file that is forced to disk once a second."""
    try:
        server = RedisProcess(tmp_path, options=("--appendonly", "yes", "--appendfsync", "everysec"))
    except ServerUnavailableError as error:
        skip_or_fail(error)
    yield server
    server.process.stop()
