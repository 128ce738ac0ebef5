"""A run whose attempt is in flight, or was left so: what is told of its money, and of its models' words."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from aios.cli import describe, logs
from aios.embedded.state_folder import StateFolder
from aios.naming import attempt_stream, run_stream
from aios.ports.journal import Record
from aios.spec.project import Project, RunStatus
from aios.tasks.attempt_events import AnyAttemptEvent, CallFinished, CallStarted, Claimed, Reply, ToolCall, Usage
from aios.tasks.run_events import Dispatched, Planned, RunStarted
from aios.tasks.task import Task
from aios.wiring.ports import open_ports
from tests.cli.console import aios

HOSTILE = "before\x1b[31mred\x1b]52;c;aGk=\x07\x1b[2J\x9b2Jafter"
WRITTEN = r"before\x1b[31mred\x1b]52;c;aGk=\x07\x1b[2J\u009b2Jafter"
TASK = {"name": "make", "instructions": "Make it."}
PROJECT = Project.model_validate({"metadata": {"name": "p"}, "spec": {"team": "t", "goal": HOSTILE, "tasks": [TASK]}})
STARTED = RunStarted(run=PROJECT.run_id, namespace="default", project="p", team="t", goal="g")
PLANNED = Planned(member="", model="", tasks=PROJECT.spec.tasks)
DISPATCHED = Dispatched(
    task=Task(name="make", goal="g", instructions="Make it."), attempt=1, member="dev", model="strong", reason=HOSTILE
)
SAID = Reply(
    text=f"I say\n{HOSTILE}",
    tool_calls=(ToolCall(id="1", name=HOSTILE, args={HOSTILE: HOSTILE}),),
    usage=Usage(input_tokens=100, output_tokens=10),
    model=HOSTILE,
)


def started(step: int) -> CallStarted:
    return CallStarted(step=step, number=1, digest="d", worst_case=Decimal("3.60"))


ANSWERED = CallFinished(step=0, number=1, reply=SAID, cost=Decimal("1.80"))
REFUSED = CallFinished(step=1, number=1, error=HOSTILE)


async def _left(state: StateFolder, attempt: Sequence[AnyAttemptEvent]) -> None:
    state.open()
    ports = open_ports(state)
    try:
        await ports.resources.apply(PROJECT)
        await ports.resources.write_run(PROJECT.ref, RunStatus(id=PROJECT.run_id))
        for stream, events in (
            (run_stream(PROJECT.run_id), (STARTED, PLANNED, DISPATCHED)),
            (attempt_stream(PROJECT.run_id, "make", 1), (Claimed(epoch=1, worker="w"), *attempt)),
        ):
            records = [Record(data=event.model_dump(mode="json", by_alias=True)) for event in events]
            await ports.journal.append(stream, 0, records)
    finally:
        await ports.close()


@pytest.fixture
def described(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """What `aios describe` prints, given what the attempt recorded."""
    asyncio.run(_left(StateFolder(tmp_path / ".aios"), request.param))
    ran = aios("describe", "project", "p", cwd=tmp_path)
    assert ran.code == 0, ran.err
    return ran.out


@pytest.mark.parametrize("described", [(started(0), ANSWERED)], indirect=True)
def test_what_an_attempt_in_flight_has_cost_is_told(described: str) -> None:
    assert "in all: 1 call  $1.800" in described
    assert "of this in attempts under way: 1 call  $1.800\n" in described
    (row,) = [line for line in described.splitlines() if "Running" in line]
    assert row.split()[7:9] == ["1", "$1.800"], "calls and cost in the task's own row"


@pytest.mark.parametrize("described", [(started(0), ANSWERED, started(1))], indirect=True)
def test_a_call_without_an_answer_is_told_at_its_worst_case(described: str) -> None:
    assert "in all: 1 call (+1 in doubt)  $5.400" in described
    assert "1 call (+1 in doubt)  $5.400; a call without an answer yet counts as in doubt" in described


@pytest.mark.parametrize("described", [()], indirect=True)
def test_an_attempt_that_has_used_nothing_adds_no_line(described: str) -> None:
    assert "in all: 0 calls  free" in described
    assert "under way" not in described


@pytest.mark.parametrize("described", [(started(0), ANSWERED, started(1), REFUSED)], indirect=True)
def test_what_models_and_files_say_steers_no_terminal(described: str, tmp_path: Path) -> None:
    words = aios("logs", "p/make", cwd=tmp_path).out
    for printed in (described, words):
        assert not set(printed) & set("\x07\x1b\x9b")
    assert WRITTEN in described, "the reason of its route"
    assert f"{WRITTEN} said" in words
    assert f"    {WRITTEN}" in words
    assert f"-> {WRITTEN}({WRITTEN}=" in words
    assert f"model call 1.1 failed: {WRITTEN}" in words


@pytest.mark.parametrize("described", [(started(0), ANSWERED)], indirect=True)
@pytest.mark.parametrize(("app", "words"), [(logs.app, ["p/make"]), (describe.app, ["project", "p"])])
def test_where_we_paint_nobody_else_does(
    described: str, app: typer.Typer, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    colours = {"FORCE_COLOR": "1", "TERM": "xterm", "NO_COLOR": None}
    printed = CliRunner().invoke(app, words, env=colours, color=True).output
    assert "\x1b[1m" in printed, "our own"
    assert r"\x1b[31mred" in printed
    assert "\x1b[31m" not in printed
    assert "in all" in described
