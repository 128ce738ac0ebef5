"""Whoever watches `aios up`, `run` or `logs`: what it is told, and that nothing on record is left out."""

import asyncio
from typing import Protocol

from aios.cancellation import cancelled
from aios.desired.changes import ChangeSet
from aios.embedded.state_folder import StateFolder
from aios.errors import ServiceUnavailableError
from aios.spec.base import Ref
from aios.spec.catalogue import Catalogue
from aios.wiring.follow import RunReader, RunRecord
from aios.wiring.stopping import before

LAST_WORDS_SECONDS = 3.0
"""How long they may take once somebody wants to end: a journal that is frozen has none to give."""


class Audience(Protocol):
    """Whoever is shown what happens. Calls come from the event loop, in order."""

    def opened(self, state: StateFolder, *, new: bool, metrics: str) -> None:
        """The state folder is ours."""
        ...

    def applied(self, changes: ChangeSet, catalogue: Catalogue) -> None:
        """The YAML stands in the store now."""
        ...

    def deleted(self, ref: Ref, fate: str) -> None:
        """What was deleted, and a sentence about what of it went and what stays."""
        ...

    def broken(self, message: str) -> None:
        """An edit cannot be applied; what was applied before stays."""
        ...

    def happened(self, record: RunRecord) -> None:
        """A run went on."""
        ...

    def waiting(self, reason: str) -> None:
        """A service is away, and what needs it waits; "": everything answers again."""
        ...

    def draining(self) -> None:
        """Told to stop; tasks in flight may finish."""
        ...


async def show(reader: RunReader, audience: Audience) -> None:
    """Tell what happens as it happens, until cancelled."""
    async for record in reader.follow():
        audience.happened(record)


async def last_words(
    reader: RunReader, audience: Audience, showing: asyncio.Task[None], *, stop: asyncio.Event
) -> None:
    """Tell what is on record and was not told yet, then no more."""
    await cancelled(showing)

    async def tell() -> None:
        async for record in reader.news():
            audience.happened(record)

    try:
        if not await before(stop, tell(), patience=LAST_WORDS_SECONDS):
            audience.waiting(f"not everything can be shown: no answer from the journal for {LAST_WORDS_SECONDS:.0f} s")
    except ServiceUnavailableError as error:
        audience.waiting(f"not everything can be shown: {error}")
