"""Redis over TLS, a real server; one of them asks its clients for a certificate, too."""

import time

import pytest
from redis.asyncio import Redis

from aios.adapters.redis.connection import RedisServer
from aios.adapters.redis.probe import probe
from aios.errors import ServiceUnavailableError
from tests.servers.tls import Authorities, TlsServer


async def answer(url: str) -> bool:
    server = RedisServer(url)
    try:
        return bool(await server.call(Redis.ping))
    finally:
        await server.close()


async def refused(url: str) -> str:
    with pytest.raises(ServiceUnavailableError) as error:
        await answer(url)
    return str(error.value)


async def test_it_answers_under_the_authority_that_is_named(tls_redis: TlsServer) -> None:
    assert await answer(tls_redis.trusted)


@pytest.mark.parametrize("how", ["mistrusted", "plain"])
async def test_neither_a_stranger_nor_the_machine_speaks_for_a_private_authority(
    tls_redis: TlsServer, how: str
) -> None:
    said = await refused(getattr(tls_redis, how))
    assert "Redis at 127.0.0.1:" in said
    assert "certificate is not trusted" in said
    assert "AIOS_SESSIONS_URL" in said
    assert "?cafile=" in said


async def test_only_the_authority_that_is_named_counts(tls_redis: TlsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_redis.authorities.ours.authority))
    assert await answer(tls_redis.plain), "the machine's own trust store, as OpenSSL is told of it"
    assert "certificate is not trusted" in await refused(tls_redis.mistrusted)


async def test_a_host_that_the_certificate_does_not_name_is_refused(tls_redis: TlsServer) -> None:
    assert "certificate is not for this host" in await refused(tls_redis.elsewhere)


async def test_without_tls_its_port_is_told_from_others(tls_redis: TlsServer) -> None:
    assert "rediss://" in await refused(tls_redis.in_clear)


async def test_tls_to_the_port_without_does_not_hang(redis_server: str, authorities: Authorities) -> None:
    started = time.monotonic()
    assert "TLS" in await refused(TlsServer(redis_server.replace("redis://", "rediss://"), authorities).trusted)
    assert time.monotonic() - started < 20


async def test_a_server_that_asks_for_a_certificate_gets_ours(mutual_redis: TlsServer) -> None:
    ours = mutual_redis.authorities.ours
    assert await answer(
        mutual_redis.stating(cafile=ours.authority, certfile=ours.certificate, keyfile=ours.key),
    )
    said = await refused(mutual_redis.trusted)
    assert "certfile and keyfile" in said
    assert "AIOS_SESSIONS_URL" in said


async def test_the_probe_says_by_what_it_is_verified(tls_redis: TlsServer) -> None:
    found = await probe(tls_redis.trusted)
    assert f"TLS, verified by {tls_redis.authorities.ours.authority}" in found.details
