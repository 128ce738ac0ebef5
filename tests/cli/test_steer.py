"""Commands that change something: init, run, cancel, retry, delete, down, crds, worker."""

import shutil
from pathlib import Path

import pytest

from tests.cli.console import EXAMPLES, ROOT, aios

FAILING = """
apiVersion: aios.dev/v1alpha1
kind: Model
metadata: {name: mute}
spec:
  provider: Scripted
  script:
  - when: {task: first, turn: 0}
    toolCalls: [{tool: write_file, args: {path: first.txt, content: done}}]
  - {reply: I did nothing.}
---
apiVersion: aios.dev/v1alpha1
kind: AgentTeam
metadata: {name: idle}
spec:
  strategy: Sequential
  limits: {maxAttempts: 1}
  members:
  - {name: worker, tier: Execution, models: [mute], tools: [Files], prompt: You idle.}
---
apiVersion: aios.dev/v1alpha1
kind: Project
metadata: {name: never}
spec:
  team: idle
  goal: Something.
  tasks:
  - {name: first, instructions: Write first.txt., outputs: [first.txt]}
  - {name: second, instructions: Write second.txt., outputs: [second.txt], dependsOn: [first]}
  - {name: third, instructions: Write third.txt., outputs: [third.txt], dependsOn: [second]}
"""


@pytest.fixture
def failed(tmp_path: Path) -> Path:
    """A folder in which a project has failed."""
    (tmp_path / "never.yaml").write_text(FAILING, encoding="utf-8")
    ran = aios("up", "never.yaml", "--once", cwd=tmp_path)
    assert ran.code == 1, ran.out + ran.err
    return tmp_path


def test_init_makes_a_team_that_runs(tmp_path: Path) -> None:
    made = aios("init", "hello", cwd=tmp_path)
    assert made.out.split() == ["hello/models.yaml", "hello/team.yaml", "hello/project.yaml", "hello/README.md"]
    ran = aios("up", "hello", "--once", cwd=tmp_path)
    assert ran.code == 0, ran.out + ran.err
    assert "Succeeded  2/2 tasks" in ran.out
    assert aios("init", "hello", cwd=tmp_path).code == 1


def test_a_failed_project_says_which_task_and_how_to_go_on(failed: Path) -> None:
    ran = aios("up", "never.yaml", "--once", cwd=failed)
    assert ran.code == 1
    assert "never  Failed  1/3 tasks" in ran.out
    assert "why    aios logs never" in ran.out
    told = aios("logs", "never", cwd=failed).out
    assert "outputs missing: missing: second.txt" in told or "second.txt" in told
    assert "skipped: second did not succeed" in told


def test_retry_runs_only_what_failed_again(failed: Path) -> None:
    asked = aios("retry", "never", cwd=failed)
    assert asked.code == 0
    assert "the next aios up starts it" in asked.err
    repaired = FAILING.replace("- {reply: I did nothing.}", RULES)
    (failed / "never.yaml").write_text(repaired, encoding="utf-8")
    ran = aios("up", "never.yaml", "--once", cwd=failed)
    assert ran.code == 0, ran.out + ran.err
    assert "Succeeded  3/3 tasks" in ran.out
    assert "\n  first " not in ran.out


RULES = """- when: {task: second, turn: 0}
    toolCalls: [{tool: write_file, args: {path: second.txt, content: done}}]
  - when: {task: third, turn: 0}
    toolCalls: [{tool: write_file, args: {path: third.txt, content: done}}]
  - {reply: Done.}"""


def test_retry_refuses_what_it_cannot_do(failed: Path, hello: Path) -> None:
    assert "there are: first, second, third" in aios("retry", "never/fourth", cwd=failed).err
    refused = aios("retry", "greeting", cwd=hello)
    assert refused.code == 1
    assert "spec.rerun" in refused.err


def test_cancel_survives_the_same_yaml(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "01-hello", tmp_path / "01-hello")
    project = tmp_path / "01-hello" / "project.yaml"
    stated = project.read_text(encoding="utf-8")
    project.write_text(f"{stated}  suspend: true\n", encoding="utf-8")
    assert aios("up", "01-hello", "--once", cwd=tmp_path).code == 1
    assert aios("cancel", "greeting", cwd=tmp_path).code == 0
    ran = aios("up", "01-hello", "--once", cwd=tmp_path)
    assert ran.code == 1
    assert "Cancelled" in ran.out
    assert "has ended already" in aios("cancel", "greeting", cwd=tmp_path).err


def test_delete_names_the_file_that_would_bring_it_back(failed: Path) -> None:
    ran = aios("delete", "project", "never", cwd=failed)
    assert ran.code == 0
    assert f"it stands in {failed}/never.yaml" in ran.err
    assert aios("get", "projects", "-o", "name", cwd=failed).out == ""
    assert "belong to their team" in aios("delete", "agent/idle-worker", cwd=failed).err


def test_down_without_an_up_and_wipe(failed: Path) -> None:
    ran = aios("down", "--wipe", cwd=failed)
    assert ran.code == 0
    assert "no aios up is running" in ran.err
    assert not (failed / ".aios").exists()


