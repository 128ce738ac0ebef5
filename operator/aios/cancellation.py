"""Cancellation that is not lost on its way.

A library may swallow it: what fails at the moment it is cancelled raises its failure instead (`TaskGroup` and `gather`
do), and what succeeds at that moment returns (`asyncio.wait_for` before Python 3.12 does). Whoever goes round a loop
again would then never end, since a group that is ending cancels its tasks only once.
"""

import asyncio
from typing import Any

PATIENCE_SECONDS = 10.0
"""More than a task takes to put away what it has in hand."""


def heed_cancellation(cause: BaseException | None = None) -> None:
    """Raise CancelledError if the running task was cancelled and goes on all the same. For loops, once a round; never
    for clean-up, which is what a cancelled task may still do."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from cause


async def cancelled(*tasks: asyncio.Task[Any], within: float | None = None) -> None:
    """Cancel them and wait until they are gone, asking again if one goes on; what they came to is nobody's concern.

    `within`: seconds after which those are left to themselves that put away what they have in hand still, at a server
    that is frozen. For a process that ends.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=PATIENCE_SECONDS if within is None else within)
        if within is not None:
            break
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # seen, so that nobody reports it as lost
