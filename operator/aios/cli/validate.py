"""`aios validate PATH...`: every error of every file at once, with its place; nothing is run or written."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from aios.cli.options import Paths
from aios.cli.terminal import out, paint, say

app = typer.Typer(add_completion=False)


@app.command()
def validate(
    paths: Paths,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="text|json", help="Format of the findings.")
    ] = "text",
) -> None:
    """Check YAML without running anything. Exit code 0: valid; 1: the errors are listed."""
    from aios.cli.surroundings import settings
    from aios.spec.findings import format_findings
    from aios.spec.loading import load

    if output not in {"text", "json"}:
        raise typer.BadParameter('"text" or "json"', param_hint="--output")
    loaded = load(paths, stdin=sys.stdin, cwd=Path.cwd(), namespace=settings().namespace)
    if loaded.ignored_line:
        say(paint(loaded.ignored_line, "dim", stream=sys.stderr))
    if output == "json":
        import json
        from dataclasses import asdict

        out(json.dumps({"valid": not loaded.findings, "findings": [asdict(f) for f in loaded.findings]}, indent=2))
    elif loaded.findings:
        out(format_findings(loaded.findings))
    else:
        kinds = [resource.kind for resource in loaded.catalogue.resources]
        counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        out(f"{paint('valid', 'green')}  {counts or 'nothing of ours in it'}")
    if loaded.findings:
        raise typer.Exit(1)
