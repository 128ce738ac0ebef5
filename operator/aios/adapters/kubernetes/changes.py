"""Refs of what changes, from lists and watches: the Resources port's `changes` on an API server.

The operator does not use it (it watches through Kopf); engines and commands that follow a project do.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

from aios.adapters.kubernetes.api import Api, name_of
from aios.cancellation import cancelled
from aios.errors import ServiceUnavailableError
from aios.spec.base import Kind, Ref

log = logging.getLogger(__name__)

_PAUSE = 1.0
"""Seconds between a lost watch and the next list."""


async def watch_all(api: Api, kinds: Sequence[Kind]) -> AsyncIterator[Ref]:
    """First every object of `kinds`, then the ref of each that is added, changed or deleted."""
    queue: asyncio.Queue[Ref] = asyncio.Queue(maxsize=1000)
    tasks = [asyncio.create_task(_follow(api, kind, queue)) for kind in kinds]
    try:
        while True:
            yield await queue.get()
    finally:
        await cancelled(*tasks)


async def _follow(api: Api, kind: Kind, queue: asyncio.Queue[Ref]) -> None:
    known: set[Ref] = set()
    while True:
        try:
            await _follow_once(api, kind, queue, known)
        except ServiceUnavailableError as error:
            log.info("watching %s again: %s", kind, error)
        await asyncio.sleep(_PAUSE)


async def _follow_once(api: Api, kind: Kind, queue: asyncio.Queue[Ref], known: set[Ref]) -> None:
    items, version = await api.list_with_version(kind)
    listed = {Ref(kind, *name_of(item)) for item in items}
    for ref in sorted(listed | known):  # what is known and no longer listed was deleted while nobody watched
        await queue.put(ref)
    known.clear()
    known.update(listed)
    async for event, item in api.watch(kind, version):
        ref = Ref(kind, *name_of(item))
        (known.discard if event == "DELETED" else known.add)(ref)
        await queue.put(ref)
