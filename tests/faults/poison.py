"""The same batch of healthy tasks with and without a poisoned one beside it: one that kills every worker process that
works on it. Workers are the product's own processes, started again whenever they are gone."""

import asyncio
import json
import math
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from aios.adapters.object_journal.journal import ObjectJournal
from aios.adapters.s3.buckets import S3Buckets
from aios.embedded.journal import SqliteJournal
from aios.ports.journal import Journal, Stored
from aios.tasks.attempt_events import ATTEMPT_EVENT, AnyAttemptEvent, Claimed, Ended
from aios.tasks.result import Outcome
from aios.wiring.ports import JOURNAL_BUCKET
from tests.cli.console import running
from tests.faults.battery.workload import KILL_WORKER, POISON
from tests.faults.real_services import RealServices

TEAM, MEMBER = "crew", "worker"
AGENT = f"default/{TEAM}-{MEMBER}"
LARGEST = 50
"""Tasks of one project."""
TICK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Batch:
    """So many healthy tasks for so many workers."""

    tasks: int
    workers: int
    poisoned: bool = False
    seconds: float = 300.0
    """More than it takes."""
    delay: str = "200ms"
    """How long the model thinks."""

    def write(self, path: Path) -> None:
        """Its YAML."""
        sizes = [min(LARGEST, self.tasks - first) for first in range(0, self.tasks, LARGEST)]
        projects = [_project(f"healthy-{at}", [_task(f"t{one}") for one in range(n)]) for at, n in enumerate(sizes)]
        check = {"run": ["python3", "-c", KILL_WORKER]}
        poison = [_project(POISON, [_task(POISON, check=check)])] if self.poisoned else []
        documents = [*_team(self), *poison, *projects]
        path.write_text("\n---\n".join(json.dumps(document) for document in documents), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Course:
    """What became of a batch."""

    seconds: float
    """What all healthy tasks take, by the pace at which they were done once every worker was at work; NaN if one
    never was."""
    succeeded: int
    claims: int
    """Of the poison, over all its attempts."""
    claims_meanwhile: int
    """Of those, the ones that fell into the time that is measured."""
    outcomes: tuple[Outcome, ...]
    """Of the poison's attempts."""


def over_twins(batch: Batch, folder: Path) -> Course:
    """On the laptop: `aios up --isolate`, which starts its dead workers again after a pause."""
    yaml, state = folder / "work.yaml", folder / ".aios"
    batch.write(yaml)
    with running(folder / "up.log", {}, "up", yaml, "--once", "--isolate", "-C", state) as up:
        _wait(up, batch.seconds, folder / "up.log")
    return asyncio.run(_course(lambda: SqliteJournal(state / "journal.db"), batch))


def over_services(batch: Batch, folder: Path, services: RealServices) -> Course:
    """`aios engine` and `aios worker` over the services that these variables name; a dead worker is started again at
    once, as systemd would."""
    yaml = folder / "work.yaml"
    batch.write(yaml)
    words = ("engine", yaml, "--once", "-C", folder / ".aios")
    with running(folder / "engine.log", services.variables, *words) as engine, ExitStack() as stack:
        numbers = count()

        def start() -> "subprocess.Popen[bytes]":
            log = folder / f"worker-{next(numbers)}.log"
            return stack.enter_context(
                running(log, services.variables, "worker", "--agent", f"default/{TEAM}-{MEMBER}")
            )

        workers = [start() for _ in range(batch.workers)]

        def tend() -> None:
            workers[:] = [one if one.poll() is None else start() for one in workers]

        _wait(engine, batch.seconds, folder / "engine.log", tend)
    return asyncio.run(_course(lambda: _on_objects(services.objects), batch))


def _wait(
    process: "subprocess.Popen[bytes]", seconds: float, log: Path, meanwhile: Callable[[], None] = lambda: None
) -> None:
    """Until it has ended, however it did: a poisoned project has failed."""
    deadline = time.monotonic() + seconds
    while process.poll() is None:
        if time.monotonic() > deadline:
            raise AssertionError(f"not ended within {seconds:g} s: {log.read_text(errors='replace')[-2000:]}")
        meanwhile()
        with suppress(subprocess.TimeoutExpired):
            process.wait(TICK_SECONDS)


def _on_objects(url: str) -> ObjectJournal:
    buckets = S3Buckets(url)
    return ObjectJournal(buckets.bucket(JOURNAL_BUCKET), close=buckets.close)


async def _course(opened: Callable[[], SqliteJournal | ObjectJournal], batch: Batch) -> Course:
    """As the journal has it; one machine, whose clock may be compared with itself."""
    journal = opened()
    try:
        attempts = await _attempts(journal)
    finally:
        await journal.close()
    events = sorted(((at, task, event) for task, events in attempts for at, event in events), key=lambda one: one[0])
    ends = [(at, event.result.outcome) for at, task, event in events if isinstance(event, Ended) and task != POISON]
    if not ends:
        raise AssertionError("no healthy task has ended: see the logs beside the YAML")
    claims = [(at, task, event.worker) for at, task, event in events if isinstance(event, Claimed)]
    begun = _all_at_work(claims, batch.workers) or ends[-1][0]
    within = sum(at > begun for at, _ in ends)
    poison = [at for at, task, _ in claims if task == POISON]
    return Course(
        seconds=(ends[-1][0] - begun).total_seconds() * batch.tasks / within if within else math.nan,
        succeeded=sum(outcome is Outcome.SUCCEEDED for _, outcome in ends),
        claims=len(poison),
        claims_meanwhile=sum(begun < at < ends[-1][0] for at in poison),
        outcomes=tuple(one.result.outcome for _, task, one in events if task == POISON and isinstance(one, Ended)),
    )


def _all_at_work(claims: Sequence[tuple[datetime, str, str]], workers: int) -> datetime | None:
    """When so many workers had claimed something: they start one after the other, on a busy machine seconds apart."""
    seen: set[str] = set()
    for at, _, worker in claims:
        seen.add(worker)
        if len(seen) == workers:
            return at
    return None


async def _attempts(journal: Journal) -> Sequence[tuple[str, Sequence[tuple[datetime, AnyAttemptEvent]]]]:
    """By the name of the task."""

    def read(stored: Stored) -> tuple[datetime, AnyAttemptEvent]:
        return stored.at, ATTEMPT_EVENT.validate_python(stored.data)

    streams = await journal.streams("attempts/")
    return [(stream.split("/")[-2], [read(one) for one in await journal.read(stream)]) for stream in streams]


def _team(batch: Batch) -> Sequence[object]:
    model = {"provider": "Scripted", "script": [{"reply": "Done.", "delay": batch.delay}]}
    member = {
        "name": MEMBER,
        "tier": "Execution",
        "replicas": batch.workers,
        "models": ["model"],
        "prompt": "You work.",
    }
    members = [{**member, "run": {"allow": ["python3"]}}]
    return [
        _resource("Model", "model", model),
        _resource("AgentTeam", TEAM, {"strategy": "Sequential", "members": members}),
    ]


def _project(name: str, tasks: Sequence[object]) -> object:
    return _resource("Project", name, {"team": TEAM, "goal": "Work.", "tasks": tasks})


def _task(name: str, **more: object) -> object:
    return {"name": name, "member": MEMBER, "instructions": f"Do {name}.", **more}


def _resource(kind: str, name: str, spec: object) -> object:
    return {"apiVersion": "aios.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
