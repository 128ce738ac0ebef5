"""Who listens where: a task for each name that is of interest, given back some time after it no longer is.

A broker's client keeps a channel open for each, of which a connection has about 2,000, and teams come and go.
"""

import asyncio
from collections.abc import Callable, Coroutine
from collections.abc import Set as AbstractSet

KEPT_SECONDS = 30.0
"""After the last interest in it: attempts follow each other at one queue, and listening anew costs more."""
MOST = 1_000
"""Beyond so many, those nobody is interested in any more go at once."""


class Listeners:
    """Tasks of one sort, by the name of what they listen at."""

    def __init__(self, listen: Callable[[str], Coroutine[None, None, None]], now: Callable[[], float]) -> None:
        """`listen(name)` is cancelled when it is given back, and may end earlier: then it is begun again if it is
        still of interest. `now`: a clock that only goes forward."""
        self._listen, self._now = listen, now
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wanted: dict[str, float] = {}
        """When each was last of interest, the longest ago first."""

    def attend(self, group: asyncio.TaskGroup, wanted: AbstractSet[str]) -> None:
        """Listen at all that is `wanted`. Call it now and then: the passing of time is noticed by nothing else."""
        now = self._now()
        for name in wanted:
            self._wanted.pop(name, None)
            self._wanted[name] = now
            if name not in self._tasks:
                self._begin(group, name)
        for name, last in list(self._wanted.items()):
            if name in wanted or (now - last < KEPT_SECONDS and len(self._wanted) <= MOST):
                break  # as are all that follow
            del self._wanted[name]
            if task := self._tasks.pop(name, None):
                task.cancel()

    def _begin(self, group: asyncio.TaskGroup, name: str) -> None:
        task = self._tasks[name] = group.create_task(self._listen(name))
        task.add_done_callback(lambda _: self._over(name, task))

    def _over(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]
