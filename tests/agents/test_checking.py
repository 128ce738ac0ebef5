"""How finished work is judged: by its check, its outputs, and by whether there is any."""

import pytest

from aios.spec.vocabulary import Privacy
from aios.tasks.result import Outcome
from aios.tasks.task import Task
from tests.agents.stage import DONE, TASK, WRITE, FakeModel, Stage, call, reply


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


async def test_missing_outputs_are_named(stage: Stage) -> None:
    await stage.dispatch(TASK.model_copy(update={"outputs": ("count.py", "test_*.py")}))
    result = await stage.play(FakeModel([WRITE, DONE]))
    assert (result.outcome, result.message) == (Outcome.OUTPUTS_MISSING, "missing: test_*.py")
