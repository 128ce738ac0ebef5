"""Commands that look at a state folder in which the hello example has run."""

import json
import re
import shutil
from pathlib import Path
from subprocess import STDOUT, Popen

from tests.acceptance.test_laptop import until
from tests.cli.console import EXAMPLES, aios, command, environment


def test_get_prints_the_columns_of_kubectl(hello: Path) -> None:
    ran = aios("get", "projects", cwd=hello)
    header, row = ran.out.splitlines()
    assert header.split() == ["NAME", "TEAM", "PHASE", "DONE", "AGE"]
    assert row.split()[:4] == ["greeting", "hello", "Succeeded", "1/1"]
    assert "no `aios up` is running" in ran.err


def test_get_wide_adds_reason_and_tokens(hello: Path) -> None:
    ran = aios("get", "proj", "-o", "wide", cwd=hello)
    assert ran.out.splitlines()[0].split()[-2:] == ["REASON", "TOKENS"]
    assert "RunSucceeded" in ran.out


def test_get_json_is_a_list_and_one_object_by_name(hello: Path) -> None:
    listed = json.loads(aios("get", "projects", "-o", "json", cwd=hello).out)
    one = json.loads(aios("get", "project", "greeting", "-o", "json", cwd=hello).out)
    assert (listed["kind"], listed["items"]) == ("List", [one])
    assert set(one) == {"apiVersion", "kind", "metadata", "spec", "status"}
    assert one["status"]["run"]["phase"] == "Succeeded"


def test_get_says_what_brings_in_what_is_not_there(hello: Path) -> None:
    ran = aios("get", "projects", "-n", "elsewhere", cwd=hello)
    assert (ran.code, ran.out) == (0, "")
    assert "nothing here yet: `aios up PATH` brings it in" in ran.err


def test_get_names(hello: Path) -> None:
    ran = aios("get", "-o", "name", cwd=hello)
    assert ran.out.split() == [
        "model.aios.dev/hello",
        "agentteam.aios.dev/hello",
        "agent.aios.dev/hello-greeter",
        "project.aios.dev/greeting",
    ]


def test_get_of_what_is_not_there_names_what_is(hello: Path) -> None:
    ran = aios("get", "project", "greetings", cwd=hello)
    assert (ran.code, ran.out) == (1, "")
    assert "there are: greeting" in ran.err
    assert "kinds are models (mdl)" in aios("get", "pods", cwd=hello).err


def test_describe_tells_tasks_routes_and_conditions(hello: Path) -> None:
    ran = aios("describe", "project/greeting", cwd=hello)
    assert ran.code == 0
    for words in ("goal: A greeting in a file.", "RunSucceeded", "last routes", "greet: greeter/hello", "events"):
        assert words in ran.out


def test_logs_tell_the_run_and_a_task_word_by_word(hello: Path) -> None:
    run = aios("logs", "greeting", cwd=hello).out
    assert "greet      greeter    hello    done   1 file" in run
    task = aios("logs", "greeting/greet", cwd=hello).out
    assert "You greet World in one line." in task
    assert "-> write_file(" in task
    assert "scripted:hello said" in task
    assert "ended: Succeeded" in task


def test_logs_of_an_unknown_task_name_those_there_are(hello: Path) -> None:
    ran = aios("logs", "greeting/grete", cwd=hello)
    assert ran.code == 1
    assert "there are attempts at: greet" in ran.err


def test_workspace_lists_shows_and_exports(hello: Path, tmp_path: Path) -> None:
    assert "greeting.txt   14      Internal" in aios("workspace", "ls", "greeting", cwd=hello).out
    assert aios("workspace", "cat", "greeting", "greeting.txt", cwd=hello).out == "Hello, World!\n"
    assert "greet: Write the greeting" in aios("workspace", "log", "greeting", cwd=hello).out
    exported = aios("workspace", "export", "greeting", tmp_path / "out", cwd=hello)
    assert exported.out == f"{tmp_path}/out/greeting.txt\n"
    (tmp_path / "out" / "greeting.txt").write_text("mine", encoding="utf-8")
    again = aios("workspace", "export", "greeting", tmp_path / "out", cwd=hello)
    assert again.code == 3
    assert (tmp_path / "out" / "greeting.txt").read_text(encoding="utf-8") == "mine"


def test_workspace_of_a_project_without_files(hello: Path) -> None:
    ran = aios("workspace", "ls", "nothing", cwd=hello)
    assert ran.code == 1
    assert "has no files yet" in ran.err


def test_plan_of_unchanged_yaml_is_empty(hello: Path) -> None:
    ran = aios("plan", "01-hello", cwd=hello)
    assert (ran.code, ran.out) == (0, "no changes\n")


