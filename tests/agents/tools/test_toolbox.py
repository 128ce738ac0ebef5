"""The tools as a model meets them: granted by YAML, checked arguments, failures it can mend."""

from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from aios.agents.assignment import Assignment, Doorbell
from aios.agents.mailbox import Letter, Mailboxes
from aios.agents.toolbox import Toolbox, toolbox
from aios.agents.tools.contract import Effect, Moment, middle_cut
from aios.agents.working_copy import WorkingCopy
from aios.embedded.knowledge import QdrantKnowledge
from aios.spec.team import Run
from aios.spec.vocabulary import Privacy, Tool
from aios.tasks.result import Outcome
from aios.telemetry import configure_logs
from aios.wiring.unconfigured import NoKnowledge
from aios.workspace.manifest import EMPTY
from tests.agents.stage import RUN, TASK, FakeModel, Stage, call, reply, staged

EVERYTHING = (Tool.FILES, Tool.MEMORY, Tool.MESSAGES)
TOO_LONG = "#" + "x" * 140_000
"""More than Linux passes on in one argument."""
MOMENT = Moment(Privacy.INTERNAL, "attempts/x/0/call-0-0")


def tools_of(
    stage: Stage, *granted: Tool, allow: tuple[str, ...] = (), clearance: Privacy = Privacy.INTERNAL
) -> Toolbox:
    stage.member = stage.member.model_copy(update={"tools": granted, "run": Run(allow=allow)})
    copy = WorkingCopy(stage.workspace, stage.place / "copy", manifest=EMPTY, may_see=clearance.permits)
    bell = Doorbell(RUN, TASK.name, 1, 2)
    assignment = Assignment(bell, TASK, "developer", "local", members=("developer", "tester"))
    return toolbox(stage.config, assignment, stage.ports, copy)


async def test_a_member_has_the_tools_its_yaml_grants_and_no_others(stage: Stage) -> None:
    def names(*granted: Tool, allow: tuple[str, ...] = ()) -> list[str]:
        return [spec.name for spec in tools_of(stage, *granted, allow=allow).specs]

    assert names() == []
    assert names(Tool.FILES) == ["list_files", "read_file", "write_file", "delete_file"]
    assert names(Tool.MEMORY) == ["search_memory", "remember"]
    assert names(Tool.MESSAGES) == ["send_message"]
    assert names(allow=("python3",)) == ["run_command"]


async def test_every_tool_states_its_effect_and_a_valid_schema(stage: Stage) -> None:
    tools = tools_of(stage, *EVERYTHING, allow=("python3",))
    assert {spec.name: tools.effect(spec.name) for spec in tools.specs} == {
        "list_files": Effect.READ,
        "read_file": Effect.READ,
        "write_file": Effect.WORKSPACE,
        "delete_file": Effect.WORKSPACE,
        "search_memory": Effect.READ,
        "remember": Effect.EXTERNAL,
        "send_message": Effect.EXTERNAL,
        "run_command": Effect.WORKSPACE,
    }
    for spec in tools.specs:
        jsonschema.Draft202012Validator.check_schema(dict(spec.parameters))
        assert spec.parameters["additionalProperties"] is False
        assert "title" not in spec.parameters


