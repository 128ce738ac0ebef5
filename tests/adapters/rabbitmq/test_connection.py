"""What is said of a broker, and by whom."""

import logging
from urllib.parse import urlsplit

import pytest

from aios.adapters.rabbitmq.connection import RabbitServer
from aios.errors import CredentialsRefusedError, ServiceUnavailableError
from tests.servers.rabbitmq import RabbitProcess


def test_an_ipv6_address_is_shown_as_a_url_has_it() -> None:
    assert RabbitServer("amqp://u:p@[::1]:5672/", purpose="test").address == "[::1]:5672"


async def test_a_refused_connection_is_told_by_our_error_alone(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1:1:"):
        await RabbitServer("amqp://u:p@127.0.0.1:1/", purpose="test").channel()
    assert not caplog.records


async def test_a_vhost_that_is_not_there_is_named(rabbitmq: RabbitProcess) -> None:
    url = urlsplit(rabbitmq.url)._replace(path="/nowhere%2Fhere").geturl()
    with pytest.raises(CredentialsRefusedError, match='does not open the vhost "nowhere/here"'):
        await RabbitServer(url, purpose="test").channel()
