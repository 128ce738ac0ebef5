"""`aios doctor [PATH...]`: which services, models, programs and extras are there, and how to get what is not."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aios.cli.options import State
from aios.cli.terminal import out, paint, say

if TYPE_CHECKING:
    from aios.embedded.resources import SqliteResources
    from aios.embedded.state_folder import StateFolder
    from aios.spec.catalogue import Catalogue
    from aios.spec.model import Model
    from aios.spec.project import Project
    from aios.spec.team import AgentTeam
    from aios.wiring.doctor import Finding
    from aios.wiring.services import Services

app = typer.Typer(add_completion=False)

EXIT_PROBLEM = 3
_STYLES = {"ok": "green", "embedded": "dim", "missing": "yellow", "problem": "red"}


@app.command()
def doctor(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH...]",
            help='YAML whose models and programs to look at, or "-" for stdin. None: those of the state folder.',
        ),
    ] = None,
    state: State = None,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="table|json", help="Format of the findings.")
    ] = "table",
) -> None:
    """Ask every service and model that `aios up` would use here. Spends nothing, shows no key, changes nothing.

    Exit code 0: all is well, 3: something has a problem.
    """
    from aios.cli.paths import say_left_alone
    from aios.cli.reading import services_stated
    from aios.cli.state import to_use

    if output not in {"table", "json"}:
        raise typer.BadParameter('"table" or "json"', param_hint="--output")
    say_left_alone(paths or ())
    findings = asyncio.run(_examine(to_use(state, paths or ()), services_stated(), tuple(paths or ())))
    if output == "json":
        out(json.dumps([asdict(one) for one in findings], indent=2))
    else:
        _show(findings)
    troubled = [one.subject for one in findings if one.verdict == "problem"]
    if troubled:
        say(f"needs attention: {', '.join(troubled)}")
        raise typer.Exit(EXIT_PROBLEM)


async def _examine(folder: "StateFolder", services: "Services", paths: tuple[str, ...]) -> "Sequence[Finding]":
    from aios.embedded.resources import SqliteResources
    from aios.wiring.credentials import FoundCredentials
    from aios.wiring.doctor import examine

    resources = SqliteResources(folder.resources) if folder.exists else None
    try:
        stated = _stated(paths) if paths else None
        if stated is not None:
            models: Sequence[Model] = tuple(stated.models.values())
            teams: Sequence[AgentTeam] = tuple(stated.teams.values())
            projects: Sequence[Project] = tuple(stated.projects.values())
        else:
            models, teams, projects = await _stored(resources) if resources else ((), (), ())
        credentials = FoundCredentials(
            resources=resources,
            stated=stated.secrets if stated is not None else None,  # as `aios up PATH` would store them
            state=folder.path,
            environment=os.environ,
        )
        return await examine(folder, services, models, credentials, teams=teams, projects=projects)
    finally:
        if resources:
            await resources.close()


def _stated(paths: tuple[str, ...]) -> "Catalogue":
    from aios.cli.surroundings import settings
    from aios.spec.loading import load

    return load(paths, stdin=sys.stdin, cwd=Path.cwd(), namespace=settings().namespace).require()


async def _stored(
    resources: "SqliteResources",
) -> "tuple[Sequence[Model], Sequence[AgentTeam], Sequence[Project]]":
    from aios.spec.base import Kind
    from aios.spec.model import Model
    from aios.spec.project import Project
    from aios.spec.team import AgentTeam

    return (
        [model for model in await resources.list(Kind.MODEL) if isinstance(model, Model)],
        [team for team in await resources.list(Kind.TEAM) if isinstance(team, AgentTeam)],
        [project for project in await resources.list(Kind.PROJECT) if isinstance(project, Project)],
    )


def _show(findings: "Sequence[Finding]") -> None:
    width = max(len(one.subject) for one in findings)
    for one in findings:
        out(f"{one.subject.ljust(width)}  {paint(one.verdict.ljust(8), _STYLES[one.verdict])}  {one.text}")
        for detail in one.details:
            out(f"{' ' * width}            {detail}")
