"""`aios init DIR`: a team that runs, small enough to be read in a minute and changed in the next."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from aios.cli.state import shown
from aios.cli.terminal import out, say
from aios.errors import InvalidSpecError

app = typer.Typer(add_completion=False)

TEMPLATES = ("models.yaml", "team.yaml", "project.yaml", "README.md")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
) -> None:
    """Make a folder with a team that runs: no key, no network."""
    taken = [name for name in TEMPLATES if (folder / name).exists()]
    if taken:
        raise InvalidSpecError(f"{folder} holds {', '.join(taken)} already: name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for name in TEMPLATES:
        text = (files("aios") / "templates" / name).read_text(encoding="utf-8")
        (folder / name).write_text(text, encoding="utf-8")
        out(shown(folder / name))
    say(f"\nnext  aios up {folder} --once")
