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
    from aios.cli.paths import say_left_alone
    from aios.cli.surroundings import settings
    from aios.spec.findings import Finding, format_findings
    from aios.spec.loading import load

    if output not in {"text", "json"}:
        raise typer.BadParameter('"text" or "json"', param_hint="--output")
    loaded = load(paths, stdin=sys.stdin, cwd=Path.cwd(), namespace=settings().namespace)
    say_left_alone(paths)
    if loaded.ignored_line:
        say(paint(loaded.ignored_line, "dim", stream=sys.stderr))
    findings = loaded.findings
    if not findings and not loaded.catalogue.resources:  # `aios up` refuses it, too
        findings = (Finding(", ".join(paths), 0, 0, "", "", "no resource of ours in it"),)
    if output == "json":
        import json
        from dataclasses import asdict

        out(json.dumps({"valid": not findings, "findings": [asdict(f) for f in findings]}, indent=2))
    elif findings:
        out(format_findings(findings))
    else:
        kinds = [resource.kind for resource in loaded.catalogue.resources]
        counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        out(f"{paint('valid', 'green')}  {counts}")
    if findings:
        raise typer.Exit(1)
