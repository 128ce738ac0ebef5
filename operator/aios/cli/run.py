"""`aios run TEAM "goal"`: a project without a file. It is watched to its end; its files are what stdout gets."""

import asyncio
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aios.cli.options import Namespace, State, Verbose
from aios.cli.terminal import out, say, table
from aios.errors import EnvironmentProblemError, InvalidSpecError

if TYPE_CHECKING:
    from aios.embedded.state_folder import StateFolder
    from aios.ports.resources import AnyResource
    from aios.spec.project import Project
    from aios.wiring.ending import Ended
    from aios.wiring.stated import Sources
    from aios.workspace.manifest import Manifest

app = typer.Typer(add_completion=False)


@app.command()
def run(
    team: Annotated[str, typer.Argument(metavar="TEAM", help="The AgentTeam that does it.")],
    goal: Annotated[str, typer.Argument(metavar="GOAL", help="What should be there in the end.")],
    *,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", metavar="KEY=VALUE", help="A value for the prompts; may be repeated.")
    ] = None,
    privacy: Annotated[
        str, typer.Option("--privacy", metavar="Public|Internal|Restricted", help="How far its data may travel.")
    ] = "Internal",
    timeout: Annotated[str, typer.Option("--timeout", metavar="TIME", help="Such as 90s, 10m or 1h30m.")] = "1h",
    name: Annotated[str | None, typer.Option("--name", help="The Project's name; default: made from the goal.")] = None,
    files: Annotated[
        list[str] | None,
        typer.Option("-f", "--file", metavar="PATH", help="YAML to apply first: the team, its models."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="yaml", help="Print the Project for Git; run nothing.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Export the files there when it succeeded.")
    ] = None,
    namespace: Namespace = "default",
    state: State = None,
    verbose: Verbose = False,
) -> None:
    """Give a team a goal, watch it work, get the files.

    With an `aios up` running in the state folder that one does the work; without, this command does.
    """
    if to is not None and output is None:
        _require_room(to)
    project = build_project(
        name or name_for(goal), namespace, team=team, goal=goal, inputs=inputs or [], privacy=privacy, timeout=timeout
    )
    if output is not None:
        if output != "yaml":
            raise typer.BadParameter("only yaml", param_hint="--output")
        from aios.cli.documents import to_yaml

        out(to_yaml([stated(project)]))
        return
    from aios.cli.session import INTERRUPTED
    from aios.cli.state import command, to_use
    from aios.wiring.ending import stalled

    folder = to_use(state, files or ())
    watched = folder.driver() if not files else None
    ended = _carry_out(project, folder, tuple(files or ()), watched, verbose=verbose)
    if ended is None:
        say(_stopped(project, folder, watched=watched is not None))
        raise typer.Exit(INTERRUPTED)
    last = ended.projects.get(project.ref)
    if last is None or not ended.succeeded:
        obstacle = stalled(last) if last else "it was deleted meanwhile"
        say(f"why    {obstacle or command(f'aios logs {project.metadata.name}', folder, namespace=namespace)}")
        raise typer.Exit(1)
    _deliver(project, folder, to, files or ())


def _require_room(to: Path) -> None:
    """Raises EnvironmentProblemError before anything is paid for when no files could be exported to that place."""
    from aios.workspace.export import require_room
    from aios.workspace.manifest import Manifest

    require_room(to, Manifest())


def build_project(
    name: str, namespace: str, *, team: str, goal: str, inputs: list[str], privacy: str, timeout: str
) -> "Project":
    """The Project. Raises InvalidSpecError saying which argument is wrong."""
    from aios.spec.checking import check
    from aios.spec.metadata_rules import metadata_problems
    from aios.spec.positions import Positions, format_path
    from aios.spec.project import Project

    if unpaired := [pair for pair in inputs if "=" not in pair]:
        raise InvalidSpecError(f"--input {unpaired[0]}: write it as KEY=VALUE")
    pairs = dict(pair.split("=", 1) for pair in inputs)
    if not goal.strip():
        raise InvalidSpecError("the goal is empty: say in a sentence what should be there in the end")
    spec = {"team": team, "goal": goal, "inputs": pairs, "privacy": privacy, "timeout": timeout}
    checked = check(Project, {"metadata": {"name": name, "namespace": namespace}, "spec": spec}, Positions({}))
    wrong = [f"{format_path(fault.path)}: {fault.message}" for fault in checked.faults]
    if checked.value is not None:
        wrong = [f"{problem.path}: {problem.message}" for problem in metadata_problems(checked.value)]
    if wrong or checked.value is None:
        raise InvalidSpecError("; ".join(wrong))
    return checked.value


def name_for(goal: str) -> str:
    """A name from the goal's first words, with something random so that the same goal can be given twice."""
    words = re.sub(r"[^a-z0-9]+", "-", goal.lower()).strip("-")[:28].strip("-")
    return f"{words or 'project'}-{secrets.token_hex(2)}"


