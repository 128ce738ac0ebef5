"""Qdrant over TLS: its client against the stand-in."""

import pytest

from aios.adapters.qdrant.probe import probe
from aios.errors import ServiceUnavailableError
from tests.servers.tls import TlsServer


async def refused(url: str) -> str:
    with pytest.raises(ServiceUnavailableError) as error:
        await probe(url)
    return str(error.value)


async def test_it_answers_under_the_authority_that_is_named(tls_qdrant: TlsServer) -> None:
    found = await probe(tls_qdrant.trusted)
    assert f"TLS, verified by {tls_qdrant.authorities.ours.authority}" in found.details


@pytest.mark.parametrize("how", ["mistrusted", "plain"])
async def test_neither_a_stranger_nor_the_machine_speaks_for_a_private_authority(
    tls_qdrant: TlsServer, how: str
) -> None:
    said = await refused(getattr(tls_qdrant, how))
    assert "Qdrant at https://127.0.0.1:" in said
    assert "certificate is not trusted" in said
    assert "AIOS_KNOWLEDGE_URL" in said
    assert "?cafile=" in said


async def test_the_machine_s_trust_store_is_the_one_that_openssl_finds(
    tls_qdrant: TlsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_qdrant.authorities.ours.authority))
    assert (await probe(tls_qdrant.plain)).service == "Qdrant"


async def test_a_host_that_the_certificate_does_not_name_is_refused(tls_qdrant: TlsServer) -> None:
    assert "certificate is not for this host" in await refused(tls_qdrant.elsewhere)


async def test_without_tls_its_port_is_told_from_others(tls_qdrant: TlsServer) -> None:
    said = await refused(tls_qdrant.in_clear)
    assert "Qdrant at http://127.0.0.1:" in said
    assert "https://" in said
