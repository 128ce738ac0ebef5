"""What is said of a Redis."""

from aios.adapters.redis.connection import RedisServer


def test_an_ipv6_address_is_shown_as_a_url_has_it() -> None:
    assert RedisServer("redis://:p@[::1]:6379/0").address == "[::1]:6379"
