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
from collections.abc import Callable, Mapping
from pathlib import Path

from aios.cancellation import cancelled
from aios.desired.nouns import WorkerConfig
from aios.errors import AiosError
from aios.wiring.metrics import VARIABLES

log = logging.getLogger(__name__)

READY = b"ready\n"
PIECE = 65_536
KEPT = 16_384
"""Bytes of what a process wrote that are remembered."""
LAST_LINES = 30
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
            env=_inherited(os.environ),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        # Both are read until they end, whatever becomes of the rest: a child blocks on a pipe that is full, and the end
        # of a process is not told before its pipes have ended.
        last_words = asyncio.create_task(_last_words(process))
        announced = asyncio.create_task(_announce(process, ready))
        try:
            await _watch(process, stop, last_words)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            await cancelled(last_words, announced)
            file.unlink(missing_ok=True)


def _inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """All but where to serve metrics: this process has that port, and a child that wants it, too, ends at once. It
    takes a free one, on loopback."""
    return {name: value for name, value in environment.items() if name.upper() not in VARIABLES}


async def _watch(process: asyncio.subprocess.Process, stop: asyncio.Event, last_words: "asyncio.Task[str]") -> None:
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
        await cancelled(stopping, ended)


async def _announce(process: asyncio.subprocess.Process, ready: Callable[[], None]) -> None:
    """Call `ready` once it says so on a line of its own; libraries may have written others."""
    assert process.stdout is not None
    said, told = b"\n", False
    while chunk := await process.stdout.read(PIECE):
        said += chunk
        if not told and b"\n" + READY in said:
            told = True
            ready()
        said = said[-KEPT:]


async def _last_words(process: asyncio.subprocess.Process) -> str:
    """What it wrote last on stderr, for the log and the supervisor's message."""
    assert process.stderr is not None
    said = b""
    while chunk := await process.stderr.read(PIECE):
        said = (said + chunk)[-KEPT:]
    lines = said.decode(errors="replace").splitlines()[-LAST_LINES:]
    if lines:
        log.warning("worker process %d wrote: %s", process.pid, "\n".join(lines))
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


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
