"""`aios plan PATH...`: what `aios up` would change and who would do which task. Writes nothing, spends nothing."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from aios.cli.options import Paths, State
from aios.cli.terminal import out, paint, say
from aios.desired.changes import Action, ChangeSet

if TYPE_CHECKING:
    from aios.embedded.state_folder import StateFolder
    from aios.errors import HeldElsewhereError
    from aios.spec.catalogue import Catalogue
    from aios.spec.loading import Loaded
    from aios.spec.model import Model
    from aios.spec.project import Project
    from aios.spec.team import AgentTeam
    from aios.wiring.stated import Sources

app = typer.Typer(add_completion=False)

STYLE = {Action.CREATE: "green", Action.UPDATE: "yellow", Action.DELETE: "red"}
LONGEST = 100
JOURNAL_SECONDS = 5.0


@app.command()
def plan(
    paths: Paths,
    *,
    explain: Annotated[bool, typer.Option("--explain", help="Who would do each task, and why nobody else.")] = False,
    manifests: Annotated[
        bool, typer.Option("--manifests", help="Print what the operator would make on Kubernetes.")
    ] = False,
    output: Annotated[str, typer.Option("-o", "--output", metavar="text|json", help="Format of the changes.")] = "text",
    state: State = None,
) -> None:
    """Show what `aios up` would change, and with --explain who would do which task."""
    from aios.cli.paths import say_left_alone, stdin_of
    from aios.cli.state import to_use
    from aios.cli.surroundings import settings
    from aios.wiring.stated import Sources

    if output not in {"text", "json"}:
        raise typer.BadParameter('"text" or "json"', param_hint="--output")
    folder = to_use(state, paths)
    sources = Sources(tuple(paths), stdin_of(paths), settings().namespace)
    say_left_alone(paths)
    loaded = sources.load()
    catalogue = sources.require(loaded)
    if manifests:
        _manifests(catalogue)
        return
    changes, obstacle = asyncio.run(_changes(folder, sources, loaded))
    if output == "json":
        routes = {"routes": list(_routes(catalogue))} if explain else {}
        out(json.dumps({**changes.to_json(), **routes}, indent=2, default=str))
        return
    for line in _lines(changes):
        out(line)
    if explain:
        for text in _explained(catalogue):
            out()
            out(text)
    say(paint(f"against {_where(folder)}; nothing was changed", "dim", stream=sys.stderr))
    if obstacle is not None:
        raise obstacle


async def _changes(
    folder: "StateFolder", sources: "Sources", loaded: "Loaded"
) -> "tuple[ChangeSet, HeldElsewhereError | None]":
    """What `up` would change, and what it would refuse it for."""
    from aios.cli.reading import services_stated
    from aios.cli.state import typed
    from aios.wiring.instrument import as_they_are
    from aios.wiring.laptop import names_of
    from aios.wiring.outages import Outages
    from aios.wiring.ports import open_ports
    from aios.wiring.sources import plan_sources, stored

    origins = sources.origins(loaded)
    if not folder.exists:
        return plan_sources(loaded.catalogue, {}, origins, sources.names).changes, None
    folder.check_version()
    services = services_stated()
    outages = Outages(lambda _: None, services, admission=False)  # it names the variable in what it hears
    ports = open_ports(folder, services, outages.instrument(as_they_are))
    try:
        existing = await stored(ports.resources)
        planned = plan_sources(loaded.catalogue, existing, origins, sources.names)
        obstacle = None
        if services.journal:
            names = names_of(folder, ports, looking=True, takes_over=typed("up", sources.paths, folder, "--take-over"))
            obstacle = await _obstacle(names.check(loaded.catalogue.resources, existing, prune=planned.prune))
    finally:
        await ports.close()
    return planned.changes, obstacle


async def _obstacle(checking: Awaitable[None]) -> "HeldElsewhereError | None":
    """What another installation on the same services objects to. A plan is made without them, too."""
    from aios.errors import HeldElsewhereError, ServiceUnavailableError

    try:
        async with asyncio.timeout(JOURNAL_SECONDS):
            await checking
    except HeldElsewhereError as error:
        return error
    except (ServiceUnavailableError, TimeoutError) as error:
        why = str(error) or f"the journal has not answered within {JOURNAL_SECONDS:g} s"
        say(f"not known whether another installation on the same services objects: {why}")
    return None


def _where(state: "StateFolder") -> str:
    from aios.cli.state import shown

    return shown(state.path) if state.exists else f"nothing ({shown(state.path)} does not exist yet)"


def _lines(changes: ChangeSet) -> Iterator[str]:
    for change in changes.changes:
        kind, _, rest = change.subject.partition("/")
        name = rest.removeprefix("default/")
        detail = ""
        if change.action is Action.CREATE and change.kind == "Worker":
            detail = f"  replicas {next((field.after for field in change.fields if field.path == 'replicas'), '')}"
        yield paint(f"{change.action.sign} {kind}/{name}{detail}", STYLE[change.action])
        if change.action is Action.UPDATE:
            for field in change.fields:
                yield f"    {field.path}: {_value(field.before)} -> {_value(field.after)}"
    yield changes.summary()


def _value(value: object) -> str:
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST else f"{flat[: LONGEST - 3]}..."


def _explained(catalogue: "Catalogue") -> Iterator[str]:
    from aios.projects.preview import preview
    from aios.routing.explain import explain

    for project, team, models in _projects(catalogue):
        for task, need, decision in preview(project, team, models):
            yield explain(f"{project.metadata.name}/{task.name}", need, decision)


def _routes(catalogue: "Catalogue") -> Iterator[dict[str, object]]:
    from aios.projects.preview import preview
    from aios.routing.candidates import Route

    for project, team, models in _projects(catalogue):
        for task, need, decision in preview(project, team, models):
            yield {
                "project": project.metadata.name,
                "task": task.name,
                "privacy": need.privacy.value,
                "complexity": need.complexity,
                "member": decision.member if isinstance(decision, Route) else None,
                "model": decision.model if isinstance(decision, Route) else None,
                "reason": decision.reason,
                "rejected": [
                    {"member": one.member, "model": one.model, "reason": one.sentence} for one in decision.rejected
                ],
            }


def _projects(catalogue: "Catalogue") -> "Iterator[tuple[Project, AgentTeam, list[Model]]]":
    from aios.spec.base import Kind, Ref
    from aios.spec.team import AgentTeam

    for project in catalogue.projects.values():
        namespace = project.metadata.namespace
        team = catalogue.get(Ref(Kind.TEAM, namespace, project.spec.team))
        if isinstance(team, AgentTeam):
            yield project, team, [m for m in catalogue.models.values() if m.metadata.namespace == namespace]


def _manifests(catalogue: "Catalogue") -> None:
    from aios.adapters.kubernetes.render import PodSettings, render
    from aios.cli.documents import to_yaml
    from aios.desired.build import build_workers

    rendered = [
        manifest
        for team in catalogue.teams.values()
        for worker in build_workers(team, catalogue.get)
        for manifest in render(worker, PodSettings())
    ]
    out(to_yaml(rendered))
