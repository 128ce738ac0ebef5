"""One project's run in an engine's hands: observe, draft, journal, act, in that order and never another.

`draft` is pure and may be thrown away; only `commit` writes, and it writes before anybody is rung.
"""

from dataclasses import dataclass, field
from functools import partial

from aios.errors import ServiceUnavailableError
from aios.parallel import in_parallel
from aios.ports.clock import Clock
from aios.ports.journal import Journal
from aios.projects.attempts import Attempts, Hint
from aios.projects.bells import Bells
from aios.projects.decide import Stop, decide
from aios.projects.fold import fold
from aios.projects.run_log import RunLog
from aios.projects.state import RunState
from aios.projects.steering import build_run_started, steer
from aios.projects.step import demand, settle
from aios.projects.timers import next_due
from aios.projects.world import Staff
from aios.routing.candidates import Candidate
from aios.spec.base import Ref
from aios.spec.project import Project
from aios.tasks.run_events import AnyRunEvent, AttemptEnded, DoorbellDied, EngineStarted


@dataclass(slots=True)
class Draft:
    """What is about to be journalled, and the state it would lead to."""

    state: RunState
    now: float
    candidates: tuple[Candidate, ...] = ()
    events: list[AnyRunEvent] = field(default_factory=list)

    def add(self, events: tuple[AnyRunEvent, ...]) -> None:
        self.state = fold(events, self.state)
        self.events += events

    def settle(self, allowance: int) -> None:
        self.state, events = settle(self.state, self.now, self.candidates, allowance=allowance)
        self.events += events

    def demand(self, *, exact: bool) -> int:
        return demand(self.state, self.now, self.candidates, exact=exact)


class Drive:
    """A run that this engine drives, or an ended one that it mirrors."""

    def __init__(self, project: Ref, log: RunLog, attempts: Attempts, bells: Bells) -> None:
        self.project, self.log = project, log
        self._attempts, self._bells = attempts, bells
        self._look: dict[str, Hint | None] = {}

    @property
    def state(self) -> RunState:
        return self.log.state

    @classmethod
    async def open(cls, project: Ref, run: str, *, journal: Journal, clock: Clock, bells: Bells) -> "Drive":
        """The run as the journal has it; nothing is written yet."""
        drive = cls(project, await RunLog.open(journal, clock, run), Attempts(journal), bells)
        drive.look_everywhere()
        return drive

    async def take_over(self, engine: str, project: Project | None, staff: Staff | None) -> None:
        """Start the run if it is new; fence whoever drove it until now if it is not over."""
        now = self.log.now()
        events: list[AnyRunEvent] = []
        if self.state.started is None and project is not None and staff is not None:
            events.append(build_run_started(project, staff.team).model_copy(update={"at": now}))
        if events or (self.state.started and not self.state.ended):
            await self.log.append([*events, EngineStarted(at=now, engine=engine)])

    def look(self, task: str, hint: Hint | None = None) -> None:
        """Somebody rang: the task's attempt may have ended."""
        self._look[task] = hint

    def look_everywhere(self) -> None:
        """Nobody need have rung: look at every attempt in flight."""
        for task in self.state.running:
            self._look.setdefault(task.name, None)

    async def draft(self, project: Project | None, staff: Staff | None) -> Draft:
        """Results that came, wishes that changed and what follows from both, but for new attempts."""
        await self.log.confirm()
        draft = Draft(self.state, self.log.now(), staff.candidates if staff else ())
        draft.add(await self._results(draft.now))
        draft.add(steer(draft.state, project, staff.team if staff else None, draft.now))
        draft.settle(allowance=0)
        return draft

    async def _results(self, now: float) -> tuple[AnyRunEvent, ...]:
        looked, self._look = self._look, {}
        looked_at = [task for task in self.state.running if task.name in looked]
        # Side by side: a sweep looks at everything in flight, and the store may be far away.
        results = await in_parallel(
            lambda task: self._attempts.result(self.log.run, task.name, task.attempt, looked[task.name]), looked_at
        )
        return tuple(
            AttemptEnded(at=now, task=task.name, attempt=task.attempt, result=result)
            for task, result in zip(looked_at, results, strict=True)
            if result is not None
        )

    async def commit(self, draft: Draft) -> None:
        """Journal the draft, then act on what now is: stop what is to stop, ring who is to work."""
        if draft.events:
            await self.log.append(draft.events)
        await self._stop(draft.candidates)
        self._release(draft)
        await self._bells.ring_new(self.log, partial(self._attempts.claimed, self.log.run))

    async def _stop(self, candidates: tuple[Candidate, ...]) -> None:
        now = self.log.now()
        ended: list[AnyRunEvent] = []
        for command in decide(self.state, now):
            if isinstance(command, Stop):
                name, attempt = command.task.name, command.task.attempt
                reason = self.state.cancel.reason if self.state.cancel else ""
                result = await self._attempts.cancel(self.log.run, name, attempt, reason)
                ended.append(AttemptEnded(at=now, task=name, attempt=attempt, result=result))
        if ended:
            after = Draft(self.state, now, candidates)
            after.add(tuple(ended))
            after.settle(allowance=0)
            await self.log.append(after.events)
            self._release(after)

    def _release(self, draft: Draft) -> None:
        for event in draft.events:
            if isinstance(event, AttemptEnded):
                self._attempts.release(self.log.run, event.task, event.attempt)

    async def bury(self, task: str, attempt: int, queue: str) -> None:
        """Journal that a doorbell of this run died, unless the attempt is over anyway."""
        await self.log.confirm()
        found = self.state.find(task)
        if self.state.ended is None and found is not None and found.attempt == attempt:
            await self.log.append([DoorbellDied(at=self.log.now(), task=task, attempt=attempt, queue=queue)])

    async def sweep(self, staff: Staff | None) -> None:
        """Ring again where nobody came, and take back what nobody can come for: its member left the team, was scaled
        to nothing or lost its models after the dispatch. The next draft looks at what nobody holds: whoever ends an
        attempt lets it go, so what is held need not be asked for again and again."""
        try:
            swept = await self._bells.sweep(self.log)
        except ServiceUnavailableError:
            self.look_everywhere()
            raise
        for task in swept.unheld:
            self._look.setdefault(task.name, None)
        present = {candidate.member for candidate in staff.candidates if candidate.healthy} if staff else set()
        for task in swept.abandoned:
            if task.member not in present:
                reason = f"taken back: {task.member} is not there any more, or has no replica or no usable model"
                await self._attempts.withdraw(self.log.run, task.name, task.attempt, reason)

    async def stop_everything(self, reason: str) -> None:
        """Fence every attempt in flight without journalling anything in the run: it is about to be forgotten."""
        for task in self.state.running:
            await self._attempts.cancel(self.log.run, task.name, task.attempt, reason)

    def seconds_to_next_timer(self) -> float | None:
        """How long until a journalled timer or the timeout is due; None: never."""
        due = next_due(self.state)
        return None if due is None else max(0.0, due - self.log.now())
