"""The root command: what everybody sees first, and the exit codes that scripts rely on."""

import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer.main

from aios import __version__
from aios.cli.main import COMMANDS
from tests.cli.console import EXAMPLES, aios, command, environment

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
    ran = aios("up", EXAMPLES / "01-hello", "--once", "-C", "taken", cwd=tmp_path)
    assert ran.code == 3
    assert "taken" in ran.err


@pytest.mark.parametrize("words", [("get",), ("logs", "p"), ("plan", "hello"), ("down", "--wipe"), ("run", "t", "g")])
def test_a_state_folder_of_a_newer_version_is_neither_read_nor_deleted(words: tuple[str, ...], tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "01-hello", tmp_path / "hello")
    (tmp_path / ".aios").mkdir()
    (tmp_path / ".aios" / "version.json").write_text('{"schema": 99}', encoding="utf-8")
    ran = aios(*words, cwd=tmp_path)
    assert ran.code == 3
    assert "newer aios (schema 99" in ran.err
    assert [path.name for path in (tmp_path / ".aios").iterdir() if path.name != "logs"] == ["version.json"]


def test_what_the_operating_system_refuses_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    ran = aios("init", "file/team", cwd=tmp_path)
    assert (ran.code, ran.out, ran.err) == (3, "", "error  file/team: Not a directory\n")


def test_a_wrong_environment_variable_is_named(tmp_path: Path) -> None:
    words = ("up", EXAMPLES / "01-hello", "--once", "-C", "state")
    port = aios(*words, cwd=tmp_path, env={"AIOS_METRICS_PORT": "http"})
    assert port.code == 3
    assert "AIOS_METRICS_PORT is 'http'" in port.err
    address = aios(*words, cwd=tmp_path, env={"AIOS_METRICS_ADDRESS": "192.0.2.1"})  # RFC 5737: nobody's
    assert address.code == 3
    assert "cannot serve /metrics at 192.0.2.1" in address.err
    assert "Traceback" not in port.err + address.err


@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_closed_stream_is_no_reason_to_fail(closed: str, hello: Path) -> None:
    line = f'exec "$@" {closed}>&-'
    ran = subprocess.run(
        ["/bin/sh", "-c", line, "sh", *command("get", "projects")],
        cwd=hello, capture_output=True, text=True, check=False, timeout=60, env=environment(),
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    assert ("greeting" in ran.stdout) is (closed == "2")


def test_ctrl_c_while_the_command_line_loads_leaves_no_trace() -> None:
    interrupted = """
import sys

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "aios.cli.main":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
from aios.__main__ import main
sys.exit(main())
"""
    ended = subprocess.run([sys.executable, "-c", interrupted], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
