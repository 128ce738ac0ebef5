"""Waiting for services that are away: bounded pauses, one line about why, and work that goes on by itself."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aios.cancellation import heed_cancellation
from aios.errors import BeingRemovedError, ServiceUnavailableError, UnroutableError
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


async def until_free(work: Callable[[], Awaitable[T]], what: str, told: Callable[[str], None], clock: Clock) -> T:
    """As `until_served`. That another installation still removes what it had by a name is `told` as well, and with ""
    that it is done: every service answers, so nobody else would say why nothing goes on."""
    said = ""

    async def saying() -> T:
        nonlocal said
        try:
            return await work()
        except BeingRemovedError as error:
            if str(error) != said:
                said = str(error)
                told(said)
            raise

    result = await until_served(saying, what, clock)
    if said:
        told("")
    return result
