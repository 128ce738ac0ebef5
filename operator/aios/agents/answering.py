"""A worker whose services are away keeps the doorbell that it holds, and looks when they are back."""

import asyncio

from aios.agents.assignment import Doorbell
from aios.agents.ports import AgentPorts
from aios.agents.timings import Timings
from aios.errors import ServiceUnavailableError
from aios.naming import attempt_lease
from aios.parallel import first_of
from aios.ports.clock import Clock

LONGEST = 1_200.0
"""Seconds; RabbitMQ takes back what was not settled within 30 minutes, and closes the channel."""


async def answering(ports: AgentPorts, bell: Doorbell, stop: asyncio.Event, *, timings: Timings, clock: Clock) -> None:
    """Returns when those answer that a claim needs, when `stop` is set, or after LONGEST."""
    until = clock.monotonic() + LONGEST
    while not await _answer(ports, bell) and clock.monotonic() < until:
        if await first_of(stop.wait(), clock.sleep(timings.outage)):
            return


async def _answer(ports: AgentPorts, bell: Doorbell) -> bool:
    try:
        await ports.journal.head(bell.stream)
        await ports.leases.holder(attempt_lease(bell.run, bell.task, bell.attempt))
    except ServiceUnavailableError:
        return False
    return True
