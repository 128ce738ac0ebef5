"""A process that sends Celery canvases and waits for their results.

`python -m tests.benchmarks.celery_canvas FAN|CHAIN PROJECTS TASKS PID...`: prints one JSON line with how many were
done, in how many seconds, and the CPU seconds that the processes PID used meanwhile.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import celery  # type: ignore[import-untyped]  # ships no types

from tests.benchmarks.celery_app import after, gather, noop, write
from tests.benchmarks.processes import tree_cpu_seconds

SECONDS = 120.0


def fan(folder: Path, tasks: int) -> Any:
    """Side by side, then one after all."""
    return celery.chord([write.s(str(folder / f"{number}.txt"), "done\n") for number in range(tasks - 1)], gather.s())


def chain(folder: Path, tasks: int) -> Any:
    """One after the other."""
    first = write.s(str(folder / "0.txt"), "done\n")
    return celery.chain(first, *(after.s(str(folder / f"{number}.txt"), "done\n") for number in range(1, tasks)))


def measure(shape: Callable[[Path, int], Any], projects: int, tasks: int, pids: Sequence[int]) -> dict[str, float]:
    """Send all canvases, wait for all; a first task that is not counted waits for the workers to be up."""
    noop.apply_async(args=("", "", 0, 0)).get(timeout=SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        canvases = [shape(Path(tempfile.mkdtemp(dir=folder)), tasks) for _ in range(projects)]
        before, started = sum(map(tree_cpu_seconds, pids)), time.monotonic()
        sent = [canvas.apply_async() for canvas in canvases]
        done = sum(1 for result in sent if result.get(timeout=SECONDS) in (tasks - 1, "done\n"))
        seconds = time.monotonic() - started
    return {"done": done, "seconds": seconds, "cpu": sum(map(tree_cpu_seconds, pids)) - before}


if __name__ == "__main__":
    which = {"FAN": fan, "CHAIN": chain}[sys.argv[1]]
    result = measure(which, int(sys.argv[2]), int(sys.argv[3]), [int(pid) for pid in sys.argv[4:]])
    print(json.dumps(result), flush=True)
