"""`aios crds [DIR]`: write what is generated from the models; with --check only say whether it is up to date."""

from pathlib import Path
from typing import Annotated

import typer

from aios.cli.terminal import out, say

app = typer.Typer(add_completion=False)


@app.command()
def crds(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where they go.")] = Path("crds"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when something would change.")] = False,
) -> None:
    """Write the Kubernetes CRDs and JSON Schemas."""
    from aios.spec.crd import generate

    wanted = {folder / name: content for name, content in generate().items()}
    stale = {path: content for path, content in wanted.items() if not _holds(path, content)}
    for path, content in stale.items():
        out(f"{'stale' if check else 'wrote'}  {path}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    if not stale:
        say(f"{folder} is up to date ({len(wanted)} files)")
    elif check:
        say("run `aios crds` to write them")
        raise typer.Exit(1)


def _holds(path: Path, content: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == content
