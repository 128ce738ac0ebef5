"""Whoever watches `aios up` reads what a deletion took away, what it left and why, each once."""

import shutil
from pathlib import Path

import pytest

from tests.acceptance.test_laptop import Up, background
from tests.cli.console import EXAMPLES, aios

__all__ = ["background"]

STAY = "deleted  Project/greeting: its runs and files stay (deletionPolicy: Retain)"
REMOVED = "deleted  Project/greeting: its runs and files are removed (deletionPolicy: Delete)"
TEAM = "deleted  AgentTeam/hello: its agents, queues and memories go"


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    """A folder with the example in `team`."""
    shutil.copytree(EXAMPLES / "01-hello", tmp_path / "team")
    return tmp_path


def with_policy(folder: Path, policy: str) -> None:
    project = folder / "team" / "project.yaml"
    project.write_text(project.read_text().replace("spec:\n", f"spec:\n  deletionPolicy: {policy}\n"))


@pytest.mark.parametrize(("policy", "told"), [("Retain", STAY), ("Delete", REMOVED)])
def test_what_an_edit_deleted_is_told_with_its_fate(hello: Path, background: list[Up], policy: str, told: str) -> None:
    with_policy(hello, policy)
    background.append(up := Up(hello, "team"))
    up.says("1/1 tasks")
    (hello / "team" / "project.yaml").unlink()
    up.says(told)
    (hello / "team" / "team.yaml").unlink()
    up.says(TEAM)
    up.end()
    assert up.log.read_text(encoding="utf-8").count("deleted") == 2


def test_what_another_command_deleted_is_told_too(hello: Path, background: list[Up]) -> None:
    background.append(up := Up(hello, "team"))
    up.says("1/1 tasks")
    ran = aios("delete", "project", "greeting", cwd=hello)
    assert ran.code == 0
    assert "its runs and files stay (deletionPolicy: Retain)" in ran.err
    up.says(STAY)


@pytest.mark.parametrize(("policy", "told"), [("Retain", STAY), ("Delete", REMOVED)])
def test_what_was_deleted_before_the_start_is_told_by_a_single_run(hello: Path, policy: str, told: str) -> None:
    with_policy(hello, policy)
    assert aios("up", "team", "--once", cwd=hello).code == 0
    (hello / "team" / "project.yaml").unlink()
    (hello / "team" / "team.yaml").unlink()
    for lines in (sorted([TEAM, told]), []):
        ran = aios("up", "team", "--once", cwd=hello)
        assert ran.code == 0, ran.err
        assert sorted(line.partition(". To remove")[0] for line in ran.out.splitlines() if "deleted" in line) == lines
