"""The root command: a table of all commands, so that `aios --help` loads none of them.

Every command lives in a module that is imported when it is called. What goes wrong is told in one place, here, with
the exit code that its kind of error has: 1 bad input or failed project, 2 wrong usage, 3 something around us is
missing or in the way (what the operating system refused is among it), 130 interrupted. A traceback is shown for our
own defects only.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command as to_command

from aios import __version__
from aios.cli.terminal import complain, panels
from aios.errors import AiosError, EnvironmentProblemError, ServiceUnavailableError

EXIT_BAD_INPUT: Final = 1
EXIT_ENVIRONMENT: Final = 3
EXIT_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: where its code is, and what the root help says of it."""

    panel: str
    module: str
    summary: str
    hidden: bool = False


_EVERYDAY, _LOOK, _PROCESS, _AUTHOR = "Everyday", "Look inside", "Processes", "Author"

COMMANDS: Final[dict[str, Entry]] = {
    "up": Entry(_EVERYDAY, "up", "Run teams and projects from YAML, and keep following its edits."),
    "run": Entry(_EVERYDAY, "run", "Give a team a goal, watch it work, get the files."),
    "get": Entry(_EVERYDAY, "get", "List teams, agents, models and projects."),
    "logs": Entry(_EVERYDAY, "logs", "Show what happened in a project, task by task."),
    "retry": Entry(_EVERYDAY, "steer", "Run a project's failed tasks again."),
    "cancel": Entry(_EVERYDAY, "steer", "Stop a project's run."),
    "delete": Entry(_EVERYDAY, "steer", "Delete a resource."),
    "down": Entry(_EVERYDAY, "down", "Stop a running `aios up`."),
    "validate": Entry(_LOOK, "validate", "Check YAML without running anything."),
    "plan": Entry(_LOOK, "plan", "Show what `aios up` would change, and who would do which task."),
    "describe": Entry(_LOOK, "describe", "Show everything about one resource."),
    "explain": Entry(_LOOK, "explain", "Explain a field of the YAML or a reason in a status."),
    "workspace": Entry(_LOOK, "workspace", "List, show and export a project's files."),
    "doctor": Entry(_LOOK, "doctor", "Say which services, models and extras are there, and how to get the rest."),
    "operator": Entry(_PROCESS, "processes", "Run the Kubernetes operator."),
    "engine": Entry(_PROCESS, "processes", "Drive projects; workers run elsewhere."),
    "worker": Entry(_PROCESS, "processes", "Run one agent's worker."),
    "init": Entry(_AUTHOR, "init", "Make a folder with a team that runs."),
    "crds": Entry(_AUTHOR, "crds", "Write the Kubernetes CRDs and JSON Schemas."),
    "demo": Entry(_AUTHOR, "demo", "Run the software team example in a fresh state folder.", hidden=True),
}


class LazyCommands(TyperGroup):
    """Knows its commands by the table; imports one when it is asked for."""

    # Any: the context and command classes are typer's private ones.
    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name, entry in COMMANDS.items() if not entry.hidden]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        loaded = to_command(import_module(f"aios.cli.{entry.module}").app)
        return getattr(loaded, "commands", {}).get(cmd_name, loaded)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Our own panels: Rich's take half a second to load."""
        rows: dict[str, list[tuple[str, str]]] = {}
        for name, entry in COMMANDS.items():
            if not entry.hidden:
                rows.setdefault(entry.panel, []).append((name, entry.summary))
        rows["Options"] = [
            ("--version", "Print the version."),
            ("--install-completion", "Complete commands in your shell."),
            ("--help", "Print this, or a command's help after its name."),
        ]
        typer.echo("Declarative agent teams: YAML in Git becomes running AI agents.\n")
        typer.echo("Usage: aios COMMAND [OPTIONS] [ARGUMENTS]\n")
        typer.echo(panels(rows))
        typer.echo("\nStart here:  aios init hello && aios up hello --once")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"aios {__version__}")
        raise typer.Exit


app = typer.Typer(cls=LazyCommands, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})


@app.callback()
def root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Declarative agent teams: YAML in Git becomes running AI agents."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. `arguments` default to the process's."""
    _have_streams()
    command = to_command(app)
    try:
        code = command.main(
            args=list(arguments) if arguments is not None else None, prog_name="aios", windows_expand_args=False
        )
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else EXIT_BAD_INPUT
    except KeyboardInterrupt:
        complain("interrupted")
        return EXIT_INTERRUPTED
    except (AiosError, OSError, ExceptionGroup) as caught:
        error = _ours(caught)
        if error is None:
            raise
        complain(str(error))
        return (
            EXIT_ENVIRONMENT if isinstance(error, EnvironmentProblemError | ServiceUnavailableError) else EXIT_BAD_INPUT
        )
    return code if isinstance(code, int) else 0


def _ours(error: Exception) -> AiosError | None:
    """The error a person can act on, out of whatever task groups wrapped around it."""
    if isinstance(error, ExceptionGroup):
        return next((found for found in map(_ours, error.exceptions) if found is not None), None)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return EnvironmentProblemError(f"{where}{error.strerror or error}")
    return error if isinstance(error, AiosError) else None


def _have_streams() -> None:
    """Started with a closed stdout or stderr (`>&-`) Python has none: what is said then goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - as long as the process


if __name__ == "__main__":
    sys.exit(main())
