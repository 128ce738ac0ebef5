"""`aios run --to DIR`: where files cannot go is told before anything is paid, and what git would run stays behind."""

from pathlib import Path

from tests.cli.console import aios

TEAM = """
apiVersion: aios.dev/v1alpha1
kind: Model
metadata: {name: writer}
spec:
  provider: Scripted
  script:
  - when: {turn: 0}
    toolCalls:
    - {tool: write_file, args: {path: .git/config, content: "[core]"}}
    - {tool: write_file, args: {path: src/main.py, content: "1"}}
  - {reply: Done.}
---
apiVersion: aios.dev/v1alpha1
kind: AgentTeam
metadata: {name: writers}
spec:
  strategy: Sequential
  members: [{name: writer, tier: Execution, models: [writer], tools: [Files], prompt: Write.}]
"""
LEFT_OUT = "left out: 1 file of a git repository (.git/config), for git runs what is written there"
RUN = ("run", "writers", "Write something.", "--name", "one")


def test_a_team_from_a_pipe_delivers_all_but_what_git_would_run(tmp_path: Path) -> None:
    ran = aios(*RUN, "-f", "-", "--to", "out", cwd=tmp_path, stdin=TEAM)
    assert ran.code == 0, ran.err
    assert "out/src/main.py" in ran.out
    assert LEFT_OUT in ran.err
    assert not (tmp_path / "out" / ".git").exists()

    again = aios("workspace", "export", "one", "again", cwd=tmp_path)
    assert (again.code, again.out) == (0, "again/src/main.py\n")
    assert again.err == f"{LEFT_OUT}\n1 file in again\n"
    assert aios("workspace", "cat", "one", ".git/config", cwd=tmp_path).out == "[core]"


def test_a_place_for_no_files_is_told_before_a_model_is_asked(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(TEAM)
    for to, told in ((".", ". holds YAML of its own (team.yaml)"), ("team.yaml", "team.yaml is no folder")):
        ran = aios(*RUN, "-f", "team.yaml", "--to", to, cwd=tmp_path)
        assert (ran.code, told in ran.err) == (3, True), ran.err
        assert not (tmp_path / ".aios").exists()


def test_a_place_that_turns_out_to_be_taken_costs_no_second_run(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "team.yaml").write_text(TEAM)
    (tmp_path / "out" / "src").mkdir(parents=True)
    (tmp_path / "out" / "src" / "main.py").write_text("mine")

    ran = aios(*RUN, "-f", "team", "--to", "out", cwd=tmp_path)
    assert ran.code == 3
    kept = "The project succeeded, its files are kept: aios workspace export one ../out\n"
    assert ran.err.endswith(f"out has other files of the same names: src/main.py. Name another folder. {kept}")
    assert (tmp_path / "out" / "src" / "main.py").read_text() == "mine"
