"""Refs of what changes, from lists and watches: the Resources port's `changes` on an API server.

The operator does not use it (it watches through Kopf); engines and commands that follow a project do. What the API
server answers is waited out, refusals too: a right or a CRD may come back while we run. What nobody foresaw is raised,
for whoever waits for changes that can no longer come does not notice.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from time import monotonic
from typing import NoReturn

from aios.adapters.kubernetes.api import Api, name_of
from aios.cancellation import cancelled, heed_cancellation
from aios.errors import AiosError
from aios.spec.base import Kind, Ref

log = logging.getLogger(__name__)

_PAUSE = 1.0
"""Seconds between a lost watch and the next list; they double with each failure in a row."""
_LONGEST_PAUSE = 15.0
_PROVEN_SECONDS = 20.0
"""A watch that lasted so long was one: a refused one ends sooner, one that cannot connect too."""


async def watch_all(api: Api, kinds: Sequence[Kind]) -> AsyncIterator[Ref]:
    """First every object of `kinds`, then the ref of each that is added, changed or deleted. Raises what ended the
    watch of a kind; no AiosError does."""
    queue: asyncio.Queue[Ref] = asyncio.Queue(maxsize=1000)
    tasks = [asyncio.create_task(_follow(api, kind, queue)) for kind in kinds]
    try:
        while True:
            yield queue.get_nowait() if not queue.empty() else await _next(queue, tasks)
    finally:
        await cancelled(*tasks)


async def _next(queue: asyncio.Queue[Ref], tasks: Sequence[asyncio.Task[NoReturn]]) -> Ref:
    """The next of the queue. Raises what ended one of those who fill it."""
    getting = asyncio.create_task(queue.get())
    try:
        await asyncio.wait({getting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        if getting.done():
            return getting.result()
    finally:
        getting.cancel()
    for task in tasks:
        if task.done():
            task.result()
    raise AssertionError("waiting ended for nothing")


async def _follow(api: Api, kind: Kind, queue: asyncio.Queue[Ref]) -> NoReturn:
    known: set[Ref] = set()
    trouble = Trouble(kind)
    while True:
        pause = _PAUSE
        try:
            await _follow_once(api, kind, queue, known, trouble)
        except AiosError as error:
            heed_cancellation(error)
            pause = trouble.tell(error)
        await asyncio.sleep(pause)


async def _follow_once(api: Api, kind: Kind, queue: asyncio.Queue[Ref], known: set[Ref], trouble: "Trouble") -> None:
    items, version = await api.list_with_version(kind)
    listed = {Ref(kind, *name_of(item)) for item in items}
    for ref in sorted(listed | known):  # what is known and no longer listed was deleted while nobody watched
        await queue.put(ref)
    known.clear()
    known.update(listed)
    began = monotonic()
    try:
        async for event, item in api.watch(kind, version):
            trouble.over()
            ref = Ref(kind, *name_of(item))
            (known.discard if event == "DELETED" else known.add)(ref)
            await queue.put(ref)
    except AiosError:
        if monotonic() - began > _PROVEN_SECONDS:
            trouble.over()
        raise
    trouble.over()


class Trouble:
    """Why a kind is not watched: said once as long as it stays the same, and tried again less and less often."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._failures, self._said = 0, ""

    def tell(self, error: AiosError) -> float:
        """Log it if it is news. Returns the seconds until the next try."""
        self._failures += 1
        if self._failures == 1 and error.retryable:  # as a watch ends now and then
            log.info("watching %s again: %s", self._kind, error)
        elif str(error) != self._said:
            self._said = str(error)
            log.warning("changes of %s are not seen; trying again until they are: %s", self._kind, error)
        return min(_PAUSE * 2.0 ** min(self._failures - 1, 32), _LONGEST_PAUSE)

    def over(self) -> None:
        """It is watched."""
        if self._said:
            log.info("changes of %s are seen again", self._kind)
        self._failures, self._said = 0, ""
