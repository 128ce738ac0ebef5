"""One run's stream in this engine's hands: its state, its clock, and the only way to append to it.

Refuses to guess: after an append whose fate is unknown nothing else is appended until the same records are confirmed.
"""

from collections.abc import Sequence
from datetime import datetime

from aios.errors import ServiceUnavailableError
from aios.naming import run_stream
from aios.ports.clock import Clock
from aios.ports.journal import Journal, Record, Stored
from aios.projects.fold import apply
from aios.projects.state import RunState
from aios.tasks.run_events import RUN_EVENT, AnyRunEvent, Dispatched, RetryRequested, RunEnded


class RunLog:
    """Opened with `open`; `append` raises SequenceConflictError when another engine has the run now."""

    def __init__(self, journal: Journal, clock: Clock, run: str) -> None:
        self.run = run
        self.stream = run_stream(run)
        self.state = RunState()
        self.seq = 0
        self.started_at: datetime | None = None
        self.ended_at: datetime | None = None
        self._journal, self._clock = journal, clock
        self._opened = clock.monotonic()
        self._base = 0.0
        self._dispatched: dict[tuple[str, int], int] = {}
        self._unconfirmed: list[Record] = []

    @classmethod
    async def open(cls, journal: Journal, clock: Clock, run: str) -> "RunLog":
        """The run as it stands in the journal; an unknown one is empty."""
        log = cls(journal, clock, run)
        await log._catch_up()
        log._base = log.state.now
        return log

    def now(self) -> float:
        """Run time in seconds: what earlier engines used, and since this one opened it."""
        return round(self._base + self._clock.monotonic() - self._opened, 3)

    def dispatched_at(self, task: str, attempt: int) -> int:
        """The sequence number of the attempt's Dispatched record; 0 when there is none."""
        return self._dispatched.get((task, attempt), 0)

    async def append(self, events: Sequence[AnyRunEvent]) -> None:
        """Journal `events` in one piece. After ServiceUnavailableError call `confirm` before anything else."""
        if self._unconfirmed:
            raise ServiceUnavailableError(f"{self.stream}: an earlier append is not confirmed yet")
        self._unconfirmed = [Record(event.model_dump(mode="json", by_alias=True)) for event in events]
        await self.confirm()

    async def confirm(self) -> None:
        """Make sure of an append whose reply was lost; nothing to do when there is none."""
        if self._unconfirmed:
            await self._journal.append(self.stream, self.seq, self._unconfirmed)
            # Read back instead of folding what was sent: wall-clock times are the store's, and a restart sees the same.
            # Nothing beyond it: what another engine appended must be met by our next append, which it fences.
            await self._catch_up(len(self._unconfirmed))
            self._unconfirmed = []

    async def _catch_up(self, limit: int | None = None) -> None:
        for stored in await self._journal.read(self.stream, self.seq, limit):
            self._take(stored)

    def _take(self, stored: Stored) -> None:
        event = RUN_EVENT.validate_python(stored.data)
        self.state, self.seq = apply(self.state, event), stored.seq
        self.started_at = self.started_at or stored.at
        if isinstance(event, Dispatched):
            self._dispatched[event.task.name, event.attempt] = stored.seq
        if isinstance(event, RunEnded) and self.ended_at is None:
            self.ended_at = stored.at
        if isinstance(event, RetryRequested) and self.state.ended is None:
            self.ended_at = None
