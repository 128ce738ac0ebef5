"""Reading what one task does while it does it: the streams of its attempts, and from the run when that is over."""

import asyncio
import time
from collections.abc import Sequence

from aios.naming import attempt_stream, run_stream
from aios.ports.journal import Journal, Stored
from aios.projects.fold import apply
from aios.projects.state import RunState
from aios.tasks.attempt_events import ATTEMPT_EVENT, Ended
from aios.wiring.follow import LONGEST_PAUSE, PATIENCE, PAUSE, RunReader


class TaskReader:
    """The records of a task's attempts, each once."""

    def __init__(self, journal: Journal, run: str, task: str) -> None:
        self._journal, self._run, self._task = journal, run, task
        self._read: dict[str, int] = {}
        self._ended: set[str] = set()

    async def news(self) -> Sequence[tuple[int, Sequence[Stored]]]:
        """What was appended since the last reading, by attempt. Nothing counts as read when it raises."""
        found: dict[str, Sequence[Stored]] = {}
        for stream in await self._streams():
            if stream not in self._ended and _task_of(stream) == self._task:
                found[stream] = await self._journal.read(stream, self._read.get(stream, 0))
        found = {stream: records for stream, records in found.items() if records}
        for stream, records in found.items():
            self._read[stream] = records[-1].seq
            if isinstance(ATTEMPT_EVENT.validate_python(records[-1].data), Ended):  # nothing comes after it
                self._ended.add(stream)
        return sorted((int(stream.rpartition("/")[2]), records) for stream, records in found.items())

    async def nothing(self) -> str:
        """Why there is nothing to read, naming the tasks of which there is something."""
        known = ", ".join(dict.fromkeys(_task_of(stream) for stream in await self._streams())) or "none yet"
        return f'no attempt at a task "{self._task}" in {self._run}; there are attempts at: {known}'

    async def _streams(self) -> Sequence[str]:
        return await self._journal.streams(attempt_stream(self._run, "", 0).removesuffix("/0"))


class TaskWatch:
    """Whether anything is still to come of a task, as its run has it."""

    def __init__(self, journal: Journal, run: str, task: str) -> None:
        self._journal, self._run, self._task = journal, run, task
        self._reader = RunReader(journal, {}, prefix=run_stream(run))
        self._state = RunState()
        self._look = 0.0

    async def over(self) -> bool:
        """Whether the task or its run has ended, or the run has no such task."""
        began = time.monotonic()
        async for record in self._reader.news(listed_within=PATIENCE):
            self._state = apply(self._state, record.event)
        self._look = time.monotonic() - began
        found = self._state.find(self._task)
        if self._state.ended is not None:
            return True
        return found.phase.ended if found else self._state.planned

    def obstacle(self) -> str:
        """Why nothing has come yet."""
        return f'task "{self._task}" has not begun yet in {self._run}; its tasks: {self._tasks() or "none yet"}'

    def unknown(self) -> str:
        """That the run has no such task; empty as long as it may have."""
        if not self._state.planned or self._state.find(self._task):
            return ""
        return f'no task "{self._task}" in {self._run}; there are: {self._tasks()}'

    def _tasks(self) -> str:
        return ", ".join(task.name for task in self._state.everything)

    async def changed(self) -> None:
        """Wait until something may have come, less often where looking takes long."""
        await self._journal.changed(PATIENCE)
        await asyncio.sleep(min(max(PAUSE, 2 * self._look), LONGEST_PAUSE))


def _task_of(stream: str) -> str:
    return stream.split("/")[-2]
