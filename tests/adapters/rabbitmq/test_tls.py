"""RabbitMQ over TLS, a real node: its authority is trusted by name, and nobody else is."""

import os
import signal
import time

import pytest

from aios.adapters.rabbitmq.broker import RabbitBroker
from aios.adapters.rabbitmq.connection import CONNECT_SECONDS, RabbitServer
from aios.adapters.rabbitmq.management import Management
from aios.adapters.rabbitmq.probe import probe
from aios.adapters.rabbitmq.topology import RabbitAdmin
from aios.errors import ServiceUnavailableError
from aios.ports.broker import Message
from tests.servers.tls import TlsRabbit, TlsServer


async def refused(url: str) -> str:
    """What is said of a channel that cannot be opened, by then without its credentials."""
    server = RabbitServer(url, purpose="test")
    with pytest.raises(ServiceUnavailableError) as error:
        await server.channel()
    return str(error.value)


async def asked(url: str) -> str:
    with pytest.raises(ServiceUnavailableError) as error:
        await Management("amqp://127.0.0.1/", url).ask("GET", "overview")
    return str(error.value)


async def test_a_message_arrives_under_the_authority_that_is_named(tls_rabbitmq: TlsRabbit) -> None:
    broker, admin = (
        RabbitBroker(tls_rabbitmq.broker.trusted),
        RabbitAdmin(tls_rabbitmq.broker.trusted, tls_rabbitmq.admin.trusted),
    )
    await admin.ensure_queue("aios.tls.team.worker")
    await broker.publish("aios.tls.team.worker", Message("bell", {"task": "x"}))
    async with broker.consume("aios.tls.team.worker") as consumer:
        delivery = await consumer.receive(10)
        assert delivery is not None
        assert delivery.message.id == "bell"
        await delivery.ack()
    await admin.delete_queue("aios.tls.team.worker")
    await broker.close()
    await admin.close()


async def test_a_stranger_s_authority_is_not_enough(tls_rabbitmq: TlsRabbit) -> None:
    said = await refused(tls_rabbitmq.broker.mistrusted)
    assert "RabbitMQ at 127.0.0.1:" in said
    assert "certificate is not trusted" in said
    assert "cafile=" in said
    assert "AIOS_BROKER_URL" in said


async def test_the_machine_s_trust_store_does_not_know_a_private_authority(tls_rabbitmq: TlsRabbit) -> None:
    assert "certificate is not trusted" in await refused(tls_rabbitmq.broker.plain)


async def test_a_host_that_the_certificate_does_not_name_is_refused(tls_rabbitmq: TlsRabbit) -> None:
    assert "certificate is not for this host" in await refused(tls_rabbitmq.broker.elsewhere)


async def test_without_tls_its_port_is_told_from_others_and_nothing_hangs(tls_rabbitmq: TlsRabbit) -> None:
    started = time.monotonic()
    said = await refused(tls_rabbitmq.broker.in_clear)
    assert "amqps://" in said
    assert time.monotonic() - started < CONNECT_SECONDS + 1


async def test_tls_to_the_port_without_is_told(tls_rabbitmq: TlsRabbit) -> None:
    plain = TlsServer(tls_rabbitmq.control.url.replace("amqp://", "amqps://"), tls_rabbitmq.broker.authorities)
    assert "does not speak TLS" in await refused(plain.trusted)


async def test_no_error_shows_the_password(tls_rabbitmq: TlsRabbit) -> None:
    server = tls_rabbitmq.broker
    for url in (server.mistrusted, server.elsewhere, server.in_clear):
        assert tls_rabbitmq.control.password not in await refused(url)


async def test_the_management_is_held_to_the_same(tls_rabbitmq: TlsRabbit) -> None:
    admin = tls_rabbitmq.admin
    assert "rabbitmq_version" in await Management("amqp://127.0.0.1/", admin.trusted).ask("GET", "overview")
    untrusted = await asked(admin.mistrusted)
    assert "certificate is not trusted" in untrusted
    assert "AIOS_BROKER_ADMIN_URL" in untrusted
    assert "certificate is not for this host" in await asked(admin.elsewhere)
    assert "https://" in await asked(admin.in_clear)


async def test_without_an_address_of_its_own_the_management_is_trusted_as_the_broker_is(
    tls_rabbitmq: TlsRabbit,
) -> None:
    assert Management(tls_rabbitmq.broker.trusted).address == "https://127.0.0.1:15671"


async def test_a_certificate_of_ours_is_shown_to_the_server(tls_rabbitmq: TlsRabbit) -> None:
    ours, stranger = tls_rabbitmq.broker.authorities.ours, tls_rabbitmq.broker.authorities.stranger
    known = tls_rabbitmq.broker.stating(cafile=ours.authority, certfile=ours.certificate, keyfile=ours.key)
    server = RabbitServer(known, purpose="test")
    await server.channel()
    await server.close()
    unknown = tls_rabbitmq.broker.stating(cafile=ours.authority, certfile=stranger.certificate, keyfile=stranger.key)
    assert "certfile and keyfile" in await refused(unknown)


async def test_a_frozen_server_holds_up_nobody_who_leaves(tls_rabbitmq: TlsRabbit) -> None:
    server, group = RabbitServer(tls_rabbitmq.broker.trusted, purpose="test"), tls_rabbitmq.control.process.pid
    await server.channel()
    os.killpg(group, signal.SIGSTOP)
    try:
        started = time.monotonic()
        await server.close()
        assert time.monotonic() - started < 10
    finally:
        os.killpg(group, signal.SIGCONT)


async def test_the_probe_says_by_what_it_is_verified(tls_rabbitmq: TlsRabbit) -> None:
    found = await probe(tls_rabbitmq.broker.trusted, tls_rabbitmq.admin.trusted)
    assert f"TLS, verified by {tls_rabbitmq.broker.authorities.ours.authority}" in found.details
    assert not found.problems
