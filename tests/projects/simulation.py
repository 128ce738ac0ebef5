"""A run without ports: the pure core, a clock that is a number, and workers that answer from a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aios.projects.fold import apply, fold
from aios.projects.state import RunState
from aios.projects.steering import build_run_started
from aios.projects.step import settle
from aios.projects.timers import next_due
from aios.routing.build import build_candidates
from aios.routing.candidates import Candidate
from aios.spec.project import Project, TaskSpec
from aios.spec.team import AgentTeam
from aios.tasks.result import Outcome, TaskResult
from aios.tasks.run_events import AnyRunEvent, AttemptEnded, RunStarted
from tests.projects.building import MODELS, build_project, build_team

Answer = Callable[[str, int], TaskResult]


def succeed(name: str, attempt: int) -> TaskResult:
    del name, attempt
    return TaskResult(outcome=Outcome.SUCCEEDED)


def ended(name: str, attempt: int, outcome: Outcome = Outcome.SUCCEEDED, **more: object) -> AttemptEnded:
    result = TaskResult.model_validate({"outcome": outcome, **more})
    return AttemptEnded(task=name, attempt=attempt, result=result)


@dataclass
class Simulation:
    """`turn` is one turn of an engine; `finish` is a worker's Ended seen by it."""

    started: RunStarted
    candidates: tuple[Candidate, ...]
    answer: Answer = succeed
    now: float = 0.0
    state: RunState = field(default_factory=RunState)
    events: list[AnyRunEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.take(self.started)

    def take(self, *events: AnyRunEvent) -> None:
        for event in events:
            stamped = event.model_copy(update={"at": self.now})
            self.state = apply(self.state, stamped)
            self.events.append(stamped)

    def turn(self, allowance: int = 1_000) -> tuple[AnyRunEvent, ...]:
        self.state, events = settle(self.state, self.now, self.candidates, allowance=allowance)
        self.events += events
        return events

    def finish(self, name: str) -> AttemptEnded:
        running = next(task for task in self.state.running if task.name == name)
        event = AttemptEnded(task=name, attempt=running.attempt, result=self.answer(name, running.attempt))
        self.take(event)
        return event

    def pass_time(self) -> None:
        """Up to the next retry; never to the timeout."""
        due = next_due(self.state)
        if due is not None and due < self.state.deadline:
            self.now = max(self.now, due)

    def play(self, turns: int = 5_000) -> RunState:
        """To the end, first come first served; stops when nothing more happens by itself."""
        for _ in range(turns):
            self.turn()
            if self.state.ended:
                break
            if self.state.running:
                self.finish(self.state.running[0].name)
            elif next_due(self.state) == self.state.deadline:
                break
            else:
                self.pass_time()
        return self.state

    def of(self, kind: type[AnyRunEvent]) -> list[AnyRunEvent]:
        return [event for event in self.events if isinstance(event, kind)]

    def folded(self) -> RunState:
        return fold(self.events)


def simulate(
    *tasks: TaskSpec, answer: Answer = succeed, team: AgentTeam | None = None, project: Project | None = None
) -> Simulation:
    crew = team or build_team()
    asked = project or build_project("word-count", *tasks, timeout="999h")
    return Simulation(build_run_started(asked, crew), build_candidates(crew, MODELS), answer)


def answers(*outcomes: Outcome) -> Answer:
    """The n-th attempt at any task ends with the n-th outcome, later ones like the last."""

    def answer(name: str, attempt: int) -> TaskResult:
        del name
        outcome = outcomes[min(attempt, len(outcomes)) - 1]
        return TaskResult(outcome=outcome, message="" if outcome is Outcome.SUCCEEDED else f"because {outcome}")

    return answer


def phases(state: RunState) -> dict[str, str]:
    return {name: str(task.phase) for name, task in state.tasks.items()}


def names(tasks: Sequence[TaskSpec]) -> list[str]:
    return [task.name for task in tasks]
