"""Whole tasks over RabbitMQ, MinIO and Redis with 1 to 8 worker processes, beside Celery with a result backend.

Ours is `aios engine` and so many `aios worker`: a task is routed, rung for, claimed, asked of a (scripted) model
through the gate, its file stored by content and committed, its result recorded in the object store; it survives kill
-9 at any moment, and no recorded call is made twice. A Celery task here does nothing: a message in a quorum queue of
the same node, acknowledged late, its result in the same Redis; a worker's concurrency is as many processes as we have
workers. Engine, workers and three servers share the machine's CPUs: growth ends where those do.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aios.adapters.object_journal.journal import ObjectJournal
from aios.adapters.s3.buckets import S3Buckets
from aios.tasks.run_events import RUN_EVENT, RunEnded
from aios.wiring.ports import JOURNAL_BUCKET
from tests.benchmarks.figures import Bench, Better, Metrics, Outcome, Peer, Row, UnavailableError, take_turns
from tests.benchmarks.object_server import minio_server
from tests.benchmarks.processes import Measured, ProcessFailedError, tree_cpu_seconds
from tests.benchmarks.rabbitmq_node import Node, rabbitmq_node
from tests.benchmarks.startup import AIOS
from tests.benchmarks.trivial_projects import MEMBER, TEAM, Shape, project_document, team_documents
from tests.servers.availability import ServerUnavailableError
from tests.servers.rabbitmq import made_vhost
from tests.servers.redis import RedisProcess

WORKERS, QUICK_WORKERS = (1, 2, 4, 8), (1, 4)
WARM = 8
"""Tasks a worker before the clock starts: nobody shares them out evenly, and a worker's first one loads its code."""
RATE, CPU = "per_second", "cpu_ms"


@dataclass(frozen=True, slots=True)
class Servers:
    """What both sides use."""

    rabbitmq: Node
    minio: str
    redis: RedisProcess

    def apart(self, name: str, number: int) -> dict[str, str]:
        """The variables of a vhost, buckets and a Redis database that nobody else has. `number`: 1 to 15."""
        return {
            "AIOS_BROKER_URL": made_vhost(self.rabbitmq.url, self.rabbitmq.admin_url, name),
            "AIOS_BROKER_ADMIN_URL": self.rabbitmq.admin_url,
            "AIOS_OBJECTS_URL": f"{self.minio}?prefix={name}-",
            "AIOS_SESSIONS_URL": self.redis.url.replace("/0", f"/{number}"),
        }


def measure(bench: Bench) -> Iterator[Outcome]:
    """Tasks a second, and CPU of one, by the number of workers."""
    with ExitStack() as stack:
        servers = Servers(
            stack.enter_context(rabbitmq_node(bench.subfolder("rabbitmq"))),
            stack.enter_context(minio_server(bench.subfolder("minio"))),
            _redis(bench, stack),
        )
        first = None
        for workers in QUICK_WORKERS if bench.quick else WORKERS:
            contestants: dict[str, Callable[[], Metrics]] = {
                "ours": partial(_ours, bench, servers, workers),
                "celery": partial(_celery, bench, servers, workers),
            }
            figures = take_turns(bench.pick(3, 1), contestants)
            rate = figures["ours"][RATE]
            first = first or rate.value
            what = f"{workers} worker{'s' if workers > 1 else ''}"
            yield Row(
                what=f"whole tasks, {what}",
                unit="/s",
                ours=rate,
                peer=Peer("Celery acks_late, no-op", figures["celery"][RATE]),
                better=Better.HIGHER,
                note=f"{rate.value / first:.2f}x one worker; {os.cpu_count()} CPUs for all",
            )
            yield Row(
                what=f"CPU of one task, {what}",
                unit="ms",
                ours=figures["ours"][CPU],
                peer=Peer("Celery acks_late, no-op", figures["celery"][CPU]),
                better=Better.LOWER,
                note="engine or sender, and workers",
            )


def _redis(bench: Bench, stack: ExitStack) -> RedisProcess:
    try:
        redis = RedisProcess(bench.subfolder("redis"))
    except ServerUnavailableError as error:
        raise UnavailableError(str(error)) from error
    stack.callback(redis.process.stop)
    return redis


