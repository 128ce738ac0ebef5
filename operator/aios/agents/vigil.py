"""Vigil: what runs beside an attempt's work. It renews the lease, ends the work when the claim is over, and records
that the worker was told to stop.

The lease is a courtesy that keeps the engine from ringing again; the watch is what makes a cancel quick. Neither is
needed for safety: a claimant that misses both is refused at its next append.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from aios.agents.timings import Timings
from aios.cancellation import cancelled, heed_cancellation
from aios.errors import AiosError, ServiceUnavailableError
from aios.models.attempt_log import AttemptLog
from aios.ports.clock import Clock
from aios.ports.journal import Journal
from aios.ports.leases import Leases

logger = logging.getLogger(__name__)

SAY_SECONDS = 2.0
"""The work's own records wait behind this one for so long at most."""


@contextlib.asynccontextmanager
async def leased(leases: Leases, name: str, holder: str, *, timings: Timings, clock: Clock) -> AsyncIterator[bool]:
    """Hold the lease meanwhile; yields False, and does nothing, when somebody else holds it."""
    if not await leases.acquire(name, holder, ttl=timings.lease_ttl):
        yield False
        return
    renewal = asyncio.create_task(_renew(leases, name, holder, timings=timings, clock=clock))
    try:
        yield True
    finally:
        await cancelled(renewal)
        with contextlib.suppress(ServiceUnavailableError):
            await leases.release(name, holder)


async def _renew(leases: Leases, name: str, holder: str, *, timings: Timings, clock: Clock) -> None:
    """Whoever cannot renew tries again at once: when the store is back, perhaps emptied, those who wait for the lease
    are as quick."""
    pause = timings.lease_renewal
    while True:
        await clock.sleep(pause)
        try:
            async with asyncio.timeout(timings.lease_ttl / 3):
                await leases.acquire(name, holder, ttl=timings.lease_ttl)
            pause = timings.lease_renewal
        except (ServiceUnavailableError, TimeoutError):
            pause = timings.watch_pause
        heed_cancellation()


@contextlib.asynccontextmanager
async def yielding(stop: asyncio.Event, log: AttemptLog, epoch: int, worker: str) -> AsyncIterator[None]:
    """Once `stop` is set meanwhile, record it at once: what is drained is killed in the end, without another word, and
    such ends must not add up to poison. Best effort, and nothing waits for it."""
    saying = asyncio.create_task(_say(stop, log, epoch, worker))
    try:
        yield
    finally:
        await cancelled(saying)


async def _say(stop: asyncio.Event, log: AttemptLog, epoch: int, worker: str) -> None:
    await stop.wait()
    try:
        async with asyncio.timeout(SAY_SECONDS):
            await log.yields(epoch, worker)
    except (AiosError, TimeoutError) as error:
        logger.info("%s: not recorded that its worker was told to stop: %s", log.stream, error)


async def watched(
    work: "asyncio.Task[None]", log: AttemptLog, journal: Journal, *, timings: Timings, clock: Clock
) -> None:
    """Wait for `work`; cancel it at once when anyone else writes into the attempt's stream.

    Raises what `work` raises. When this is cancelled itself, so is `work`, and this returns after it.
    """
    watch = asyncio.create_task(_foreign(log, journal, timings=timings, clock=clock))
    try:
        await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        fenced = not work.done()
        await cancelled(work)
        await cancelled(watch)
    if watch.done() and not watch.cancelled():
        watch.result()
    if fenced:
        logger.info("the claim is over: somebody else wrote into %s", log.stream)
    elif not work.cancelled():
        work.result()


async def _foreign(log: AttemptLog, journal: Journal, *, timings: Timings, clock: Clock) -> None:
    """Returns when there is a foreign record. The first look comes after a pause: a claim that was just accepted
    says that there is none, and most of what is short ends before it."""
    while True:
        await clock.sleep(timings.watch_pause)
        with contextlib.suppress(ServiceUnavailableError):
            if await log.foreign():
                return
            await journal.changed(timings.watch)
        heed_cancellation()
