from pathlib import Path

import pytest

from aios.naming import digest
from tests.faults.real_services import RealServices
from tests.servers.rabbitmq import RabbitProcess
from tests.servers.redis import made_database


@pytest.fixture
def services(rabbitmq: RabbitProcess, minio: str, redis_server: str, tmp_path: Path) -> RealServices:
    """A vhost, buckets and a Redis database that this test has for itself."""
    name = digest(str(tmp_path))[:12]
    servers = RealServices(rabbitmq.url, rabbitmq.admin_url, minio, redis_server)
    return servers.apart(name, int(made_database(redis_server, name).rpartition("/")[2]))
