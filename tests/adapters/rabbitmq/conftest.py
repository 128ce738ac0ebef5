"""A broker and its administration in a vhost of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aios.adapters.rabbitmq.broker import RabbitBroker
from aios.adapters.rabbitmq.topology import RabbitAdmin
from aios.naming import digest
from tests.servers.rabbitmq import RabbitProcess, made_vhost


@pytest.fixture
def vhost(rabbitmq: RabbitProcess, tmp_path: Path) -> str:
    """Its URL."""
    return made_vhost(rabbitmq.url, rabbitmq.admin_url, digest(str(tmp_path))[:12])


@pytest.fixture
async def broker(vhost: str) -> AsyncIterator[RabbitBroker]:
    made = RabbitBroker(vhost)
    yield made
    await made.close()


@pytest.fixture
async def admin(vhost: str, rabbitmq: RabbitProcess) -> AsyncIterator[RabbitAdmin]:
    made = RabbitAdmin(vhost, rabbitmq.admin_url)
    await made.ensure_queue("aios.default.team.worker")
    yield made
    await made.close()
