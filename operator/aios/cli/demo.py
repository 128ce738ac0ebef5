"""`aios demo`: what `make demo` shows a stranger. It runs the software team example in a fresh state folder and says
plainly what of it was real."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from aios.cli.at_hand import models_at_hand
from aios.cli.init import Models
from aios.cli.terminal import out, paint, say
from aios.errors import EnvironmentProblemError

if TYPE_CHECKING:
    from aios.embedded.state_folder import StateFolder

app = typer.Typer(add_completion=False)

EXAMPLE = Path("examples/02-software-team")
PROJECT = "word-count"
LEGEND = (
    ("scripted", "what the models said: scripts.yaml plays `strong` and `local`, so neither key nor network is needed"),
    ("scripted", "the prices: made up, counted as if they were charged"),
    ("real", "plan, routing and escalation, privacy checks, journal, queues, retries, crash safety"),
    ("real", "the files, the workspace and its commits, the commands that were run, the defect and its repair"),
)


OWN_TEAM = {
    Models.SCRIPTED: "a team of your own",
    Models.CLAUDE: "a team of your own on Claude: your ANTHROPIC_API_KEY is set; this spends a few cents",
    Models.OLLAMA: "a team of your own on the Ollama that runs here; nothing leaves this machine",
    Models.LOCAL: "a team of your own on a small model in this process; nothing leaves this machine",
}


def own_team(models: Models) -> tuple[str, str]:
    """The command that makes and runs a team on what is at hand, and why."""
    if models is Models.SCRIPTED:
        return "aios init my-team && aios up my-team", OWN_TEAM[models]
    return f"aios init my-team --models {models} && aios up my-team --once", OWN_TEAM[models]


def _suggest(state: "StateFolder") -> None:
    """What to type now, as it can be typed here."""
    commands = [
        (f"aios logs {PROJECT}/test -C {state.path}", "what the tester was asked, said and did"),
        (f"aios plan {EXAMPLE} --explain", "who would do what, and why nobody else"),
        own_team(models_at_hand(os.environ)),
    ]
    if shutil.which("aios") is None:
        commands.insert(0, (f"source {Path(sys.executable).with_name('activate')}", "so that `aios` is found"))
    width = max(len(command) for command, _ in commands)
    for command, why in commands:
        out(f"  {command.ljust(width)}   {why}")


@app.command()
def demo() -> None:
    """Run the software team example in a fresh state folder; end with what it delivered."""
    from aios.embedded.state_folder import StateFolder

    if not EXAMPLE.is_dir():
        raise EnvironmentProblemError(f"no {EXAMPLE} here: run the demo in a clone of the repository, with `make demo`")
    folder = Path(tempfile.mkdtemp(prefix="aios-demo-"))
    state = StateFolder(folder / ".aios")
    code = _run(state)
    if code:
        raise typer.Exit(code)
    files = folder / "files"
    _title("tasks")
    _aios("describe", "project", PROJECT, state=state, section="tasks")
    _title("delivered")
    _aios("workspace", "ls", PROJECT, state=state)
    _aios("workspace", "export", PROJECT, str(files), state=state, quiet=True)
    _title(f"its own tests, run just now in {files}")
    tests = subprocess.run(
        [sys.executable, "-m", "unittest", "-v"], cwd=files, capture_output=True, text=True, check=False, timeout=120
    )
    out(tests.stderr.strip())
    _title("what was real")
    for kind, text in LEGEND:
        out(f"  {paint(kind.ljust(8), 'green' if kind == 'real' else 'yellow')}  {text}")
    _title("next")
    _suggest(state)
    if tests.returncode:
        say("the delivered tests failed")
        raise typer.Exit(1)


def _run(state: "StateFolder") -> int:
    return subprocess.run(
        [sys.executable, "-m", "aios", "up", str(EXAMPLE), "--once", "-C", str(state.path)], check=False
    ).returncode


def _title(text: str) -> None:
    out(f"\n{paint(text, 'bold')}")


def _aios(*words: str, state: "StateFolder", section: str = "", quiet: bool = False) -> None:
    """Another command's output; of `describe` one section."""
    done = subprocess.run(
        [sys.executable, "-m", "aios", *words, "-C", str(state.path)], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    if section:
        start = lines.index(section) + 1
        end = next((number for number in range(start, len(lines)) if not lines[number]), len(lines))
        lines = lines[start:end]
    if not quiet:
        for line in lines:
            out(line if line.startswith("  ") else f"  {line}")
