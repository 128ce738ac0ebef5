"""Faults through the real gate over a real journal: each request at the daemon has its own CallStarted."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aios.adapters.ollama.model import OllamaModel
from aios.embedded.journal import SqliteJournal
from aios.errors import ModelCallError
from aios.models.attempt_log import AttemptLog
from aios.models.gate import MAX_DOUBTFUL, MAX_TRIES, Caller, Gate
from aios.naming import digest
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Privacy
from tests.adapters.ollama.conftest import key
from tests.adapters.ollama.test_model import ASK
from tests.servers.model_stub import Act, Cut, ModelStub, Refuse, Say, Trouble
from tests.servers.ollama_dialect import PULLED, OllamaDialect

STREAM = "attempts/default/p/r/t/1"


class StillClock:
    """Time that passes only by being slept."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return sum(self.slept)

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


CASES: dict[str, tuple[Act, int]] = {
    "answers": (Say("Done."), 1),
    "busy": (Refuse(503), MAX_TRIES),
    "cut": (Cut(3), MAX_DOUBTFUL),
    "fails while answering": (Trouble("", "out of memory"), MAX_DOUBTFUL),
    "refuses": (Refuse(400), 1),
}


@pytest.mark.parametrize("case", CASES)
async def test_requests_at_the_daemon_are_the_calls_on_record(
    case: str, daemon: ModelStub, dialect: OllamaDialect, spec: Callable[..., ModelSpec], tmp_path: Path
) -> None:
    dialect.library["new"] = PULLED
    act, expected = CASES[case]
    daemon.always = act
    stated = spec(model="new")
    journal = SqliteJournal(tmp_path / "journal.db")
    for _ in range(2):
        log = await AttemptLog.open(journal, STREAM)
        await log.claim("w")
        caller = Caller("default/p/r/t/1", "developer", Privacy.RESTRICTED, "local", stated)
        gate = Gate(log, OllamaModel("local", stated, key), caller, StillClock())
        try:
            assert (await gate.call(0, ASK, Privacy.RESTRICTED)).text == "Done."
        except ModelCallError:
            assert case != "answers"
    keys = [digest(f"default/p/r/t/1/0/{call.number}") for call in log.calls(0)]
    assert [asked.headers["x-aios-call-key"] for asked in daemon.chats] == keys
    assert len(keys) == len(log.finished(0)) == expected
    await journal.close()
