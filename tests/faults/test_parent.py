"""Only the parent of isolated workers is killed, while they work: they go with it, and what they did stands."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.cli.console import aios, command, environment
from tests.faults import verdict as laptop
from tests.faults.battery.verdict import Verdict
from tests.faults.long_form import LONG
from tests.faults.real_services import RealServices
from tests.servers.waiting import eventually

SCENARIO = Path(__file__).parent / "scenario"
KILLS = 2
AT_ONCE = 3
"""Calls that may be under way at once: one for each of the team's replicas."""


def lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def asked_more(ledger: Path, parent: "subprocess.Popen[bytes]", *, than: int) -> None:
    """Wait for another request at the model, or for the end of all work."""
    eventually(lambda: lines(ledger) > than or parent.poll() is not None, what="a request", within_seconds=60)


def children(parent: int) -> Iterator[int]:
    """Its live children's ids, where the kernel says."""
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        yield from map(int, task.read_text().split())


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def killed_again_and_again(folder: Path, variables: Mapping[str, str]) -> None:
    """`aios up --isolate`, whose process alone is killed KILLS times, and once undisturbed."""
    ledger, words = folder / "ledger.jsonl", ("up", SCENARIO, "--once", "--isolate", "-C", folder / ".aios")
    env = {**variables, "AIOS_SCRIPTED_LEDGER": str(ledger)}
    for _ in range(KILLS):
        with (folder / "log").open("ab") as log:
            parent = subprocess.Popen(command(*words), cwd=folder, stdout=log, stderr=log, env=environment(env))
        asked_more(ledger, parent, than=lines(ledger))
        workers = list(children(parent.pid))
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        eventually(lambda gone=workers: all(map(is_gone, gone)), what=f"the end of {workers}")  # type: ignore[misc]
    done = aios(*words, cwd=folder, env=env)
    assert done.code == 0, done.err


@pytest.mark.timeout(300)
async def test_isolated_workers_whose_parent_alone_is_killed_lose_and_repeat_nothing(tmp_path: Path) -> None:
    killed_again_and_again(tmp_path, {})
    ledger, state = tmp_path / "ledger.jsonl", tmp_path / ".aios"
    verdict = await laptop.judge(state, ledger, namespace="default", project="small")
    held = laptop.Verdict(lost=0, repeated=0, unrecorded=0, in_doubt=verdict.in_doubt, double_commit=0, failed=0)
    assert verdict == held
    assert verdict.in_doubt <= AT_ONCE * KILLS


@LONG
@pytest.mark.timeout(300)
async def test_nor_do_they_over_real_services(tmp_path: Path, services: RealServices) -> None:
    killed_again_and_again(tmp_path, services.variables)
    verdict = await services.judge(tmp_path, kills=KILLS)
    assert verdict == Verdict(in_doubt=verdict.in_doubt, tasks=verdict.tasks, kills=KILLS), verdict.wrong
    assert (verdict.wrong, verdict.in_doubt <= AT_ONCE * KILLS) == ((), True)