def stated(project: "Project") -> dict[str, object]:
    """As a person would have written it."""
    dumped = project.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    namespace = project.metadata.namespace
    metadata = {"name": project.metadata.name, **({} if namespace == "default" else {"namespace": namespace})}
    return {"apiVersion": project.api_version, "kind": project.kind, "metadata": metadata, "spec": dumped["spec"]}


def _carry_out(
    project: "Project", folder: "StateFolder", files: tuple[str, ...], driver: int | None, *, verbose: bool
) -> "Ended | None":
    """How it ended; None: the person stopped it. `driver`: the process that does the work, None: this one."""
    from aios.cli.paths import say_left_alone, stdin_of
    from aios.cli.progress import Progress
    from aios.cli.session import in_loop, prepare
    from aios.cli.state import typed
    from aios.errors import NotFoundError
    from aios.wiring.attend import attend
    from aios.wiring.services import Services
    from aios.wiring.stated import Sources
    from aios.wiring.up import UpOptions, up

    if folder.exists:
        folder.check_version()
    elif not files:
        raise NotFoundError(
            f'nothing knows a team "{project.spec.team}" yet: bring it in with `aios up PATH`, or add -f PATH'
        )
    sources = Sources(files, stdin_of(files), namespace=project.metadata.namespace)
    _refuse_stated(project, folder, sources)
    settings = prepare(folder, verbose=verbose)
    services = Services.from_settings(settings)
    with Progress(stream=sys.stderr, only=frozenset({project.run_id}), verbose=verbose) as progress:
        if driver is not None:
            say(f"state  {folder.path} (the aios up that runs, process {driver}, does the work)")
            takes_over = typed("up", (), folder, "--take-over")
            return in_loop(lambda stop: attend(folder, services, project, progress, stop, takes_over=takes_over))
        say_left_alone(files)
        options = UpOptions(
            state=folder,
            sources=sources,
            services=services,
            once=True,
            project=project,
            takes_over=typed("up", files, folder, "--take-over"),
            metrics_port=settings.metrics_port,
            metrics_address=settings.metrics_address,
        )
        return in_loop(lambda stop: up(options, progress, stop))


async def _stored(folder: "StateFolder", project: "Project") -> "AnyResource | None":
    """What the folder holds by its name."""
    from aios.embedded.resources import SqliteResources

    resources = SqliteResources(folder.resources)
    try:
        return await resources.get(project.ref)
    finally:
        await resources.close()


def _refuse_stated(project: "Project", folder: "StateFolder", sources: "Sources") -> None:
    """Raises InvalidSpecError when a file states a project of that name: this one would take its place, and what
    stands in the file would not be what runs."""
    from aios.naming import ANNOTATION_SOURCE

    found = asyncio.run(_stored(folder, project)) if folder.exists else None
    source = found.metadata.annotations.get(ANNOTATION_SOURCE, "") if found else ""
    if not source:
        source = ", ".join(sources.paths) if project.ref in sources.load().catalogue.projects else ""
    if source:
        where = "what was piped in" if source == "-" else source
        raise InvalidSpecError(
            f'a project "{project.metadata.name}" is stated already, in {where}: give this one another --name, '
            "or change that one there"
        )


def _stopped(project: "Project", folder: "StateFolder", *, watched: bool) -> str:
    """What becomes of it now that nobody looks on. `watched`: another process did the work."""
    from aios.cli.state import command

    name, namespace = project.metadata.name, project.metadata.namespace
    driver = folder.driver() if watched else None
    if driver is None:
        return f"stopped. Go on with:  {command('aios up', folder)}"
    if asyncio.run(_stored(folder, project)) is None:
        return f"stopped before process {driver} was given the project: nothing of it runs"
    look = command(f"aios logs {name} -f", folder, namespace=namespace)
    cancel = command(f"aios cancel {name}", folder, namespace=namespace)
    return f"no longer watched; process {driver} goes on with it: {look}, or stop it: {cancel}"


def _deliver(project: "Project", folder: "StateFolder", to: Path | None, files: Sequence[str]) -> None:
    from aios.cli.paths import export_command
    from aios.cli.reading import with_laptop
    from aios.cli.workspace import say_left_out, workspace_of
    from aios.wiring.ports import LaptopPorts

    name, namespace = project.metadata.name, project.metadata.namespace
    # Not where it was refused; and without a file nobody knows what is read here.
    avoided = [*(files or ["."]), str(to)] if to else files
    elsewhere = export_command(name, avoided, folder, namespace=namespace)

    async def read(ports: LaptopPorts) -> "tuple[Manifest, Manifest]":
        workspace = workspace_of(ports, namespace, name)
        whole = await workspace.manifest((await workspace.head()).manifest)
        return whole, await workspace.export(to) if to else whole

    try:
        whole, given = with_laptop(folder.path, read)
    except EnvironmentProblemError as error:
        raise EnvironmentProblemError(f"{error} The project succeeded, its files are kept: {elsewhere}") from error
    rows = [[str(to / path) if to else path, str(entry.size)] for path, entry in sorted(given.files.items())]
    for line in table(["FILE", "BYTES"], rows):
        out(line)
    say_left_out(whole, given)
    if not to:
        say(f"files  {elsewhere}")
