"""Broker: doorbells. Messages carry ids and digests, no content; losing every one of them loses no work."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """A doorbell. `id` derives from what it is about, so ringing twice is recognisable."""

    id: str
    body: Mapping[str, str | int]


class Delivery(Protocol):
    """A message in a consumer's hand until it is settled."""

    @property
    def message(self) -> Message: ...

    @property
    def redelivered(self) -> bool:
        """Whether it was in somebody's hand before."""
        ...

    async def ack(self) -> None:
        """Done with it. Settling twice, or after the consumer was closed, is no error and changes nothing."""
        ...

    async def nack(self, *, requeue: bool) -> None:
        """Back to the queue, where it counts as one more delivery, or to the dead letters. Too late or twice: as
        `ack`."""
        ...


class Consumer(Protocol):
    """A place at a queue."""

    async def receive(self, wait: float | None = None) -> Delivery | None:
        """The next message, or None after `wait` seconds or when the consumer was closed. A call that is cancelled
        has taken nothing. One call is one free slot: no message is held for a
        consumer beyond the calls that wait, so a busy worker keeps nothing from an idle one."""
        ...


class Broker(Protocol):
    """Queues with confirmed publishes and at-least-once delivery.

    Promises: a publish that returned is durable and in a queue; an unsettled delivery comes back within
    `redelivery_seconds` after its consumer was closed, killed, or stopped answering; a message that was delivered
    `delivery_limit` times (by default 50) without being settled goes to the dead letters. The bound on redelivery
    holds while anybody consumes. No order and no uniqueness are promised.
    """

    @property
    def redelivery_seconds(self) -> float:
        """The bound on redelivery after a consumer died."""
        ...

    async def publish(self, queue: str, message: Message) -> None:
        """Returns when confirmed. Raises UnroutableError when no such queue exists."""
        ...

    def consume(self, queue: str) -> AbstractAsyncContextManager[Consumer]:
        """A consumer; leaving the context gives back at once what it holds. Raises UnroutableError on entering
        when the queue does not exist."""
        ...


class BrokerAdmin(Protocol):
    """Topology: the operator's right, never a worker's."""

    async def ensure_queue(self, queue: str) -> None:
        """Make the queue and its dead-letter queue; no change when they exist."""
        ...

    async def delete_queue(self, queue: str) -> None:
        """Remove both with what is in them; no error when they do not exist."""
        ...

    async def queues(self) -> Mapping[str, int]:
        """Every queue that is not a dead-letter queue, with its number of waiting messages."""
        ...

    async def dead_letters(self, queue: str) -> tuple[Message, ...]:
        """What lies in the queue's dead-letter queue, at most 1,000."""
        ...
