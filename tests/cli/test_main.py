"""The root command: what everybody sees first, and the exit codes that scripts rely on."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer.main

from aios import __version__
from aios.cli.main import COMMANDS
from tests.cli.console import aios, environment

HEAVY = ("pydantic", "rich", "langgraph", "kopf", "lightkube", "qdrant_client", "ruamel", "asyncio")


def test_help_lists_every_command_in_its_panel(tmp_path: Path) -> None:
    ran = aios("--help", cwd=tmp_path)
    assert ran.code == 0
    for name, entry in COMMANDS.items():
        assert (f"│ {name} " in ran.out) is not entry.hidden
    assert [title for title in ("Everyday", "Look inside", "Processes", "Author") if f"─ {title} " in ran.out] == [
        "Everyday",
        "Look inside",
        "Processes",
        "Author",
    ]


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    script = (
        "import sys; from aios.cli.main import main; main(['--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, env=environment()
    )
    assert ran.stderr.strip() == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_exists_and_has_help(name: str) -> None:
    entry = COMMANDS[name]
    loaded = typer.main.get_command(import_module(f"aios.cli.{entry.module}").app)
    found = getattr(loaded, "commands", {}).get(name, loaded)
    assert found.name in {name, "", None}
    assert found.help


def test_version(tmp_path: Path) -> None:
    ran = aios("--version", cwd=tmp_path)
    assert (ran.code, ran.out) == (0, f"aios {__version__}\n")


def test_an_unknown_command_is_wrong_usage(tmp_path: Path) -> None:
    ran = aios("frobnicate", cwd=tmp_path)
    assert ran.code == 2
    assert "frobnicate" in ran.err
    assert ran.out == ""


def test_a_missing_state_folder_says_how_to_get_one(tmp_path: Path) -> None:
    ran = aios("get", cwd=tmp_path)
    assert ran.code == 1
    assert "aios up PATH" in ran.err
    assert "Traceback" not in ran.err


def test_a_state_folder_that_cannot_be_made_is_the_environments_fault(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    (tmp_path / "project.yaml").write_text("", encoding="utf-8")
    ran = aios("up", "project.yaml", "--once", "-C", "taken", cwd=tmp_path)
    assert ran.code == 3
    assert "taken" in ran.err