@pytest.mark.parametrize(
    ("name", "args", "says"),
    [
        ("write_file", {"path": "a"}, "bad arguments for write_file: content: Field required"),
        ("write_file", {"path": "a", "content": "b", "mode": "w"}, "mode: Extra inputs are not permitted"),
        ("read_file", {"path": "a", "lines": 0}, "lines: Input should be greater than or equal to 1"),
        ("run_command", {"command": "python3 -c pass"}, "command: Input should be a valid list"),
        ("run_command", {"command": ["sh"]}, "'sh' may not be run here; allowed: python3"),
        ("run_command", {"command": ["python3", "a\0b"]}, "NUL"),
        ("run_command", {"command": ["python3", "-c", TOO_LONG]}, "the command line is too long (140,0"),
        ("open_file", {}, "there is no tool 'open_file'; there are: list_files, read_file"),
        ("read_file", {"path": "missing"}, "'missing' does not exist"),
        ("read_file", {"path": "/etc/passwd"}, "is absolute"),
        ("write_file", {"path": "../out", "content": "x"}, "leaves the workspace"),
        ("delete_file", {"path": "missing"}, "No such file"),
        (
            "send_message",
            {"to": "nobody", "text": "x"},
            "no member 'nobody' in this team; there are: developer, tester",
        ),
    ],
)
async def test_what_a_model_can_mend_goes_back_to_it(
    stage: Stage, name: str, args: dict[str, object], says: str
) -> None:
    answer = await tools_of(stage, *EVERYTHING, allow=("python3",)).use(call(name, **args), MOMENT)
    assert answer.failed
    assert says in answer.text


async def test_a_failed_tool_is_told_to_the_model_and_the_work_goes_on(stage: Stage) -> None:
    await stage.dispatch()
    model = FakeModel([reply("", call("write_file", path="/etc/x", content="")), reply("I see.")])
    assert (await stage.play(model)).outcome == "Succeeded"
    assert model.asked[1].messages[-1].text.startswith("failed: '/etc/x' is absolute")


async def test_changes_that_cannot_be_kept_are_undone_and_said(stage: Stage) -> None:
    await stage.put({"a": "kept"})
    await stage.dispatch()
    program = "import os; os.remove('a'); os.symlink('/etc/passwd', 'link'); open('b', 'w').write('x')"
    look = "import os; print(sorted(os.listdir('.')))"
    model = FakeModel(
        [
            reply("", call("run_command", command=["python3", "-c", program])),
            reply("", call("run_command", command=["python3", "-c", look])),
            reply("Done."),
        ]
    )
    result = await stage.play(model)
    assert (result.outcome, result.files) == ("Succeeded", ())
    assert "all file changes of this call were undone: 'link' is a link" in model.asked[1].messages[-1].text
    assert "['a']" in model.asked[2].messages[-1].text


async def test_a_check_that_is_too_long_to_be_started_has_failed(stage: Stage) -> None:
    await stage.dispatch(TASK.model_copy(update={"check": ("python3", "-c", TOO_LONG)}))
    result = await stage.play(FakeModel([reply("Done.")]))
    assert result.outcome == "CheckFailed"
    assert result.message.startswith("failed check: the command line is too long (140,0")
    assert result.message.endswith(" bytes): write it to a file and run that")


async def test_a_working_copy_taken_away_mid_task_is_restored(stage: Stage) -> None:
    copy = WorkingCopy(stage.workspace, stage.place / "copy", manifest=EMPTY, may_see=Privacy.INTERNAL.permits)
    folder = await copy.open()
    (folder / "a").write_text("1")
    await copy.keep(Privacy.INTERNAL)
    (folder / "a").unlink()
    folder.rmdir()
    assert [place.name for place in (await copy.open()).iterdir()] == ["a"]


async def test_a_long_file_is_read_in_parts(stage: Stage) -> None:
    await stage.put({"long": "".join(f"line {n}\n" for n in range(1, 101))})
    await stage.dispatch()
    model = FakeModel([reply("", call("read_file", path="long", first_line=99, lines=1)), reply("Done.")])
    await stage.play(model)
    assert model.asked[1].messages[-1].text == "line 99\n\n[1 more lines]"


