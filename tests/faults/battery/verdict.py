"""Journal, workspaces, the model's till and the tools' receipts against each other: the last word on a battery.

Ledger and receipts are written by who was asked, not by who asked; nothing in the product reads either.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from aios.naming import attempt_stream, bucket_name, digest, workspace_prefix
from aios.ports.journal import Journal, Stored
from aios.tasks.attempt_events import (
    ATTEMPT_EVENT,
    AnyAttemptEvent,
    CallFinished,
    CallStarted,
    Checked,
    Claimed,
    Ended,
    ToolDone,
)
from aios.tasks.result import Outcome
from aios.tasks.run_events import RUN_EVENT, AnyRunEvent, Dispatched, RunEnded, RunStarted, TaskFailed, TaskSkipped
from aios.wiring.ports import WorkPorts
from aios.workspace.store import Workspace
from tests.faults.battery.workload import POISON

PARKED = frozenset({Outcome.POISONED, Outcome.IN_DOUBT, Outcome.DIVERGED})
"""Ends without another attempt. Diverged is followed by one, but here nobody changes what could have caused it."""
PROGRESS = CallFinished | ToolDone | Checked
MOST_TRIES = 5
LONGEST_LOG = 1_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts; the first five are what must not be, but for `in_doubt`, which is what cannot be known and is said."""

    lost: int = 0
    """Runs and dispatched attempts that are journalled and did not end."""
    repeated: int = 0
    """Requests at the model, and commands, whose answer was on record before they were sent."""
    in_doubt: int = 0
    """Calls started whose answer was never recorded, or not whole."""
    double_commit: int = 0
    healthy_parked: int = 0
    tasks: int = 0
    kills: int = 0
    failed: int = 0
    """Healthy tasks that did not succeed in the end, whatever the reason. Not in the line, and not excused."""
    wrong: tuple[str, ...] = field(default=(), compare=False)
    """Each thing that must not be, with where it stands."""

    def __add__(self, other: "Verdict") -> "Verdict":
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Verdict(*(one + two for one, two in pairs))

    def __str__(self) -> str:
        return (
            f"lost={self.lost} repeated={self.repeated} in_doubt={self.in_doubt} double_commit={self.double_commit} "
            f"healthy_parked={self.healthy_parked} tasks={self.tasks} kills={self.kills}"
        )


@dataclass(frozen=True, slots=True)
class Book:
    """All that the journal holds, by stream without its prefix."""

    runs: Mapping[str, Sequence[tuple[Stored, AnyRunEvent]]]
    attempts: Mapping[str, Sequence[tuple[Stored, AnyAttemptEvent]]]

    @classmethod
    async def read(cls, journal: Journal) -> "Book":
        """Every stream of runs and attempts."""
        runs = {
            stream.removeprefix("runs/"): [
                (stored, RUN_EVENT.validate_python(stored.data)) for stored in await journal.read(stream)
            ]
            for stream in await journal.streams("runs/")
        }
        attempts = {
            stream.removeprefix("attempts/"): [
                (stored, ATTEMPT_EVENT.validate_python(stored.data)) for stored in await journal.read(stream)
            ]
            for stream in await journal.streams("attempts/")
        }
        return cls(runs, attempts)


async def judge(ports: WorkPorts, *, ledger: Path, receipts: Path, kills: int) -> Verdict:
    """Read it all, and once nothing runs any more."""
    book = await Book.read(ports.journal)
    lost = [*_open_runs(book), *_open_attempts(book)]
    repeated = [*_asked_again(book, _asked(ledger)), *_ran_again(book, _ran(receipts))]
    double = await _double_commits(book, ports)
    parked, failed = list(_healthy_parked(book)), list(_failed(book))
    return Verdict(
        lost=len(lost),
        repeated=len(repeated),
        in_doubt=_in_doubt(book),
        double_commit=len(double),
        healthy_parked=len(parked),
        tasks=sum(isinstance(event, Dispatched) and event.attempt == 1 for _, event in _run_events(book)),
        kills=kills,
        failed=len(failed),
        wrong=(*lost, *repeated, *double, *parked, *failed, *_poison_goes_on(book)),
    )


def _run_events(book: Book) -> Iterable[tuple[str, AnyRunEvent]]:
    for run, events in book.runs.items():
        for _, event in events:
            yield run, event


def _open_runs(book: Book) -> Iterable[str]:
    for run, events in book.runs.items():
        if not any(isinstance(event, RunEnded) for _, event in events):
            yield f"lost: run {run} has no end"


