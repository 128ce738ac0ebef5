"""What lies in a queue is no reason to fail."""

import pytest

from aios.adapters.rabbitmq.doorbells import from_bytes, to_bytes
from aios.ports.broker import Message


def test_a_message_comes_back_as_it_was() -> None:
    assert from_bytes(to_bytes(Message("m", {"run": "default/\u00fc/1", "attempt": 3}))) == Message(
        "m", {"run": "default/\u00fc/1", "attempt": 3}
    )


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"{}", b'{"id": 1, "body": 2}', b"[" * 200_000])
def test_what_is_no_doorbell_is_a_message_about_nothing(data: bytes) -> None:
    assert from_bytes(data) == Message("unreadable", {})
