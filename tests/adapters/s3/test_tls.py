"""An object store over TLS, a real MinIO: by its own client for objects and by the other one for buckets."""

import pytest

from aios.adapters.s3.buckets import S3Buckets
from aios.adapters.s3.probe import probe
from aios.errors import ServiceUnavailableError
from tests.servers.tls import TlsServer


async def refused(url: str) -> list[str]:
    """What both clients say."""
    buckets, said = S3Buckets(url), []
    for attempt in (buckets.bucket("aios-tls").get("key"), buckets.buckets()):
        with pytest.raises(ServiceUnavailableError) as error:
            await attempt
        said.append(str(error.value))
    await buckets.close()
    return said


async def test_objects_and_buckets_under_the_authority_that_is_named(tls_minio: TlsServer) -> None:
    buckets = S3Buckets(f"{tls_minio.trusted}&prefix=named-")
    await buckets.ensure_bucket("aios-tls")
    await buckets.bucket("aios-tls").put("key", b"value")
    assert (await buckets.bucket("aios-tls").get("key")).data == b"value"
    assert "aios-tls" in await buckets.buckets()
    await buckets.delete_bucket("aios-tls")
    await buckets.close()


@pytest.mark.parametrize("how", ["mistrusted", "plain"])
async def test_neither_a_stranger_nor_the_machine_speaks_for_a_private_authority(
    tls_minio: TlsServer, how: str
) -> None:
    for said in await refused(getattr(tls_minio, how)):
        assert "object store at https://127.0.0.1:" in said
        assert "certificate is not trusted" in said
        assert "AIOS_OBJECTS_URL" in said
        assert "?cafile=" in said


async def test_a_host_that_the_certificate_does_not_name_is_refused(tls_minio: TlsServer) -> None:
    for said in await refused(tls_minio.elsewhere):
        assert "certificate is not for this host" in said


async def test_without_tls_its_port_is_told_from_others(tls_minio: TlsServer) -> None:
    for said in await refused(tls_minio.in_clear):
        assert "HTTPS" in said


async def test_the_probe_says_by_what_it_is_verified(tls_minio: TlsServer) -> None:
    found = await probe(tls_minio.trusted)
    assert f"TLS, verified by {tls_minio.authorities.ours.authority}" in found.details
