"""A Message as bytes on the wire, and back. A body that is none becomes a message about nothing, which workers drop."""

import json
import logging

from aios.ports.broker import Message

log = logging.getLogger(__name__)


def to_bytes(message: Message) -> bytes:
    """JSON: the id, because the wire's own message id must be different for the same bell rung twice, and the body."""
    return json.dumps({"id": message.id, "body": dict(message.body)}, separators=(",", ":")).encode()


def from_bytes(data: bytes) -> Message:
    """Never raises."""
    try:
        found = json.loads(data)
        return Message(str(found["id"]), dict(found["body"]))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        log.warning("a message that is no doorbell: %s", error)
        return Message("unreadable", {})
