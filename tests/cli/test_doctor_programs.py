"""`aios doctor` warns of programs that no command would find here, before a run needs them."""

from pathlib import Path

from tests.cli.console import aios

TEAM = """
apiVersion: aios.dev/v1alpha1
kind: Model
metadata: {name: local}
spec: {provider: Scripted, script: [{reply: done}]}
---
apiVersion: aios.dev/v1alpha1
kind: AgentTeam
metadata: {name: t}
spec:
  strategy: Sequential
  members:
  - {name: dev, tier: Execution, models: [local], prompt: Work., run: {allow: [sh, a-linter-of-nobody]}}
---
apiVersion: aios.dev/v1alpha1
kind: Project
metadata: {name: p}
spec:
  team: t
  goal: Lint.
  tasks: [{name: lint, instructions: Lint., check: {run: [a-linter-of-nobody, check]}}]
"""


def test_programs_that_members_and_checks_need_are_looked_up_and_warned_about(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(TEAM)
    told = aios("doctor", "team.yaml", cwd=tmp_path)
    assert told.code == 0, told.err
    assert "not on this machine; needed by member dev of t, the check of p/lint" in told.out
    assert "program sh" in told.out


def test_without_a_path_those_of_the_state_folder_are_looked_up(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(TEAM.partition("kind: Project")[0].rpartition("---")[0])
    assert aios("up", "team.yaml", "--once", cwd=tmp_path).code == 0
    assert "not on this machine; needed by member dev of t" in aios("doctor", cwd=tmp_path).out
