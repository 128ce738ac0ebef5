"""What a state folder and the ledger at the model's side say together: the last word on whether anything was lost,
repeated or done twice."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aios.embedded.journal import SqliteJournal
from aios.embedded.object_store import FolderBuckets
from aios.embedded.state_folder import StateFolder
from aios.naming import bucket_name, workspace_prefix
from aios.tasks.attempt_events import ATTEMPT_EVENT, AnyAttemptEvent, CallFinished, CallStarted, Ended
from aios.tasks.run_events import RUN_EVENT, AnyRunEvent, Dispatched, RunEnded, TaskFailed, TaskSkipped
from aios.workspace.store import Workspace


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts over everything that ever ran in a state folder."""

    lost: int
    """Runs that did not end, and dispatched attempts without an end."""
    repeated: int
    """Requests that reached the model although their answer, or a later one, was on record; or twice under one key."""
    unrecorded: int
    """Requests that reached the model without a record that they were about to."""
    in_doubt: int
    """Calls started whose answer was never recorded."""
    double_commit: int
    """Commits beyond one for each task of each run."""
    failed: int
    """Tasks that failed or were skipped, and runs that did not succeed."""

    def __str__(self) -> str:
        return (
            f"lost={self.lost} repeated={self.repeated} unrecorded={self.unrecorded} in_doubt={self.in_doubt} "
            f"double_commit={self.double_commit} failed={self.failed}"
        )


async def judge(state: Path, ledger: Path, *, namespace: str, project: str) -> Verdict:
    """Read it all. `ledger` holds one JSON line a request, written by the model's side before it answered."""
    folder = StateFolder(state)
    journal, buckets = SqliteJournal(folder.journal), FolderBuckets(folder.buckets)
    try:
        runs = [
            [RUN_EVENT.validate_python(stored.data) for stored in await journal.read(stream)]
            for stream in await journal.streams("runs/")
        ]
        attempts = {
            stream.removeprefix("attempts/"): [
                ATTEMPT_EVENT.validate_python(stored.data) for stored in await journal.read(stream)
            ]
            for stream in await journal.streams("attempts/")
        }
        store = buckets.bucket(bucket_name(namespace))
        log = await Workspace(store, workspace_prefix(namespace, project)).log()
    finally:
        await journal.close()
        await buckets.close()
    asked = [str(json.loads(line)["key"]) for line in ledger.read_text().splitlines()] if ledger.exists() else []
    return Verdict(
        lost=_lost(runs, attempts),
        repeated=_repeated(asked, attempts),
        unrecorded=len(set(asked) - _started(attempts)),
        in_doubt=len(_started(attempts) - _finished(attempts)),
        double_commit=_double(commit.message.partition(":")[0] for commit in log),
        failed=_failed(runs),
    )


def _double(tasks: Iterable[str]) -> int:
    """Commits beyond the first of each task; a commit's message begins with its task's name."""
    return sum(count - 1 for count in Counter(tasks).values())


def _lost(runs: list[list[AnyRunEvent]], attempts: dict[str, list[AnyAttemptEvent]]) -> int:
    open_runs = sum(not any(isinstance(event, RunEnded) for event in run) for run in runs)
    dispatched = sum(isinstance(event, Dispatched) for run in runs for event in run)
    ended = sum(any(isinstance(event, Ended) for event in attempt) for attempt in attempts.values())
    return open_runs + dispatched - ended


def _failed(runs: list[list[AnyRunEvent]]) -> int:
    events = [event for run in runs for event in run]
    bad_ends = sum(isinstance(event, RunEnded) and event.phase.value != "Succeeded" for event in events)
    return bad_ends + sum(isinstance(event, TaskFailed | TaskSkipped) for event in events)


def _started(attempts: dict[str, list[AnyAttemptEvent]]) -> set[str]:
    return {
        f"{name}/{event.step}/{event.number}"
        for name, events in attempts.items()
        for event in events
        if isinstance(event, CallStarted)
    }


def _finished(attempts: dict[str, list[AnyAttemptEvent]]) -> set[str]:
    return {
        f"{name}/{event.step}/{event.number}"
        for name, events in attempts.items()
        for event in events
        if isinstance(event, CallFinished)
    }


def _repeated(asked: list[str], attempts: dict[str, list[AnyAttemptEvent]]) -> int:
    """A key asked twice, or asked with a higher number than the one whose answer is on record."""
    answered = {
        f"{name}/{event.step}": event.number
        for name, events in attempts.items()
        for event in events
        if isinstance(event, CallFinished) and event.reply is not None
    }
    twice = sum(count - 1 for count in Counter(asked).values())
    late = 0
    for key in asked:
        step, _, number = key.rpartition("/")
        late += int(step in answered and int(number) > answered[step])
    return twice + late