def test_plan_shows_the_changed_field_and_writes_nothing(hello: Path, tmp_path: Path) -> None:
    state = hello / ".aios"
    for file in (hello / "01-hello").iterdir():
        text = file.read_text(encoding="utf-8").replace("whom: World", "whom: Moon")
        (tmp_path / file.name).write_text(text, encoding="utf-8")
    for _ in range(2):
        ran = aios("plan", tmp_path, "-C", state, cwd=hello)
        assert "~ Project/greeting" in ran.out
        assert "spec.inputs.whom: World -> Moon" in ran.out


def test_plan_explains_who_would_do_what(tmp_path: Path) -> None:
    ran = aios("plan", EXAMPLES / "01-hello", "--explain", cwd=tmp_path)
    assert "greeting/greet  privacy Internal, complexity 5" in ran.out
    assert "-> greeter/hello" in ran.out
    as_json = json.loads(aios("plan", EXAMPLES / "01-hello", "--explain", "-o", "json", cwd=tmp_path).out)
    assert as_json["routes"][0]["member"] == "greeter"
    assert {change["action"] for change in as_json["changes"]} == {"Create"}
    assert not (EXAMPLES / ".aios").exists()


def test_plan_prints_kubernetes_manifests(tmp_path: Path) -> None:
    ran = aios("plan", EXAMPLES / "01-hello", "--manifests", cwd=tmp_path)
    assert ran.code == 0
    assert "kind: Deployment" in ran.out
    assert "name: hello-greeter" in ran.out


def test_following_a_project_that_has_not_run_yet_waits_for_its_run(tmp_path: Path) -> None:
    (tmp_path / "01-hello").mkdir()
    for file in (EXAMPLES / "01-hello").glob("*.yaml"):
        (tmp_path / "01-hello" / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    words = command("logs", "greeting", "-f", "-C", ".aios")
    with (tmp_path / "log").open("w") as log:
        following = Popen(words, cwd=tmp_path, stdout=log, stderr=STDOUT, env=environment())
    try:
        until(lambda: "waiting: no state folder" in (tmp_path / "log").read_text(), "a line that it waits")
        assert aios("up", "01-hello", "--once", "-C", ".aios", cwd=tmp_path).code == 0
        assert following.wait(timeout=60) == 0
    finally:
        following.kill()
    assert "Succeeded" in (tmp_path / "log").read_text()


def test_without_follow_a_project_that_has_not_run_is_an_error(hello: Path) -> None:
    ran = aios("logs", "nothing", cwd=hello)
    assert ran.code == 1
    assert "has not run yet" in ran.err
    assert aios("logs", "nothing", "-f", cwd=hello).code == 1, "nobody has declared it"


def test_every_command_means_the_same_namespace_by_the_variable(tmp_path: Path) -> None:
    blue = {"AIOS_NAMESPACE": "blue"}
    path = EXAMPLES / "01-hello"
    assert aios("validate", path, cwd=tmp_path, env=blue).code == 0
    assert "+ Project/blue/greeting" in aios("plan", path, "-C", ".aios", cwd=tmp_path, env=blue).out
    ran = aios("up", path, "--once", "-C", ".aios", cwd=tmp_path, env=blue)
    assert ran.code == 0, ran.err
    assert "greeting" in aios("get", "projects", "-C", ".aios", cwd=tmp_path, env=blue).out
    assert "greeting" in aios("get", "projects", "-n", "blue", "-C", ".aios", cwd=tmp_path).out
    assert "greeting" not in aios("get", "projects", "-C", ".aios", cwd=tmp_path).out
    words = ("run", "hello", "Greet once more.", "--name", "again", "--input", "whom=x", "-o", "yaml")
    assert "namespace: blue" in aios(*words, cwd=tmp_path, env=blue).out
    wrong = aios("up", path, "--once", "-C", ".aios", cwd=tmp_path, env={"AIOS_NAMESPACE": "Blue_"})
    assert (wrong.code, "AIOS_NAMESPACE" in wrong.err) == (3, True)


def test_logs_of_a_deleted_project_say_that_it_is_deleted_and_which_run_is_shown(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "01-hello", tmp_path / "team")
    project = tmp_path / "team" / "project.yaml"
    stated = project.read_text(encoding="utf-8")
    assert aios("up", "team", "--once", cwd=tmp_path).code == 0
    project.write_text(stated.replace("goal: ", "goal: Once more, "), encoding="utf-8")
    assert aios("up", "team", "--once", cwd=tmp_path).code == 0
    present = aios("logs", "greeting", cwd=tmp_path)
    assert present.err == ""
    assert aios("delete", "project", "greeting", cwd=tmp_path).code == 0

    left = aios("logs", "greeting", cwd=tmp_path)
    assert left.out == present.out, "the run that went on last"
    told = re.fullmatch(r'project "greeting" is deleted: this is run (\w+), .*--run: (\w+)\n', left.err)
    assert told, left.err
    older = aios("logs", "greeting", "--run", told[2], cwd=tmp_path)
    assert (older.code, older.err) == (0, "")
    assert older.out not in {"", present.out}
    assert aios("logs", "greeting", "--run", "nonsense", cwd=tmp_path).err.count(told[1]) == 1
