"""Waiting for services that are away: bounded pauses, one line about why, and work that goes on by itself."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aios.cancellation import heed_cancellation
from aios.errors import ServiceUnavailableError, UnroutableError
from aios.ports.clock import Clock

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST, LONGEST = 0.5, 5.0
"""Seconds between two tries: doubling, up to what a person watching would still call quick."""


async def until_served(work: Callable[[], Awaitable[T]], what: str, clock: Clock) -> T:
    """The result of `work`, which is begun again for as long as a service it needs is away."""
    pause, said = FIRST, ""
    while True:
        try:
            return await work()
        except (ServiceUnavailableError, UnroutableError) as error:
            heed_cancellation(error)
            if str(error) != said:
                log.warning("cannot %s yet: %s", what, error)
                said = str(error)
        await clock.sleep(pause)
        pause = min(2 * pause, LONGEST)
