"""The PATHs that commands are given: standard input, what agents wrote among them, and none at all."""

import subprocess
from pathlib import Path

import pytest

from aios.cli.paths import export_command
from aios.embedded.state_folder import StateFolder
from aios.spec.sources import EXPORT_MARKER
from tests.cli.console import EXAMPLES, Ran, aios, command, environment

EVIL = (EXAMPLES / "01-hello" / "team.yaml").read_text(encoding="utf-8").replace("name: hello", "name: evil", 1)


def closed_stdin(*words: str, cwd: Path) -> Ran:
    """`aios WORDS <&-`."""
    ran = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *command(*words)],
        cwd=cwd, capture_output=True, text=True, check=False, timeout=60, env=environment(),
    )  # fmt: skip
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@pytest.mark.parametrize("words", [("up", "-", "--once"), ("plan", "-"), ("engine", "-", "--once"), ("validate", "-")])
def test_a_closed_standard_input_is_told_and_no_traceback(words: tuple[str, ...], tmp_path: Path) -> None:
    ran = closed_stdin(*words, cwd=tmp_path)
    assert ran.code == 1
    assert "there is no standard input to read here" in ran.out + ran.err
    assert "Traceback" not in ran.err
    assert list(tmp_path.iterdir()) == []


def test_what_is_piped_into_up_need_not_be_text(tmp_path: Path) -> None:
    with (tmp_path / "binary").open("wb") as file:
        file.write(b"\x80\x81")
    with (tmp_path / "binary").open("rb") as stdin:
        ran = subprocess.run(
            command("up", "-", "--once", "-C", "state"),
            cwd=tmp_path, stdin=stdin, capture_output=True, text=True, check=False, timeout=60, env=environment(),
        )  # fmt: skip
    assert (ran.returncode, "not UTF-8 text" in ran.stderr) == (1, True), ran.stderr


@pytest.mark.parametrize("words", [("up", "--once"), ("up",), ("engine", "--once"), ("engine",)])
def test_a_forgotten_path_is_an_error_where_nothing_was_ever_declared(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(EVIL, encoding="utf-8")
    for _ in ("no state folder", "nor one that the first made"):
        ran = aios(*words, cwd=tmp_path)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == f"error  nothing is declared: name a folder, such as `aios {words[0]} .`\n"
    assert not (tmp_path / ".aios").exists()


def test_an_empty_state_folder_is_no_declaration_and_what_was_deleted_is_one(hello: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with StateFolder(state).drive():
        pass
    assert aios("up", "--once", "-C", state, cwd=tmp_path).code == 1
    again = aios("up", "--once", cwd=hello)
    assert (again.code, "as before: nothing started" in again.out) == (0, True), again.err
    model = (EXAMPLES / "01-hello" / "models.yaml").read_text(encoding="utf-8")
    (tmp_path / "gone.yaml").write_text(f"{EVIL}\n---\n{model}", encoding="utf-8")
    deleting = (("delete", "agentteam", "evil"), ("delete", "model", "hello"))
    for words in (("up", "gone.yaml", "--once"), *deleting, ("up", "--once")):
        done = aios(*words, "-C", state, cwd=tmp_path)
        assert done.code == 0, done.err


def test_what_agents_wrote_into_a_folder_that_is_read_is_not_applied_and_told_once(hello: Path, tmp_path: Path) -> None:
    team = tmp_path / "01-hello"
    team.mkdir()
    for file in (EXAMPLES / "01-hello").glob("*.yaml"):
        (team / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    exported = aios("workspace", "export", "greeting", team / "out", "-C", hello / ".aios", cwd=tmp_path)
    assert exported.code == 0, exported.err
    (team / "out" / "evil.yaml").write_text(EVIL, encoding="utf-8")
    (team / "out" / "compose.yaml").write_text("services: {}", encoding="utf-8")

    told = "left alone: 01-hello/out (what agents wrote: .aios-export lies in it)\n"
    for words in (("validate", "01-hello"), ("plan", "01-hello"), ("up", "01-hello", "--once")):
        ran = aios(*words, cwd=tmp_path)
        assert (ran.code, ran.err.count(told)) == (0, 1), ran.out + ran.err
        assert "evil" not in ran.out
    named = aios("up", "01-hello/out", "--once", cwd=tmp_path)
    assert (named.code, f"01-hello/out/{EXPORT_MARKER} says that" in named.err) == (1, True), named.err
    beside = aios("workspace", "export", "greeting", team, cwd=tmp_path)
    assert (beside.code, "01-hello holds YAML of its own" in beside.err) == (3, True), beside.err


@pytest.mark.parametrize(
    ("cwd", "paths", "into"),
    [
        (".", ("team",), "./out"),
        ("team", (".",), "../out"),
        ("team/deep", ("..", "-"), "../../out"),
        ("team", (), "../out"),
        (".", ("-",), "./out"),
        ("team", ("out",), "../out"),
        ("team", ("out/deep",), "../out"),
    ],
)
def test_the_command_that_fetches_the_files_names_a_folder_that_is_not_read(
    cwd: str, paths: tuple[str, ...], into: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "team" / "deep").mkdir(parents=True)
    (tmp_path / ".aios").mkdir()
    monkeypatch.chdir(tmp_path / cwd)
    said = export_command("hello", paths, StateFolder(tmp_path / ".aios"), namespace="default")
    assert said == f"aios workspace export hello {into}"