def _ours(bench: Bench, servers: Servers, workers: int) -> Metrics:
    """The clock runs from the first to the last record of a run that begins when every worker is ready."""
    folder, tasks = bench.subfolder("project"), bench.pick(100, 40)
    number = len(list(bench.folder.glob("project-*")))
    variables = servers.apart(f"bench-{number}", number)
    source = folder / "source"
    source.mkdir()
    _write(source / "team.yaml", *team_documents(replicas=workers))
    with ExitStack() as stack:
        driving: list[str | Path] = [AIOS, "engine", source, "-C", folder / "state"]
        engine = stack.enter_context(Measured(driving, folder=folder, environment=variables))
        command: list[str | Path] = [AIOS, "worker", "--agent", f"default/{TEAM}-{MEMBER}"]
        running = [
            stack.enter_context(Measured(command, folder=bench.subfolder("worker"), environment=variables))
            for _ in range(workers)
        ]
        for worker in running:
            worker.until(lambda text: text == "ready", "being ready")
        # A worker loads most of its code for its first task.
        _project(engine, source, 0, WARM * workers)
        pids = [engine.pid, *(worker.pid for worker in running)]
        before = sum(map(tree_cpu_seconds, pids))
        _project(engine, source, 1, tasks)
        cpu = sum(map(tree_cpu_seconds, pids)) - before
    seconds = asyncio.run(_seconds_of_run(variables["AIOS_OBJECTS_URL"], "bench-1"))
    return {RATE: tasks / seconds, CPU: cpu / tasks * 1_000}


def _project(engine: Measured, source: Path, number: int, tasks: int) -> None:
    """Give the engine a project, and wait for its end."""
    _write(source / f"project-{number}.yaml", project_document(number, Shape.FAN, tasks))
    engine.until(lambda text: text.startswith(f"bench-{number} ") and "Succeeded" in text, "the end of the run")


def _write(path: Path, *documents: Mapping[str, object]) -> None:
    """Whole or not at all: an engine is looking."""
    new = path.with_suffix(".new")
    new.write_text("\n---\n".join(map(json.dumps, documents)))
    new.replace(path)


async def _seconds_of_run(url: str, project: str) -> float:
    """As the journal has it. Raises AssertionError unless the project has one run, which succeeded."""
    buckets = S3Buckets(url)
    journal = ObjectJournal(buckets.bucket(JOURNAL_BUCKET), close=buckets.close)
    streams = [await journal.read(stream) for stream in await journal.streams(f"runs/default/{project}/")]
    await journal.close()
    ends = [RUN_EVENT.validate_python(records[-1].data) for records in streams]
    if len(ends) != 1 or not (isinstance(ends[0], RunEnded) and ends[0].phase == "Succeeded"):
        raise AssertionError(f"a run should have succeeded: {ends}")
    return (streams[0][-1].at - streams[0][0].at).total_seconds()


def _celery(bench: Bench, servers: Servers, workers: int) -> Metrics:
    """The workers are up, and have done a task, before the clock starts."""
    tasks, folder = bench.pick(2_000, 300), bench.subfolder("celery")
    environment = {"BROKER": servers.rabbitmq.url, "BACKEND": servers.redis.url}
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
    application = [sys.executable, "-m", "celery", "-A", "tests.benchmarks.rabbitmq_celery", "worker"]
    pool = ["--pool", "prefork", "--concurrency", str(workers)]
    with Measured([*application, *quiet, *pool], folder=folder, environment=environment) as worker:
        sender = [sys.executable, "-m", "tests.benchmarks.rabbitmq_celery_sender", str(tasks), str(worker.pid)]
        with Measured(sender, folder=folder, environment=environment) as sending:
            result = json.loads(sending.until(lambda text: text.startswith("{"), "its result").text)
    if result["done"] != tasks:
        raise ProcessFailedError(f"{tasks} tasks were sent, {result['done']} done")
    return {RATE: tasks / result["seconds"], CPU: result["cpu"] / tasks * 1_000}
