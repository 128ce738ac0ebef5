"""What is said of a broker, and by whom."""

import logging

import pytest

from aios.adapters.rabbitmq.connection import RabbitServer
from aios.errors import ServiceUnavailableError


def test_an_ipv6_address_is_shown_as_a_url_has_it() -> None:
    assert RabbitServer("amqp://u:p@[::1]:5672/", purpose="test").address == "[::1]:5672"


async def test_a_refused_connection_is_told_by_our_error_alone(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1:1:"):
        await RabbitServer("amqp://u:p@127.0.0.1:1/", purpose="test").channel()
    assert not caplog.records