def _open_attempts(book: Book) -> Iterable[str]:
    for run, event in _run_events(book):
        if isinstance(event, Dispatched):
            name = attempt_stream(run, event.task.name, event.attempt).removeprefix("attempts/")
            if not any(isinstance(one, Ended) for _, one in book.attempts.get(name, ())):
                yield f"lost: attempt {name} was dispatched and has no end"


def _in_doubt(book: Book) -> int:
    started, finished, cut_off = set(), set(), 0
    for name, events in book.attempts.items():
        for _, event in events:
            if isinstance(event, CallStarted):
                started.add((name, event.step, event.number))
            elif isinstance(event, CallFinished):
                finished.add((name, event.step, event.number))
                cut_off += event.in_doubt
    return len(started - finished) + cut_off


def _asked(ledger: Path) -> list[str]:
    return [str(json.loads(line)["key"]) for line in _lines(ledger)]


def _asked_again(book: Book, asked: Sequence[str]) -> Iterable[str]:
    """A key asked twice, one that nobody said was about to be asked, or one past the number whose answer is known."""
    started, answered = set(), {}
    for name, events in book.attempts.items():
        for _, event in events:
            if isinstance(event, CallStarted):
                started.add(f"{name}/{event.step}/{event.number}")
            elif isinstance(event, CallFinished) and event.reply is not None:
                answered[f"{name}/{event.step}"] = event.number
    for key, count in Counter(asked).items():
        step, _, number = key.rpartition("/")
        if count > 1:
            yield f"repeated: {key} was asked {count} times"
        if key not in started:
            yield f"repeated: {key} was asked and no record said so before"
        if int(number) > answered.get(step, int(number)):
            yield f"repeated: {key} was asked although the answer of try {answered[step]} is on record"


def _ran(receipts: Path) -> list[tuple[str, float]]:
    """The working copy's name and when, in seconds since the epoch, for each command that ran."""
    words = [line.split() for line in _lines(receipts)]
    return [(folder, float(at)) for folder, at in words]


def _ran_again(book: Book, ran: Sequence[tuple[str, float]]) -> Iterable[str]:
    """A command that ran after its answer was on record. One machine: its clock may be compared with itself."""
    done: dict[str, datetime] = {}
    for name, events in book.attempts.items():
        for stored, event in events:
            if isinstance(event, ToolDone):
                done.setdefault(digest(f"attempts/{name}")[:16], stored.at)
    for folder, at in ran:
        recorded = done.get(folder.rpartition("-")[0])
        if recorded is not None and datetime.fromtimestamp(at, UTC) > recorded:
            yield f"repeated: the command of {folder} ran at {at}, after its answer was recorded at {recorded}"


async def _double_commits(book: Book, ports: WorkPorts) -> list[str]:
    found = []
    for _, event in _run_events(book):
        if isinstance(event, RunStarted):
            prefix = workspace_prefix(event.namespace, event.project)
            log = await Workspace(ports.objects(bucket_name(event.namespace)), prefix).log(LONGEST_LOG)
            tasks = Counter(commit.message.partition(":")[0] for commit in log)
            found += [f"double: {event.project}/{task} is in HEAD {n} times" for task, n in tasks.items() if n > 1]
    return found


def _healthy_parked(book: Book) -> Iterable[str]:
    for name, events in book.attempts.items():
        task = name.split("/")[-2]
        for _, event in events:
            if isinstance(event, Ended) and task != POISON and event.result.outcome in PARKED:
                yield f"parked: {name} ended {event.result.outcome}: {event.result.message}"


def _failed(book: Book) -> Iterable[str]:
    for run, event in _run_events(book):
        if isinstance(event, TaskFailed | TaskSkipped) and event.task != POISON:
            why = event.reason if isinstance(event, TaskFailed) else f"skipped because of {event.because}"
            yield f"failed: {run}/{event.task}: {why}"


def _poison_goes_on(book: Book) -> Iterable[str]:
    """Poison that did not end as such, or took more than five workers with whoever last got something done."""
    for name, events in book.attempts.items():
        if name.split("/")[-2] != POISON:
            continue
        outcomes = [event.result.outcome for _, event in events if isinstance(event, Ended)]
        last = max((at for at, (_, event) in enumerate(events) if isinstance(event, PROGRESS)), default=0)
        before, since = (
            [event.epoch for _, event in some if isinstance(event, Claimed)] for some in (events[:last], events[last:])
        )
        told_to_stop = {event.epoch for _, event in events if isinstance(event, Claimed) and event.yielded}
        tries = len({*before[-1:], *since} - told_to_stop)
        if tries > MOST_TRIES or outcomes not in ([], [Outcome.POISONED]):
            yield f"poison: {name} ended {outcomes} after {tries} tries"


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
