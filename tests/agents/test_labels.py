"""Privacy labels of what a worker reads, runs and writes."""

from aios.naming import attempt_stream
from aios.ports.journal import Record
from aios.spec.vocabulary import Privacy
from aios.tasks.attempt_events import Ended
from aios.tasks.result import Outcome, TaskResult
from tests.agents.stage import DONE, RUN, TASK, WRITE, FakeModel, Stage, call, reply


async def test_restricted_data_read_by_an_internal_member_stops_before_the_next_call(stage: Stage) -> None:
    await stage.put({"salaries.csv": "ada,1"}, Privacy.RESTRICTED)
    await stage.dispatch()
    model = FakeModel([reply("", call("read_file", path="salaries.csv")), DONE])
    result = await stage.play(model)
    assert (result.outcome, result.privacy) == (Outcome.OUTGREW_CLEARANCE, Privacy.RESTRICTED)
    assert len(model.asked) == 1
    assert "ada" not in str(model.asked)
    assert "cleared for Internal" in result.message


async def test_a_restricted_task_never_reaches_a_cloud_model(stage: Stage) -> None:
    stage.member = stage.member.model_copy(update={"clearance": Privacy.RESTRICTED})
    stage.models["strong"] = stage.models["strong"].model_copy(update={"clearance": Privacy.RESTRICTED})
    await stage.dispatch(TASK.model_copy(update={"privacy": Privacy.RESTRICTED}), model="strong")
    model = FakeModel([DONE])
    assert (await stage.play(model)).outcome is Outcome.OUTGREW_CLEARANCE
    assert model.asked == []


async def test_commands_cannot_even_see_files_above_the_clearance(stage: Stage) -> None:
    await stage.put({"secret": "s3cret"}, Privacy.RESTRICTED)
    await stage.put({"public": "fine"}, Privacy.INTERNAL)
    await stage.dispatch()
    program = "import os; print(sorted(os.listdir('.'))); open('new', 'w').write('n')"
    model = FakeModel([reply("", call("run_command", command=["python3", "-c", program]), call("list_files")), DONE])
    result = await stage.play(model)
    assert (result.outcome, result.files, result.privacy) == (Outcome.SUCCEEDED, ("new",), Privacy.INTERNAL)
    told = "\n".join(message.text for message in model.asked[1].messages)
    assert "['public']" in told
    assert "1 files of a stricter privacy are not listed" in told
    assert await stage.files() == {"new": "n", "public": "fine", "secret": "s3cret"}


async def test_what_a_restricted_task_writes_is_restricted(stage: Stage) -> None:
    stage.member = stage.member.model_copy(update={"clearance": Privacy.RESTRICTED})
    await stage.put({"secret": "s3cret"}, Privacy.RESTRICTED)
    await stage.put({"public": "fine"}, Privacy.INTERNAL)
    await stage.dispatch()
    model = FakeModel([reply("", call("read_file", path="secret")), WRITE, DONE])
    assert (await stage.play(model)).privacy is Privacy.RESTRICTED
    manifest = await stage.workspace.manifest((await stage.workspace.head()).manifest)
    assert {path: entry.privacy for path, entry in manifest.files.items()} == {
        "count.py": Privacy.RESTRICTED,
        "public": Privacy.INTERNAL,
        "secret": Privacy.RESTRICTED,
    }


async def test_what_a_command_makes_is_as_strict_as_what_it_could_read(stage: Stage) -> None:
    stage.member = stage.member.model_copy(update={"clearance": Privacy.RESTRICTED})
    await stage.put({"secret": "s3cret"}, Privacy.RESTRICTED)
    await stage.dispatch()
    copy = "open('copy', 'w').write(open('secret').read())"
    await stage.play(FakeModel([reply("", call("run_command", command=["python3", "-c", copy])), DONE]))
    manifest = await stage.workspace.manifest((await stage.workspace.head()).manifest)
    assert manifest.files["copy"].privacy is Privacy.RESTRICTED


async def test_the_output_of_a_check_carries_the_label_of_what_it_could_read(stage: Stage) -> None:
    stage.member = stage.member.model_copy(update={"clearance": Privacy.RESTRICTED})
    await stage.put({"secret": "s3cret"}, Privacy.RESTRICTED)
    task = TASK.model_copy(update={"check": ("python3", "-c", "print(open('secret').read()); exit(1)")})
    await stage.dispatch(task)
    result = await stage.play(FakeModel([DONE]), task=task)
    assert (result.outcome, result.privacy) == (Outcome.CHECK_FAILED, Privacy.RESTRICTED)
    assert "s3cret" in result.message


async def test_the_label_of_feedback_is_that_of_the_attempt_it_speaks_of(stage: Stage) -> None:
    ended = Ended(result=TaskResult(outcome=Outcome.CHECK_FAILED, privacy=Privacy.RESTRICTED))
    record = Record(data=ended.model_dump(mode="json", by_alias=True))
    await stage.ports.journal.append(attempt_stream(RUN, "implement", 1), 0, [record])
    await stage.dispatch(attempt=2, feedback="the restricted words")
    model = FakeModel([DONE])
    assert (await stage.play(model, attempt=2)).outcome is Outcome.OUTGREW_CLEARANCE
    assert model.asked == []
