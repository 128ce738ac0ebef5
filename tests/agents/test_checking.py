"""How finished work is judged: by its check, its outputs, and by whether there is any."""

from pathlib import Path

import pytest

from aios.ports.chat_model import ChatRequest
from aios.spec.team import Run
from aios.spec.vocabulary import Privacy
from aios.tasks.result import Outcome
from aios.tasks.task import Task
from tests.agents.stage import DEVELOPER, DONE, TASK, WRITE, FakeModel, Stage, call, reply


async def test_a_failed_check_ends_the_attempt_says_why_and_commits_nothing(stage: Stage) -> None:
    await stage.dispatch(TASK.model_copy(update={"check": ("python3", "-c", "print('two is not one'); exit(1)")}))
    result = await stage.play(FakeModel([WRITE, DONE]))
    assert result.outcome is Outcome.CHECK_FAILED
    assert result.message.splitlines()[0].startswith("failed check: python3 -c")
    assert result.message.splitlines()[0].endswith("(exit 1)")
    assert "two is not one" in result.message
    assert await stage.files() == {}


async def test_the_check_runs_on_the_files_and_leaves_nothing_of_its_own(stage: Stage) -> None:
    program = "import count; open('left', 'w').write('x'); assert count.count('a b') == 2"
    await stage.dispatch(TASK.model_copy(update={"check": ("python3", "-c", program)}))
    result = await stage.play(FakeModel([WRITE, DONE]))
    assert (result.outcome, result.message) == (Outcome.SUCCEEDED, "")
    assert sorted(await stage.files()) == ["count.py"]


async def test_a_model_that_neither_says_nor_does_anything_has_not_done_the_task(stage: Stage) -> None:
    await stage.put({"count.py": "there before"}, Privacy.PUBLIC)
    await stage.dispatch(TASK.model_copy(update={"outputs": ("count.py",)}))
    result = await stage.play(FakeModel([reply("", call("read_file", path="count.py")), reply(" \n")]))
    assert (result.outcome, result.spend.calls) == (Outcome.UNUSABLE_ANSWER, 2)
    assert "ended without a word" in result.message


@pytest.mark.parametrize(
    "task", [TASK, TASK.model_copy(update={"check": ("python3", "-c", "pass")})], ids=["work", "check"]
)
async def test_work_without_a_last_word_is_work(stage: Stage, task: Task) -> None:
    await stage.dispatch(task)
    begun = [] if task.check else [WRITE]
    assert (await stage.play(FakeModel([*begun, reply("")]), task=task)).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(("program", "outcome"), [("pass", Outcome.SUCCEEDED), ("exit(1)", Outcome.UNUSABLE_ANSWER)])
async def test_a_command_that_ran_is_work_whatever_it_did_elsewhere(
    stage: Stage, program: str, outcome: Outcome
) -> None:
    await stage.dispatch()
    model = FakeModel([reply("", call("run_command", command=["python3", "-c", program])), reply("")])
    assert (await stage.play(model)).outcome is outcome


async def test_missing_outputs_are_named(stage: Stage) -> None:
    await stage.dispatch(TASK.model_copy(update={"outputs": ("count.py", "test_*.py")}))
    result = await stage.play(FakeModel([WRITE, DONE]))
    assert (result.outcome, result.message) == (Outcome.OUTPUTS_MISSING, "missing: test_*.py")


LINTER = "a-linter-of-nobody"
LINTED = TASK.model_copy(update={"check": (LINTER, "check")})


@pytest.fixture
def linter(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the check's program would be; the member may run it."""
    stage.member = DEVELOPER.model_copy(update={"run": Run(allow=(LINTER,))})
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder / LINTER


async def test_a_check_whose_program_is_not_here_costs_no_call_and_is_no_models_fault(
    stage: Stage, linter: Path
) -> None:
    model = FakeModel([WRITE, DONE])
    await stage.dispatch(LINTED)
    result = await stage.play(model, task=LINTED)
    assert (result.outcome, model.asked) == (Outcome.ENVIRONMENT, [])
    assert not result.outcome.escalates
    first, searched = result.message.splitlines()
    assert first.startswith(f"the check's program {LINTER} is not on this machine, where member developer works: ")
    assert searched.startswith("(looked in /")
    assert str(linter.parent) in searched


async def test_a_program_that_vanishes_before_the_check_is_no_models_fault_either(stage: Stage, linter: Path) -> None:
    linter.write_text("#!/bin/sh\n")
    linter.chmod(0o755)

    async def uninstall(_: ChatRequest) -> None:
        linter.unlink(missing_ok=True)

    await stage.dispatch(LINTED)
    result = await stage.play(FakeModel([WRITE, DONE], during=uninstall), task=LINTED)
    assert (result.outcome, result.spend.calls) == (Outcome.ENVIRONMENT, 2)
    assert LINTER in result.message
    assert await stage.files() == {}
