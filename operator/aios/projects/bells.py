"""Ringing members for attempts that were dispatched, once at first and again when nobody seems to come.

Ringing is harmless: ids are derived, a worker that is late finds the attempt taken. Ringing too often is not, since a
queue that nobody empties would grow for ever; so each silence is answered later than the one before.
"""

from collections.abc import Callable
from dataclasses import dataclass

from aios.naming import attempt_lease, message_id, queue_name
from aios.parallel import in_parallel
from aios.ports.broker import Message
from aios.ports.leases import Leases
from aios.projects.ringer import Ringer
from aios.projects.run_log import RunLog
from aios.projects.state import TaskState

SILENT_SWEEPS = 4
"""Sweeps without a lease holder after which an attempt is rung for again; doubles with each ring. They take longer
than a worker needs to renew a lease that was wiped, or its work would be given to somebody else under its hands."""
LONGEST_SILENCE = 64


@dataclass(slots=True)
class _Rung:
    confirmed: bool = False
    silent: int = 0
    """Sweeps in a row without a lease holder, since the last ring."""
    unheld: int = 0
    """The same, however often it rang meanwhile."""
    patience: int = SILENT_SWEEPS


@dataclass(frozen=True, slots=True)
class Sweep:
    """Attempts in flight without a lease holder: `unheld` at this moment, `abandoned` for SILENT_SWEEPS in a row."""

    unheld: tuple[TaskState, ...]
    abandoned: tuple[TaskState, ...]


class Bells:
    """The doorbells of one run's attempts in flight."""

    def __init__(self, ringer: Ringer, leases: Leases) -> None:
        self._ringer, self._leases = ringer, leases
        self._rung: dict[tuple[str, int], _Rung] = {}

    async def ring_new(self, log: RunLog, claimed: Callable[[str, int], bool]) -> None:
        """Ring for every attempt in flight that this engine has not rung for yet.

        Not where `claimed` says of a task's attempt that somebody has it, as after an engine before this one: where
        the leases were lost too, a bell would give it to another under his hands. If he is dead `sweep` will find out.
        """
        running = {(task.name, task.attempt): task for task in log.state.running}
        self._rung = {key: self._rung.get(key) or _Rung(confirmed=claimed(*key)) for key in running}

        async def ring(key: tuple[str, int]) -> None:
            self._rung[key].confirmed = await self._ring(log, running[key])

        # Side by side: a plan of a hundred tasks would else wait for a hundred confirms in a row.
        await in_parallel(ring, [key for key, rung in self._rung.items() if not rung.confirmed])

    async def sweep(self, log: RunLog) -> Sweep:
        """Ring again for attempts that nobody has held for a while. Raises ServiceUnavailableError when nobody can tell
        who holds them."""
        rung_for = [task for task in log.state.running if (task.name, task.attempt) in self._rung]
        holders = await in_parallel(
            lambda task: self._leases.holder(attempt_lease(log.run, task.name, task.attempt)), rung_for
        )
        unheld: list[TaskState] = []
        for task, holder in zip(rung_for, holders, strict=True):
            rung = self._rung[task.name, task.attempt]
            if holder:
                rung.silent, rung.unheld, rung.patience = 0, 0, SILENT_SWEEPS
                self._ringer.forget(_bell(log.run, task))
                continue
            unheld.append(task)
            rung.silent, rung.unheld = rung.silent + 1, rung.unheld + 1
            if rung.confirmed and rung.silent >= rung.patience and await self._ring(log, task):
                rung.silent, rung.patience = 0, min(LONGEST_SILENCE, rung.patience * 2)
        abandoned = [task for task in unheld if self._rung[task.name, task.attempt].unheld >= SILENT_SWEEPS]
        return Sweep(tuple(unheld), tuple(abandoned))

    async def _ring(self, log: RunLog, task: TaskState) -> bool:
        """Whether the bell is confirmed. The next turn tries again."""
        started = log.state.started
        if started is None:
            return False
        queue = queue_name(started.namespace, started.team, task.member)
        body: dict[str, str | int] = {
            "run": log.run,
            "task": task.name,
            "attempt": task.attempt,
            "seq": log.dispatched_at(task.name, task.attempt),
        }
        return await self._ringer.ring(queue, Message(_bell(log.run, task), body))


def _bell(run: str, task: TaskState) -> str:
    """The id of the bell for the task's attempt."""
    return message_id(run, task.name, task.attempt, "task")
