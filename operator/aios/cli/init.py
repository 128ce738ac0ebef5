"""`aios init DIR`: a team that runs, small enough to be read in a minute and changed in the next.

The same team for each kind of model, but for the smallest, whose task is of its size. Never asks for a key, nor looks
for one: the folder's README says where it may stand.
"""

import shlex
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from aios.cli.state import shown
from aios.cli.terminal import out, say
from aios.errors import InvalidSpecError, install_line

app = typer.Typer(add_completion=False)

TEMPLATES = ("models.yaml", "team.yaml", "project.yaml", "README.md")


class Models(StrEnum):
    """Who plays the team."""

    SCRIPTED = "scripted"
    CLAUDE = "claude"
    OLLAMA = "ollama"
    LOCAL = "local"


NEEDS = {
    Models.CLAUDE: "an API key of Anthropic's: README.md says where it may stand. Running it spends a few cents",
    Models.OLLAMA: "a running Ollama daemon (ollama.com)",
    Models.LOCAL: f"the small model, once: {install_line('local')}",
}
"""What a team needs before it runs."""


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    models: Annotated[
        Models, typer.Option("--models", help="Who plays the team. Scripted needs no key and no network.")
    ] = Models.SCRIPTED,
) -> None:
    """Make a folder with a team that runs: scripted, or on Claude, Ollama or a local model."""
    taken = [name for name in TEMPLATES if (folder / name).exists()]
    if taken:
        raise InvalidSpecError(f"{folder} holds {', '.join(taken)} already: name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for name in TEMPLATES:
        (folder / name).write_text(_template(models, name).read_text(encoding="utf-8"), encoding="utf-8")
        out(shown(folder / name))
    if models in NEEDS:
        say(f"\nneeds {NEEDS[models]}")
    say(f"\nnext  aios up {shlex.quote(str(folder))} --once")


def _template(models: Models, name: str) -> Traversable:
    """The one for these models, else the one for all."""
    own = files("aios") / "templates" / models.value / name
    return own if own.is_file() else files("aios") / "templates" / name
