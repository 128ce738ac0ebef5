"""What it costs to make one step of an agent durable: our attempt's record beside LangGraph's checkpointers.

A step of ours is two records, CallStarted before the model is asked and CallFinished after, each durable before the
next thing happens; a step of a graph is one checkpoint with `durability="sync"`, which is written before the next
step begins. No model is asked and no tool called by either. LangGraph's in-memory saver is gone with
the process and only shows what a graph costs by itself; its SQLite saver commits each checkpoint (WAL, and SQLite's own
default for `synchronous`), as our journal commits each record.
"""

import asyncio
import importlib.util
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

from aios.adapters.object_journal.journal import ObjectJournal
from aios.adapters.s3.buckets import S3Buckets
from aios.embedded.journal import SqliteJournal
from aios.models.attempt_log import AttemptLog
from aios.ports.journal import Journal
from aios.tasks.attempt_events import CallFinished, CallStarted, Reply, Usage
from tests.benchmarks.figures import Bench, Better, Metrics, Outcome, Peer, Row, Skipped, UnavailableError, take_turns
from tests.benchmarks.object_server import BUCKET, minio_server

TEXT = "x" * 1_000
STEP, CPU = "step_ms", "cpu_ms"
SQLITE, S3 = "SQLite", "S3 (MinIO)"
MEMORY_SAVER, SQLITE_SAVER = "LangGraph InMemorySaver", "LangGraph SqliteSaver"


class State(TypedDict):
    """Of the graph: the last answer."""

    text: str
    step: int


def measure(bench: Bench) -> Iterator[Outcome]:
    """Steps one after the other, of one attempt and of one thread."""
    steps = bench.pick(400, 100)
    with ExitStack() as stack:
        ours: dict[str, Callable[[], Metrics]] = {SQLITE: partial(_on_sqlite, bench, steps)}
        try:
            ours[S3] = partial(_on_s3, stack.enter_context(minio_server(bench.subfolder("minio"))), steps)
        except UnavailableError as error:
            yield Skipped(f"durable step on {S3}", str(error))
        peers: dict[str, Callable[[], Metrics]] = {MEMORY_SAVER: partial(_graph, bench, _memory, steps)}
        if importlib.util.find_spec("langgraph.checkpoint.sqlite") is None:
            yield Skipped(SQLITE_SAVER, "not installed: pip install langgraph-checkpoint-sqlite")
        else:
            peers[SQLITE_SAVER] = partial(_graph, bench, _sqlite, steps)
        figures = take_turns(bench.pick(5, 3), ours | peers)
    for name in ours:
        for peer in peers:
            for metric, what in ((STEP, "one durable step"), (CPU, "CPU of one step")):
                yield Row(
                    what=f"{what}, {name}",
                    unit="ms",
                    ours=figures[name][metric],
                    peer=Peer(peer, figures[peer][metric]),
                    better=Better.LOWER,
                    note="the peer's is not durable"
                    if peer == MEMORY_SAVER
                    else "two records of ours, one checkpoint and its writes of theirs",
                )


def _on_sqlite(bench: Bench, steps: int) -> Metrics:
    async def work() -> Metrics:
        journal = SqliteJournal(bench.subfolder("journal") / "journal.db")
        metrics = await _steps(journal, steps)
        await journal.close()
        return metrics

    return asyncio.run(work())


def _on_s3(url: str, steps: int) -> Metrics:
    async def work() -> Metrics:
        buckets = S3Buckets(url)
        journal = ObjectJournal(buckets.bucket(BUCKET), close=buckets.close)
        metrics = await _steps(journal, steps)
        await journal.close()
        return metrics

    return asyncio.run(work())


async def _steps(journal: Journal, steps: int) -> Metrics:
    """Raises AssertionError when the record read back is not whole."""
    stream = f"attempts/bench/{time.monotonic_ns()}/1"
    log = await AttemptLog.open(journal, stream)
    await log.claim("bench")
    clock = Clock(steps)
    for step in range(steps):
        await log.append(CallStarted(step=step, number=1, digest="0" * 64, worst_case=Decimal("0.01")))
        reply = Reply(text=TEXT, usage=Usage(input_tokens=1_000, output_tokens=250), model="none")
        await log.append(CallFinished(step=step, number=1, reply=reply, cost=Decimal("0.005")))
    metrics = clock.metrics()
    recorded = await AttemptLog.open(journal, stream)
    if recorded.seq != 2 * steps + 1 or recorded.in_doubt():
        raise AssertionError(f"{2 * steps + 1} records were appended, {recorded.seq} read")
    return metrics


def _memory(_: Path) -> AbstractContextManager[Any]:
    from langgraph.checkpoint.memory import InMemorySaver

    return InMemorySaver()


def _sqlite(folder: Path) -> AbstractContextManager[Any]:
    from langgraph.checkpoint.sqlite import SqliteSaver

    saver: AbstractContextManager[Any] = SqliteSaver.from_conn_string(str(folder / "graph.db"))
    return saver


def _graph(bench: Bench, saver: Callable[[Path], AbstractContextManager[Any]], steps: int) -> Metrics:
    """A node that runs until it has answered `steps` times. Raises AssertionError when checkpoints are missing."""
    from langgraph.graph import END, START, StateGraph

    def answer(state: State) -> State:
        return {"text": TEXT, "step": state["step"] + 1}

    building = StateGraph(State)
    building.add_node("answer", answer)
    building.add_edge(START, "answer")
    building.add_conditional_edges("answer", lambda state: END if state["step"] >= steps else "answer")
    with saver(bench.subfolder("graph")) as checkpointer:
        graph = building.compile(checkpointer=checkpointer)
        graph.invoke({"text": "", "step": steps - 1}, {"configurable": {"thread_id": "warm"}}, durability="sync")
        clock = Clock(steps)
        config: Any = {"configurable": {"thread_id": "1"}, "recursion_limit": steps + 10}
        graph.invoke({"text": "", "step": 0}, config, durability="sync")
        metrics = clock.metrics()
        kept = sum(1 for _ in graph.get_state_history(config))
    if kept < steps:
        raise AssertionError(f"{steps} steps were taken, {kept} checkpoints kept")
    return metrics


class Clock:
    """Wall and CPU time of a step since it was made."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def metrics(self) -> Metrics:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return {STEP: wall / self._steps * 1_000, CPU: cpu / self._steps * 1_000}
