"""Whole projects of trivial tasks on the laptop, beside Celery canvases of the same shape.

Ours is `aios up --once` as a user runs it. One task is: routed with its reasons, journalled, rung for, claimed, asked
of a (scripted) model through the gate, its file stored by content and committed, its result recorded and mirrored into
the status. It survives kill -9 at any moment, and no recorded call is made twice. A Celery task here is a function that
writes the same file and syncs it, its message and result in valkey (`appendfsync always`); a task that was running when
its worker was killed runs again from its start, after an hour by default.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from aios.embedded.journal import SqliteJournal
from aios.tasks.run_events import RUN_EVENT, RunEnded
from tests.benchmarks.celery_peer import CeleryPeer, Store, celery_peer
from tests.benchmarks.figures import (
    Bench,
    Better,
    Metrics,
    Outcome,
    Peer,
    Row,
    Skipped,
    UnavailableError,
    take_turns,
)
from tests.benchmarks.processes import Measured, ProcessFailedError, run
from tests.benchmarks.startup import AIOS
from tests.benchmarks.trivial_projects import LARGEST, Shape, project_document, team_documents

RATE, CPU, PEAK = "per_second", "cpu_ms", "megabytes"
OURS, CELERY = "ours", "Celery (valkey, fsync always)"
WORKERS = 10


def measure(bench: Bench) -> Iterator[Outcome]:
    """Tasks a second of both shapes, from the start of the first run to the end of the last."""
    for shape in Shape:
        projects = bench.pick(3, 1) if shape is Shape.FAN else 1
        tasks = bench.pick(LARGEST, 40) if shape is Shape.FAN else bench.pick(60, 20)
        contestants: dict[str, Callable[[], Metrics]] = {OURS: partial(_ours, bench, shape, projects, tasks)}
        try:
            with celery_peer(Store.FSYNC, bench.subfolder("celery")) as peer:
                contestants[CELERY] = partial(_celery, peer, shape, projects, tasks)
                figures = take_turns(bench.pick(3, 1), contestants)
        except UnavailableError as error:
            yield Skipped(CELERY, str(error))
            figures = take_turns(bench.pick(3, 1), {OURS: contestants[OURS]})
        other = figures.get(CELERY, {})
        load = f"{projects} x {tasks} tasks, {WORKERS} workers in one process; Celery prefork 2"
        rows = (
            (RATE, "tasks", "/s", Better.HIGHER, load),
            (CPU, "CPU of one task", "ms", Better.LOWER, "all of it, start-up included"),
        )
        for metric, what, unit, better, note in rows:
            yield Row(
                what=f"{what}, {shape}",
                unit=unit,
                ours=figures[OURS][metric],
                peer=Peer(CELERY, other[metric]) if metric in other else None,
                better=better,
                note=note,
            )
        yield Row(what=f"peak RSS, {shape}", unit="MB", ours=figures[OURS][PEAK], better=Better.LOWER)


def _ours(bench: Bench, shape: Shape, projects: int, tasks: int) -> Metrics:
    folder = bench.subfolder("project")
    source, state = folder / "bench.json.yaml", folder / "state"
    stated = [project_document(number, shape, tasks) for number in range(projects)]
    documents = [*team_documents(replicas=WORKERS), *stated]
    source.write_text("\n---\n".join(map(json.dumps, documents)))
    usage = run([AIOS, "up", source, "--once"], folder=folder, environment={"AIOS_STATE_DIR": str(state)})
    seconds = asyncio.run(_seconds_of_runs(state, projects))
    done = projects * tasks
    return {RATE: done / seconds, CPU: usage.cpu / done * 1000, PEAK: usage.peak_megabytes}


async def _seconds_of_runs(state: Path, projects: int) -> float:
    """From the first record of the first run to the last of the last, as the journal's clock has it."""
    journal = SqliteJournal(next(state.rglob("journal*.db")))
    streams = [await journal.read(stream) for stream in await journal.streams("runs/")]
    await journal.close()
    ends = [RUN_EVENT.validate_python(records[-1].data) for records in streams]
    if len(ends) != projects or not all(isinstance(end, RunEnded) and end.phase == "Succeeded" for end in ends):
        raise AssertionError(f"{projects} runs should have succeeded: {ends}")
    first, last = min(records[0].at for records in streams), max(records[-1].at for records in streams)
    return (last - first).total_seconds()


def _celery(peer: CeleryPeer, shape: Shape, projects: int, tasks: int) -> Metrics:
    """A canvas a project; the workers are up before the clock starts."""
    with peer.worker("--pool", "prefork", "--concurrency", "2", results=True) as worker:
        command = [sys.executable, "-m", "tests.benchmarks.celery_canvas", shape.name, str(projects), str(tasks)]
        pids = [str(worker.pid), str(peer.server)]
        environment = peer.environment(results=True)
        with Measured([*command, *pids], folder=peer.folder, environment=environment) as canvas:
            result = json.loads(canvas.until(lambda text: text.startswith("{"), "its result").text)
    if result["done"] != projects:
        raise ProcessFailedError(f"{projects} canvases were sent, {result['done']} done")
    done = projects * tasks
    return {RATE: done / result["seconds"], CPU: result["cpu"] / done * 1000}
