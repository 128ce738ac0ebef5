"""What is said of a broker, and by whom."""

import asyncio
import gc
import logging
from urllib.parse import urlsplit

import pytest

from aios.adapters.rabbitmq.broker import RabbitBroker
from aios.adapters.rabbitmq.connection import HEARTBEAT_SECONDS, RabbitServer
from aios.errors import CredentialsRefusedError, ServiceUnavailableError
from tests.contract.waiting import eventually
from tests.servers.rabbitmq import RabbitProcess, ask


def test_an_ipv6_address_is_shown_as_a_url_has_it() -> None:
    assert RabbitServer("amqp://u:p@[::1]:5672/", purpose="test").address == "[::1]:5672"


async def test_a_refused_connection_is_told_by_our_error_alone(caplog: pytest.LogCaptureFixture) -> None:
    gc.collect()  # what other tests have left is told of now, and not as if it were ours
    caplog.clear()
    with caplog.at_level(logging.WARNING), pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1:1:"):
        await RabbitServer("amqp://u:p@127.0.0.1:1/", purpose="test").channel()
    assert not caplog.records


async def test_a_vhost_that_is_not_there_is_named(rabbitmq: RabbitProcess) -> None:
    url = urlsplit(rabbitmq.url)._replace(path="/nowhere%2Fhere").geturl()
    with pytest.raises(CredentialsRefusedError, match='does not open the vhost "nowhere/here"'):
        await RabbitServer(url, purpose="test").channel()


@pytest.mark.parametrize(
    ("options", "heartbeat", "name"),
    [("", HEARTBEAT_SECONDS, "aios test"), ("?heartbeat=7&name=blue", 7, "aios test blue")],
)
async def test_the_server_learns_of_the_heartbeat_and_the_name_in_the_url(
    rabbitmq: RabbitProcess, options: str, heartbeat: int, name: str
) -> None:
    server = RabbitServer(f"{rabbitmq.url}{options}", purpose="test")
    port = urlsplit(rabbitmq.url).port
    await server.channel()

    async def is_known() -> bool:
        found = await asyncio.to_thread(ask, rabbitmq.admin_url, "GET", "connections")
        here = [one for one in found if one.get("port") == port and "client_properties" in one]
        return (heartbeat, name) in {(one["timeout"], one["client_properties"]["connection_name"]) for one in here}

    await eventually(is_known)
    await server.close()


def test_redelivery_depends_on_the_heartbeat_in_the_url() -> None:
    assert RabbitBroker("amqp://h/?heartbeat=4").redelivery_seconds == 14.0
    assert RabbitBroker("amqp://h/?heartbeat=4", heartbeat=2).redelivery_seconds == 14.0
    assert RabbitBroker("amqp://h/", heartbeat=2).redelivery_seconds == 8.0
