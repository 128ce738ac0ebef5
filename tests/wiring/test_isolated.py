"""A worker in a process of its own: it is asked to finish, it is told on when it dies, and it never outlives us."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from aios.desired.nouns import WorkerConfig
from aios.embedded.state_folder import StateFolder
from aios.spec.team import Limits, Member
from aios.wiring.isolated import ProcessReplica, WorkerProcessError
from tests.contract.waiting import eventually

MEMBER = Member.model_validate({"name": "dev", "tier": "Execution", "models": ["m"], "prompt": "Work."})
CONFIG = WorkerConfig(namespace="default", team="team", member=MEMBER, models=(), limits=Limits())

ORPHAN = """
import os, subprocess, sys
config, state = sys.argv[1:]
words = ["worker", "--config", config, "--state", state, "--parent", str(os.getpid())]
child = subprocess.Popen([sys.executable, "-m", "aios", *words], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""


async def with_queue(state: StateFolder) -> None:
    from aios.naming import queue_name
    from aios.wiring.ports import open_ports

    state.open()
    ports = open_ports(state)
    await ports.broker_admin.ensure_queue(queue_name("default", "team", "dev"))
    await ports.close()


@asynccontextmanager
async def replica(state: StateFolder) -> AsyncIterator[None]:
    """One that has said that it is ready; told to end, and waited for, afterwards."""
    await with_queue(state)
    ready, stop = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(ProcessReplica(state.path).run(CONFIG, "dev-1", stop, ready.set))
    async with asyncio.timeout(60):
        await ready.wait()
        yield
        stop.set()
        await running


async def test_it_says_when_it_is_ready_and_ends_when_told(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / ".aios")
    async with replica(state):
        pass
    assert list((state.path / "workers").iterdir()) == []


async def test_its_metrics_are_not_served_where_its_parents_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = StateFolder(tmp_path / ".aios")
    await with_queue(state)
    ready, stop = asyncio.Event(), asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as parents:
        monkeypatch.setenv("AIOS_METRICS_PORT", str(parents.getsockname()[1]))
        running = asyncio.create_task(ProcessReplica(state.path).run(CONFIG, "dev-1", stop, ready.set))
        async with asyncio.timeout(60):
            await asyncio.wait({running, asyncio.create_task(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            await running
    assert ready.is_set()


async def test_it_shares_the_state_folder_until_it_ends(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / ".aios")
    async with replica(state):
        with state.deserted() as deserted:
            assert not deserted
    with state.deserted() as deserted:
        assert deserted


LOUD = """
import sys, time
print("a library says hello " * 10_000)
print("ready", flush=True)
print("x" * 1_000_000, file=sys.stderr, flush=True)
print("y" * 1_000_000, flush=True)
print("the last word", file=sys.stderr, flush=True)
open("said", "w").close()
time.sleep(600)
"""


async def test_whatever_it_writes_it_is_never_blocked_and_its_end_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loud.py").write_text(LOUD, encoding="utf-8")
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path}/loud.py"\n', encoding="utf-8")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.chdir(tmp_path)
    ready, began = asyncio.Event(), asyncio.create_subprocess_exec
    started: list[asyncio.subprocess.Process] = []

    async def noted(*words: str, **options: Any) -> asyncio.subprocess.Process:
        started.append(await began(*words, **options))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    running = asyncio.create_task(ProcessReplica(tmp_path).run(CONFIG, "dev-1", asyncio.Event(), ready.set))
    async with asyncio.timeout(60):
        await ready.wait()
        await eventually(lambda: asyncio.sleep(0, (tmp_path / "said").exists()))
        started[0].kill()
        with pytest.raises(WorkerProcessError, match="ended with -9: the last word"):
            await running


async def test_a_worker_that_dies_is_told_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / ".aios").write_text("no folder", encoding="utf-8")
    replica = ProcessReplica(tmp_path / "elsewhere")
    config = CONFIG.model_copy(update={"namespace": "default"})
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "version.json").write_text('{"schema": 999}', encoding="utf-8")
    with pytest.raises(WorkerProcessError, match="made by a newer aios"):
        async with asyncio.timeout(60):
            await replica.run(config, "dev-1", asyncio.Event(), lambda: None)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it takes the child a second to notice")
async def test_killed_parent_takes_its_worker_along(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / ".aios")
    await with_queue(state)
    config = tmp_path / "worker.json"
    config.write_text(CONFIG.model_dump_json(by_alias=True), encoding="utf-8")
    parent = subprocess.run(
        [sys.executable, "-c", ORPHAN, str(config), str(state.path)], stdout=subprocess.PIPE, text=True, check=False
    )
    child = int(parent.stdout)
    assert parent.returncode == -9
    gone_within(30, lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child))


def gone_within(seconds: float, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "the worker outlived its parent"
        time.sleep(0.02)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_a_worker_whose_parent_is_another_leaves_at_once(tmp_path: Path) -> None:
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "aios",
            "worker",
            "--config",
            "x",
            "--state",
            str(tmp_path),
            "--parent",
            str(os.getpid() + 1),
        ],
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert ran.returncode == 1
    assert ran.stderr == b""
