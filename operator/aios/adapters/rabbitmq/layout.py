"""How a queue stands on the server: which exchange leads to it and what bounds it. Pure."""

from aios.naming import dead_letter_queue

OURS = "aios."
"""What the names of our queues begin with; others may use the same vhost."""
UNBOUNDED = 1_000_000_000
"""Deliveries: RabbitMQ 4 would drop a dead letter after 20 looks at it, and 3.10 knows no -1."""


def exchange_of(queue: str) -> str:
    """The topic exchange of its team: `aios.NAMESPACE.TEAM` for `aios.NAMESPACE.TEAM.MEMBER`."""
    return queue.rpartition(".")[0] or "aios"


def is_counted(queue: str) -> bool:
    """Whether it is a queue of ours that is not for dead letters."""
    return queue.startswith(OURS) and not queue.endswith(dead_letter_queue(""))


def queue_arguments(queue: str, delivery_limit: int) -> dict[str, object]:
    """A quorum queue whose dead letters move with confirms (at-least-once wants `reject-publish`).

    The server counts the returns of a message and not its deliveries, and puts it aside beyond the limit: so many
    deliveries are one return less.
    """
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": max(0, delivery_limit - 1),
        "x-overflow": "reject-publish",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead_letter_queue(queue),
        "x-dead-letter-strategy": "at-least-once",
    }


def dead_letter_arguments() -> dict[str, object]:
    """The dead letters' own queue: nothing leaves it by itself."""
    return {"x-queue-type": "quorum", "x-delivery-limit": UNBOUNDED}