async def test_a_message_is_read_at_the_start_of_the_next_task_and_sent_once(stage: Stage) -> None:
    mail = Mailboxes(stage.ports.journal, RUN)
    letter = Letter(sender="tester", task="test", text="count('') is 0", privacy=Privacy.INTERNAL)
    for _ in range(3):
        await mail.send("developer", letter, key="attempts/test/0/call-0-0")
    secret = Letter(sender="writer", task="notes", text="s3cret", privacy=Privacy.RESTRICTED)
    await mail.send("developer", secret, key="attempts/notes/0/call-0-0")
    await stage.dispatch()
    model = FakeModel([reply("Done.")])
    await stage.play(model)
    briefing = model.asked[0].messages[1].text
    assert briefing.count("tester (test): count('') is 0") == 1
    assert "s3cret" not in briefing
    assert "1 messages are stricter than you are cleared for" in briefing


async def test_what_is_remembered_is_recalled_by_a_later_task_under_its_label(stage: Stage) -> None:
    stage.member = stage.member.model_copy(update={"tools": (Tool.MEMORY,), "clearance": Privacy.RESTRICTED})
    first = TASK.model_copy(update={"name": "learn", "privacy": Privacy.RESTRICTED})
    await stage.dispatch(first)
    await stage.play(
        FakeModel([reply("", call("remember", text="The word counter splits on unicode spaces.")), reply("Done.")]),
        task=first,
    )
    for name, privacy, found in (("internal", Privacy.INTERNAL, False), ("restricted", Privacy.RESTRICTED, True)):
        task = TASK.model_copy(update={"name": name, "privacy": privacy})
        await stage.dispatch(task)
        model = FakeModel([reply("", call("search_memory", query="unicode spaces")), reply("Done.")])
        await stage.play(model, task=task)
        told = model.asked[0].messages[1].text + model.asked[1].messages[-1].text
        assert told.count("splits on unicode spaces") == (2 if found else 0)


async def test_a_memory_that_is_not_configured_is_logged_once_for_all_tasks(stage: Stage) -> None:
    stage.member = stage.member.model_copy(update={"tools": (Tool.MEMORY,)})
    stage.ports = replace(stage.ports, knowledge=NoKnowledge())
    file = stage.place / "worker.jsonl"
    configure_logs(file=file, stderr=False)
    for name in ("first", "second"):
        task = TASK.model_copy(update={"name": name})
        await stage.dispatch(task)
        await stage.play(FakeModel([reply("Done.")]), task=task)
    configure_logs(file=None, stderr=False)
    assert file.read_text().count("nothing recalled") == 1


async def test_a_damaged_memory_is_told_to_the_model_and_fails_no_work(stage: Stage) -> None:
    stage.member = stage.member.model_copy(update={"tools": (Tool.MEMORY,)})
    store = stage.place / "knowledge" / "store"
    store.mkdir(parents=True)
    (store / "meta.json").write_text("")
    knowledge = QdrantKnowledge(store.parent)
    stage.ports = replace(stage.ports, knowledge=knowledge)
    file = stage.place / "worker.jsonl"
    configure_logs(file=file, stderr=False)
    for name in ("first", "second"):
        task = TASK.model_copy(update={"name": name})
        await stage.dispatch(task)
        used = [call("remember", text="The port is 8080."), call("search_memory", query="port")]
        model = FakeModel([reply("", *used), reply("Done.")])
        result = await stage.play(model, task=task)
        told = [message.text for message in model.asked[1].messages[-2:]]
        assert all(f"{store}, is damaged" in text for text in told)
        assert result.outcome is Outcome.SUCCEEDED
    configure_logs(file=None, stderr=False)
    await knowledge.close()
    logged = file.read_text()
    assert (logged.count("nothing recalled"), logged.count("works on without the team's memory")) == (1, 1)


async def test_a_member_without_memory_is_told_nothing(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.dispatch()
        model = FakeModel([reply("Done.")])
        await stage.play(model)
        assert "remembers" not in model.asked[0].messages[1].text


def test_long_text_keeps_both_ends() -> None:
    assert middle_cut("short", 10) == "short"
    assert middle_cut("a" * 50 + "b" * 50, 20) == "a" * 10 + "\n[... 80 characters left out ...]\n" + "b" * 10
