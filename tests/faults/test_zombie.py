"""A worker that freezes while a model answers it, over real services: another one does its task, and when it wakes with
the answer in its hand it writes nothing, asks nothing and commits nothing."""

import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.console import running
from tests.faults.battery.verdict import Verdict
from tests.faults.poison import AGENT, Batch
from tests.faults.real_services import RealServices
from tests.servers.waiting import eventually


@pytest.mark.timeout(200)
async def test_a_frozen_worker_that_wakes_finds_its_claim_over(tmp_path: Path, services: RealServices) -> None:
    ledger, log = tmp_path / "ledger.jsonl", tmp_path / "frozen.log"
    variables = {**services.variables, "AIOS_SCRIPTED_LEDGER": str(ledger)}
    Batch(tasks=1, workers=1, delay="5s").write(tmp_path / "work.yaml")
    with ExitStack() as stack:
        frozen = stack.enter_context(running(log, variables, "worker", "--agent", AGENT))
        words = ("engine", tmp_path / "work.yaml", "--once", "-C", tmp_path / ".aios")
        engine = stack.enter_context(running(tmp_path / "engine.log", variables, *words))
        eventually(ledger.exists, what=f"a request: {log}", within_seconds=60)
        frozen.send_signal(signal.SIGSTOP)
        stack.enter_context(running(tmp_path / "heir.log", variables, "worker", "--agent", AGENT))
        assert engine.wait(timeout=90) == 0, (tmp_path / "engine.log").read_text()
        assert "claim is over" not in log.read_text()
        frozen.send_signal(signal.SIGCONT)
        eventually(lambda: "claim is over" in log.read_text(), what=f"its own end: {log}")
    assert ledger.read_bytes().count(b"\n") == 2, "asked by the frozen one and by its heir"
    verdict = await services.judge(tmp_path, kills=0)
    assert verdict == Verdict(in_doubt=1, tasks=1), verdict.wrong
