"""Only the parent of isolated workers is killed, while they work: they go with it, and what they did stands."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.console import aios, command, environment
from tests.faults.verdict import Verdict, judge
from tests.servers.waiting import eventually

SCENARIO = Path(__file__).parent / "scenario"
KILLS = 2


def lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def asked_more(ledger: Path, parent: "subprocess.Popen[bytes]", *, than: int) -> None:
    """Wait for another request at the model, or for the end of all work."""
    eventually(lambda: lines(ledger) > than or parent.poll() is not None, what="a request", within_seconds=60)


@pytest.mark.timeout(300)
async def test_isolated_workers_whose_parent_alone_is_killed_lose_and_repeat_nothing(tmp_path: Path) -> None:
    ledger, state = tmp_path / "ledger.jsonl", tmp_path / ".aios"
    words = ("up", SCENARIO, "--once", "--isolate", "-C", state)
    env = {"AIOS_SCRIPTED_LEDGER": str(ledger)}
    for _ in range(KILLS):
        with (tmp_path / "log").open("ab") as log:
            parent = subprocess.Popen(command(*words), cwd=tmp_path, stdout=log, stderr=log, env=environment(env))
        asked_more(ledger, parent, than=lines(ledger))
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    done = aios(*words, cwd=tmp_path, env=env)
    assert done.code == 0, done.err
    verdict = await judge(state, ledger, namespace="default", project="small")
    held = Verdict(lost=0, repeated=0, unrecorded=0, in_doubt=verdict.in_doubt, double_commit=0, failed=0)
    assert verdict == held
