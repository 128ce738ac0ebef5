"""A worker as an operating-system process of its own: `aios up --isolate`.

The child dies with its parent, even when the parent is killed without a chance to say so: on Linux the kernel sends
the signal, and everywhere the child compares its parent's id. What it had in flight goes on from the journal.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

from aios.desired.nouns import WorkerConfig
from aios.errors import AiosError

log = logging.getLogger(__name__)

READY = b"ready\n"
_PR_SET_PDEATHSIG = 1


class WorkerProcessError(AiosError):
    """A worker's process ended without being told to."""

    retryable = True


class ProcessReplica:
    """Starts `aios worker` for a configuration, in the state folder that both share."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._configs = state / "workers"

    async def run(self, config: WorkerConfig, worker_id: str, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Runs until `stop`, then asks it to finish. Raises WorkerProcessError when it ends by itself."""
        self._configs.mkdir(parents=True, exist_ok=True)
        file = self._configs / f"{worker_id}.json"
        file.write_text(config.model_dump_json(by_alias=True), encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "aios", "worker", "--config", str(file), "--state", str(self._state),
            "--id", worker_id, "--parent", str(os.getpid()),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            await self._watch(process, stop, ready)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            file.unlink(missing_ok=True)

    async def _watch(self, process: asyncio.subprocess.Process, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        last_words = asyncio.create_task(_last_words(process))
        announced = asyncio.create_task(_announce(process, ready))
        stopping = asyncio.create_task(stop.wait())
        ended = asyncio.create_task(process.wait())
        try:
            await asyncio.wait([stopping, ended], return_when=asyncio.FIRST_COMPLETED)
            if process.returncode is None:
                process.terminate()
            code = await ended
            if not stop.is_set():
                raise WorkerProcessError(f"worker process {process.pid} ended with {code}: {await last_words}")
        finally:
            for task in (last_words, announced, stopping, ended):
                task.cancel()
            await asyncio.gather(last_words, announced, stopping, ended, return_exceptions=True)


async def _announce(process: asyncio.subprocess.Process, ready: Callable[[], None]) -> None:
    if process.stdout and await process.stdout.readline() == READY:
        ready()


async def _last_words(process: asyncio.subprocess.Process) -> str:
    """What it wrote last on stderr, for the log and the supervisor's message; read always, so that it never blocks."""
    lines: deque[str] = deque(maxlen=30)
    if process.stderr:
        async for line in process.stderr:
            lines.append(line.decode(errors="replace").rstrip())
    if lines:
        log.warning("worker process %d wrote: %s", process.pid, "\n".join(lines))
    return next((line for line in reversed(lines) if line), "it said nothing")


def die_with_parent(parent: int) -> None:
    """Called by the child first of all: ask the kernel for SIGKILL when the parent goes, and leave if it has gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


async def outlive_not(parent: int) -> None:
    """Where the kernel cannot be asked: look once a second, and leave when the parent is another one."""
    with contextlib.suppress(asyncio.CancelledError):
        while os.getppid() == parent:  # noqa: ASYNC110  # nobody can set an event for a parent that was killed
            await asyncio.sleep(1)
        os._exit(1)