def test_run_gives_a_goal_to_a_team_of_the_state_folder(failed: Path) -> None:
    model = FAILING.replace("task: first", "task: worker").replace("first.txt", "made.txt")
    (failed / "never.yaml").write_text(
        model.partition("---\napiVersion: aios.dev/v1alpha1\nkind: Project")[0], encoding="utf-8"
    )
    ran = aios("run", "idle", "Make something", "-f", "never.yaml", "--to", "out", cwd=failed)
    assert ran.code == 0, ran.out + ran.err
    assert ran.out.splitlines()[1].split() == ["out/made.txt", "4"]
    assert (failed / "out" / "made.txt").read_text(encoding="utf-8") == "done"
    assert "Succeeded  1/1 tasks" in ran.err


def test_run_prints_a_project_for_git_that_validates(tmp_path: Path) -> None:
    words = (
        "run",
        "hello",
        "Say hello",
        "--input",
        "whom=Moon",
        "--privacy",
        "Restricted",
        "--name",
        "moon",
        "-o",
        "yaml",
    )
    printed = aios(*words, cwd=tmp_path)
    assert printed.code == 0
    folder = shutil.copytree(EXAMPLES / "01-hello", tmp_path / "01-hello")
    (folder / "project.yaml").write_text(printed.out, encoding="utf-8")
    assert aios("validate", "01-hello", cwd=tmp_path).code == 0
    assert not (tmp_path / ".aios").exists()


def test_run_says_which_team_is_missing_and_what_is_wrong(failed: Path, tmp_path: Path) -> None:
    ran = aios("run", "idel", "Something", cwd=failed)
    assert ran.code == 1
    assert "there are: idle" in ran.err
    assert "KEY=VALUE" in aios("run", "idle", "Something", "--input", "x", cwd=failed).err
    assert "spec.privacy" in aios("run", "idle", "Something", "--privacy", "Secret", cwd=failed).err
    nowhere = aios("run", "idle", "Something", "-C", tmp_path / "none", cwd=failed)
    assert "aios up PATH" in nowhere.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--name", "Bad_Name"), 'metadata.name: "Bad_Name": lower-case letters, digits and "-"'),
        (("-n", "Other"), 'metadata.namespace: "Other": lower-case letters, digits and "-"'),
        (("--timeout", "soon"), 'spec.timeout: "soon" is not allowed: a length of time such as 90s'),
        (("--privacy", "Secret"), 'spec.privacy: "Secret" is not allowed; allowed: Public, Internal, Restricted'),
        (("--input", "a b=c"), 'spec.inputs["a b"]: "a b" is not allowed'),
    ],
)
def test_run_is_judged_by_the_same_rules_as_a_file(words: tuple[str, ...], said: str, failed: Path) -> None:
    ran = aios("run", "idle", "Something", *words, cwd=failed)
    assert ran.code == 1
    assert said in ran.err


def test_the_next_command_names_the_namespace_that_it_needs(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLES / "01-hello", tmp_path / "01-hello")
    for file in folder.glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("metadata: {name: ", "metadata: {namespace: staging, name: "), encoding="utf-8")
    for _ in ("a run", "and what is left to say of it"):
        ran = aios("up", "01-hello", "--once", cwd=tmp_path)
        assert "staging/greeting  Succeeded" in ran.out, ran.out + ran.err
        assert "files  aios workspace export greeting ./out -n staging\n" in ran.out
    assert aios("workspace", "export", "greeting", "./out", "-n", "staging", cwd=tmp_path).code == 0


def test_run_refuses_an_empty_goal(failed: Path) -> None:
    ran = aios("run", "idle", " ", cwd=failed)
    assert ran.code == 1
    assert "the goal is empty" in ran.err


def test_run_says_why_a_project_cannot_start(tmp_path: Path) -> None:
    assert aios("init", "hello", cwd=tmp_path).code == 0
    ran = aios("run", "team", "Greet", "-f", "hello", "-C", "state", cwd=tmp_path)
    assert ran.code == 1
    assert 'why    spec.inputs: needs "language": the prompt of developer uses inputs.language' in ran.err


@pytest.mark.parametrize("nothing", ["", "# only a comment", "apiVersion: v1\nkind: Service\nmetadata: {name: s}"])
def test_nothing_on_standard_input_deletes_nothing(nothing: str, tmp_path: Path) -> None:
    stated = FAILING.partition("---\napiVersion: aios.dev/v1alpha1\nkind: Project")[0]
    state = ("-C", "state")
    assert aios("up", "-", "--once", *state, cwd=tmp_path, stdin=stated).code == 0
    for words in (("up", "-", "--once"), ("plan", "-")):
        ran = aios(*words, *state, cwd=tmp_path, stdin=nothing)
        assert ran.code == 1
        assert "no resource of ours in standard input; nothing was applied" in ran.err
    assert aios("get", "at", "-o", "name", *state, cwd=tmp_path).out == "agentteam.aios.dev/idle\n"


def test_crds_are_up_to_date_and_drift_is_found(tmp_path: Path) -> None:
    assert aios("crds", ROOT / "crds", "--check", cwd=tmp_path).code == 0
    assert aios("crds", "made", cwd=tmp_path).code == 0
    (tmp_path / "made" / "models.yaml").write_text("", encoding="utf-8")
    ran = aios("crds", "made", "--check", cwd=tmp_path)
    assert (ran.code, ran.out) == (1, "stale  made/models.yaml\n")


def test_a_worker_without_services_says_what_it_needs(tmp_path: Path) -> None:
    ran = aios("worker", "--config", "none.json", cwd=tmp_path)
    assert ran.code == 3
    assert "cannot read none.json" in ran.err
    (tmp_path / "bad.json").write_text("{}", encoding="utf-8")
    assert aios("worker", "--config", "bad.json", cwd=tmp_path).code == 1
