"""A run's lines as text: `projects.view` says what happened, this file in which words and columns. Pure, so that
`up`, `run`, `logs` and `describe` tell it alike."""

from dataclasses import dataclass, field
from decimal import Decimal

from aios.cli.terminal import visible
from aios.projects.state import TaskState
from aios.projects.view import AttemptLine, Line, NoteLine, PlanLine, RunView, StartLine, TotalLine, follow
from aios.spec.vocabulary import ProjectPhase
from aios.tasks.result import Outcome, Spend
from aios.tasks.run_events import AnyRunEvent, Dispatched, EngineStarted

GOOD, BAD, ODD = "green", "red", "yellow"
GAP = "   "


@dataclass(frozen=True, slots=True)
class Said:
    """One line: plain text, and the style of the word in it that says how it went.

    Whoever prints it paints the word, so what others say in the text is made `visible` here already.
    """

    text: str
    word: str = ""
    style: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", visible(self.text))


@dataclass(slots=True)
class Story:
    """One run as it has been told so far. `scripted` names the models that are scripts."""

    project: str
    scripted: frozenset[str] = frozenset()
    widths: tuple[int, int, int] = (8, 8, 6)
    """Of task, member and model names, so that the columns stand still while lines come."""
    view: RunView = field(default_factory=RunView)
    shared: bool = False
    """Whether other runs are told between its lines: then a task's line names its project too."""
    since: dict[tuple[str, int], float] = field(default_factory=dict)
    """Run time at which each attempt was dispatched."""

    def tell(self, event: AnyRunEvent) -> list[Said]:
        """Take the event in; the lines it is worth, often none."""
        before = self.view.state
        self.view, lines = follow(self.view, event)
        self._fit()
        if isinstance(event, Dispatched):
            self.since[event.task.name, event.attempt] = event.at
        if isinstance(event, EngineStarted) and before.engine and before.ended is None:
            total = self.view.total
            return [Said(f"{self.project}  resumed at {total.done}/{total.tasks} tasks", "resumed", "bold")]
        return [said for line in lines if (said := self.said(line)) is not None]

    def running(self) -> list[tuple[TaskState, float]]:
        """What is in flight, with the run time of its dispatch."""
        return [(task, self.since.get((task.name, task.attempt), 0.0)) for task in self.view.state.running]

    def row(self, task: str, member: str, model: str, rest: str) -> str:
        """A task's line."""
        names = (name.ljust(width) for name, width in zip((self._named(task), member, model), self.widths, strict=True))
        return "  " + GAP.join((*names, rest)).rstrip()

    def said(self, line: Line) -> Said | None:
        """The line in words; None for what is not told."""
        match line:
            case PlanLine():
                return self._plan(line)
            case AttemptLine():
                return self._attempt(line)
            case NoteLine(task=""):
                return Said(f"{self.project}  {line.word}: {first_line(line.text)}", line.word, ODD)
            case NoteLine():
                who = self.view.state.find(line.task)
                names = (who.member, who.model) if who and line.word == "failed" else ("", "")
                style = BAD if line.word in {"failed", "not accepted"} else ODD
                return Said(self.row(line.task, *names, f"{line.word}: {first_line(line.text)}"), line.word, style)
            case TotalLine():
                return self.total(line)
            case StartLine():
                return None

    def total(self, line: TotalLine) -> Said:
        """How the run stands, in one line."""
        parts = [f"{line.done}/{line.tasks} tasks", spending(line), duration(line.seconds)]
        reason = f"  {first_line(line.reason)}" if line.reason else ""
        return Said(f"{self.project}  {line.phase}  {'  '.join(parts)}{reason}", line.phase, style_of(line.phase))

    def _plan(self, line: PlanLine) -> Said:
        tasks = count(line.tasks, "task")
        if not line.member:
            return Said(f"{self.project}  {tasks}")
        model = f"{line.model}, scripted" if line.model in self.scripted else line.model
        return Said(f"{self.project}  planned by {line.member} ({model}): {tasks}")

    def _attempt(self, line: AttemptLine) -> Said:
        if line.outcome is not Outcome.SUCCEEDED:
            told = first_line(line.message)
            text = told if told.startswith(line.word) else f"{line.word}: {told}" if told else line.word
            tries = f", attempt {line.attempt} of {line.max_attempts}" if line.outcome.retryable else ""
            return Said(self.row(line.task, line.member, line.model, f"{text}{tries}"), line.word, BAD)
        parts = ["done", f"{count(len(line.files), 'file'):<7}", f"{money(line.cost):<6}", duration(line.seconds)]
        if line.cached:
            parts.append(f"{line.cached} of {count(line.calls, 'call')} from the cache")
        if line.remark:
            parts.append(line.remark)
        return Said(self.row(line.task, line.member, line.model, GAP.join(parts)), " done ", GOOD)

    def _named(self, task: str) -> str:
        return f"{self.project}/{task}" if self.shared else task

    def _fit(self) -> None:
        tasks = self.view.state.everything
        found = ([self._named(task.name) for task in tasks], [t.member for t in tasks], [t.model for t in tasks])
        sizes = [max([width, *map(len, names)]) for width, names in zip(self.widths, found, strict=True)]
        self.widths = (sizes[0], sizes[1], sizes[2])


def style_of(phase: ProjectPhase) -> str:
    """Green for success, red for failure."""
    return {ProjectPhase.SUCCEEDED: GOOD, ProjectPhase.FAILED: BAD, ProjectPhase.CANCELLED: ODD}.get(phase, "bold")


def first_line(text: str) -> str:
    """What fits on a line."""
    return text.strip().partition("\n")[0]


def spending(line: TotalLine | Spend) -> str:
    """ "6 calls (+1 in doubt)  $0.015"; with a cache of replies "3 calls, 2 from the cache, $0.00 paid"."""
    doubt = f" (+{line.in_doubt} in doubt)" if line.in_doubt else ""
    calls = count(line.calls, "call")
    if not line.cached:
        return f"{calls}{doubt}  {money(line.cost)}"
    paid = money(line.cost) if line.cost else "$0.00"
    return f"{calls}, {line.cached} from the cache{doubt}, {paid} paid"


def under_way(view: RunView) -> str:
    """What of the total is of attempts in flight; empty when they have used nothing."""
    used = view.spent_under_way
    if used == Spend():
        return ""
    waiting = "; a call without an answer yet counts as in doubt, at its worst case" if used.in_doubt else ""
    return f"of this in attempts under way: {spending(used)}{waiting}"


def money(amount: Decimal) -> str:
    """ "free", "$0.004", "$12.30"; what is less than a tenth of a cent shows as one."""
    if amount == 0:
        return "free"
    return f"${max(amount, Decimal('0.001')):.3f}" if amount < 10 else f"${amount:.2f}"


def duration(seconds: float) -> str:
    """ "0.2s", "12s", "3m05s", "2h10m"."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    return f"{whole // 60}m{whole % 60:02}s" if whole < 3600 else f"{whole // 3600}h{whole % 3600 // 60:02}m"


def count(number: int, noun: str) -> str:
    """ "1 file", "2 files"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
