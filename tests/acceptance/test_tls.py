"""The same YAML with every service over TLS, under a private authority that the URLs name."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from aios.naming import digest
from tests.cli.console import EXAMPLES, aios
from tests.servers.rabbitmq import made_vhost
from tests.servers.tls import TlsRabbit, TlsServer

EXAMPLE = EXAMPLES / "02-software-team"


@pytest.fixture
def services(
    tls_rabbitmq: TlsRabbit, tls_minio: TlsServer, tls_redis: TlsServer, tls_qdrant: TlsServer, tmp_path: Path
) -> Mapping[str, str]:
    """The variables of a set of services that this test has for itself."""
    name, plain = digest(str(tmp_path))[:12], tls_rabbitmq.control
    made_vhost(plain.url, plain.admin_url, name)
    return {
        "AIOS_BROKER_URL": tls_rabbitmq.broker.trusted.replace("/?", f"/{name}?"),
        "AIOS_BROKER_ADMIN_URL": tls_rabbitmq.admin.trusted,
        "AIOS_OBJECTS_URL": f"{tls_minio.trusted}&prefix={name}-",
        "AIOS_SESSIONS_URL": tls_redis.trusted,
        "AIOS_KNOWLEDGE_URL": tls_qdrant.trusted,
    }


def test_one_command_over_tls_delivers_what_it_does_on_a_laptop(tmp_path: Path, services: Mapping[str, str]) -> None:
    done = aios("up", EXAMPLE, "--once", "-C", ".aios", cwd=tmp_path, env=services)
    assert done.code == 0, done.err
    assert "word-count  Succeeded  5/5 tasks" in done.out
    assert not (tmp_path / ".aios" / "journal.db").exists(), "the truth is in the object store"


def test_one_command_that_trusts_somebody_else_ends_and_says_what_to_state(
    tmp_path: Path, services: Mapping[str, str], tls_redis: TlsServer
) -> None:
    wrong = {**services, "AIOS_SESSIONS_URL": tls_redis.mistrusted}
    refused = aios("up", EXAMPLE, "--once", "-C", ".aios", cwd=tmp_path, env=wrong)
    assert refused.code == 3
    assert "certificate is not trusted" in refused.err
    assert "AIOS_SESSIONS_URL" in refused.err


def test_doctor_says_of_every_service_by_what_it_is_verified(
    tmp_path: Path, services: Mapping[str, str], tls_redis: TlsServer
) -> None:
    told = aios("doctor", "-C", ".aios", cwd=tmp_path, env=services)
    assert told.code == 0, told.out
    for scheme in ("amqps", "s3+https", "rediss", "https"):
        assert f"{scheme}://127.0.0.1:" in told.out
    assert told.out.count(f"TLS, verified by {tls_redis.authorities.ours.authority}") == len(services)


def test_doctor_says_of_each_service_that_it_is_not_trusted_and_what_to_state(
    tmp_path: Path, services: Mapping[str, str], tls_redis: TlsServer
) -> None:
    whoever = TlsServer("", tls_redis.authorities)
    wrong = {name: url.replace(whoever.trusted, whoever.mistrusted) for name, url in services.items()}
    told = aios("doctor", "-C", ".aios", cwd=tmp_path, env=wrong)
    assert told.code == 3
    for name in ("AIOS_BROKER_URL", "AIOS_OBJECTS_URL", "AIOS_SESSIONS_URL", "AIOS_KNOWLEDGE_URL"):
        assert name in told.out
    assert told.out.count("certificate is not trusted") == told.out.count("?cafile=/path/ca.pem") == len(services)


def test_a_missing_file_is_said_before_anything_starts(tmp_path: Path, services: Mapping[str, str]) -> None:
    missing = {**services, "AIOS_SESSIONS_URL": "rediss://127.0.0.1:1/0?cafile=/nonexistent/ca.pem"}
    refused = aios("up", EXAMPLE, "--once", "-C", ".aios", cwd=tmp_path, env=missing)
    assert refused.code == 3
    assert "AIOS_SESSIONS_URL: cafile=/nonexistent/ca.pem: cannot be read" in refused.err
    assert not (tmp_path / ".aios" / "journal.db").exists()
