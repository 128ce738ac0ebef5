"""Writes `status.run` beside the engine's turns: a slow API server delays what people see, never the work.

Only the latest picture of a project is kept and a moment passes between two writes, so a burst of events is few of
them. How a run ended is shown at once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aios.cancellation import heed_cancellation
from aios.errors import AiosError
from aios.ports.resources import Resources
from aios.spec.base import Ref
from aios.spec.project import RunStatus

_RETRY_SECONDS = 1.0
_PAUSE_SECONDS = 0.5
"""How old a picture may be. Each costs a write, and a look of everybody who watches the project."""
_log = logging.getLogger(__name__)


class MirrorWriter:
    """`show` from the engine, `run` as a task of its own."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._shown: dict[Ref, tuple[str, RunStatus]] = {}
        self._waiting: dict[Ref, RunStatus] = {}
        self._wake = asyncio.Event()
        self._urgent = asyncio.Event()

    def show(self, ref: Ref, uid: str, status: RunStatus) -> None:
        """Write `status` soon, unless this very Project (a recreated one has another `uid`) shows it already."""
        if self._shown.get(ref) != (uid, status):
            self._shown[ref] = (uid, status)
            self._waiting[ref] = status
            self._wake.set()
            if status.phase.ended:
                self._urgent.set()

    def forget(self, ref: Ref) -> None:
        """Nothing more is to be shown of it for now. What waits to be written is written; if it is shown again then it
        is compared with what is stored."""
        self._shown.pop(ref, None)

    async def run(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Until cancelled."""
        while True:
            heed_cancellation()
            await self._wake.wait()
            self._wake.clear()
            self._urgent.clear()
            if await self._write_all():
                await self._pause(sleep)
            else:
                await sleep(_RETRY_SECONDS)
                self._wake.set()

    async def _pause(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Let pictures gather, until one comes that must not wait."""
        rest, urgent = asyncio.ensure_future(sleep(_PAUSE_SECONDS)), asyncio.ensure_future(self._urgent.wait())
        try:
            await asyncio.wait({rest, urgent}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            rest.cancel()
            urgent.cancel()

    async def _write_all(self) -> bool:
        """Whether everything that waited was written."""
        while self._waiting:
            ref = next(iter(self._waiting))
            status = self._waiting.pop(ref)
            try:
                await self._resources.write_run(ref, status)
            except AiosError as error:
                _log.warning("cannot write the status of %s yet: %s", ref, error)
                self._waiting.setdefault(ref, status)
                return False
        return True
