"""`aios up`: YAML in, running projects out, over one state folder.

It applies what the YAML says, keeps everything running, follows edits, and tells an audience what happens. What it
must remember stands in the state folder before it is told: killed at any moment, the next `aios up` goes on.
"""

import asyncio
import importlib.util
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Protocol

from aios import __version__
from aios.desired.changes import ChangeSet
from aios.embedded.state_folder import StateFolder
from aios.errors import InvalidSpecError, MissingExtraError, NotFoundError
from aios.naming import ANNOTATION_RETRY, run_stream
from aios.ports.journal import Journal
from aios.ports.resources import Resources
from aios.reconcile.watch import edits
from aios.spec.base import Kind, Ref
from aios.spec.catalogue import Catalogue
from aios.spec.conditions import ConditionType
from aios.spec.loading import Loaded, load
from aios.spec.project import Project
from aios.spec.vocabulary import ProjectPhase, Tool
from aios.tasks.run_events import RUN_EVENT, RetryRequested
from aios.telemetry import serve_metrics
from aios.wiring.follow import RunReader, RunRecord, positions
from aios.wiring.laptop import Laptop, laptop
from aios.wiring.ports import Instrument, as_they_are, open_ports
from aios.wiring.sources import apply_sources, plan_sources, stored

log = logging.getLogger(__name__)

DRAIN_SECONDS = 10.0
LAST_WORDS_SECONDS = 2.0
"""How long statuses may take to say how things ended."""
STDIN = "-"


class Audience(Protocol):
    """Whoever is shown what happens. Calls come from the event loop, in order."""

    def opened(self, state: StateFolder, *, new: bool, metrics: str) -> None:
        """The state folder is ours."""
        ...

    def applied(self, changes: ChangeSet, catalogue: Catalogue) -> None:
        """The YAML stands in the store now."""
        ...

    def broken(self, message: str) -> None:
        """An edit cannot be applied; what was applied before stays."""
        ...

    def happened(self, record: RunRecord) -> None:
        """A run went on."""
        ...

    def draining(self) -> None:
        """Told to stop; tasks in flight may finish."""
        ...


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What to run and how. Without `paths` what the state folder holds goes on."""

    state: StateFolder
    paths: tuple[str, ...] = ()
    stdin: str = ""
    """What was read from standard input, if "-" is among the paths."""
    once: bool = False
    isolate: bool = False
    project: Project | None = None
    """One more project, from the command line; with `once` only it is waited for."""
    metrics_port: int = 0
    metrics_address: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended: the projects that were waited for, by ref, with their last status."""

    projects: Mapping[Ref, Project]

    @property
    def succeeded(self) -> bool:
        """Whether every one of them did."""
        return all(project.status.run.phase is ProjectPhase.SUCCEEDED for project in self.projects.values())


def load_sources(options: UpOptions) -> Loaded:
    """Everything that the paths say now. Never raises for what stands in a file."""
    return load(options.paths, stdin=StringIO(options.stdin), cwd=Path.cwd())


async def up(
    options: UpOptions, audience: Audience, stop: asyncio.Event, *, instrument: Instrument = as_they_are
) -> Ended:
    """Run until `stop` is set, or with `once` until all projects ended.

    Raises InvalidSpecError when the YAML is wrong (nothing is applied then) and EnvironmentProblemError when another
    `aios up` has the state folder.
    """
    loaded = load_sources(options)
    check_extras(loaded.require())
    new = not options.state.exists
    async with laptop(options.state, isolate=options.isolate, instrument=instrument) as running:
        metrics = serve_metrics("up", __version__, port=options.metrics_port, address=options.metrics_address)
        try:
            audience.opened(options.state, new=new, metrics=metrics.url)
            return await _Up(options, audience, running).run(loaded, stop)
        finally:
            metrics.close()


class _Up:
    """One run of `aios up`."""

    def __init__(self, options: UpOptions, audience: Audience, running: Laptop) -> None:
        self._options, self._audience, self._laptop = options, audience, running
        self._journal: Journal = running.ports.journal
        self._resources: Resources = running.ports.resources
        self._applied = False

    async def run(self, loaded: Loaded, stop: asyncio.Event) -> Ended:
        """Apply, then run until there is a reason to end."""
        await self._apply(loaded)
        if self._options.project is not None:
            await submit(self._resources, self._options.project)
        waited_for = await self._projects(loaded)
        if not all([await self._has_ended(ref) for ref in waited_for]):
            self._laptop.warm_up()
        reader = RunReader(self._journal, await positions(self._journal))
        loops = asyncio.create_task(self._laptop.run(), name="laptop")
        show = asyncio.create_task(_show(reader, self._audience), name="show")
        watch = asyncio.create_task(self._follow_edits(), name="edits")
        reason = asyncio.create_task(self._until(waited_for, stop), name="until")
        try:
            endless = {loops, show, *({watch} if self._follows_edits else ())}
            await asyncio.wait({reason, *endless}, return_when=asyncio.FIRST_COMPLETED)
            for task in endless:
                if task.done():
                    task.result()  # none ends by itself: this raises what ended it
            # First the engine and the reconciler, or they would give drained workers new work and new replicas.
            await self._laptop.settle(LAST_WORDS_SECONDS)
            await _cancel(watch, reason, loops)
            await self._end(stop)
            await _last_words(reader, self._audience, show)
        finally:
            await _cancel(watch, reason, loops, show)
        found = {ref: await self._resources.get(ref) for ref in waited_for}
        return Ended({ref: project for ref, project in found.items() if isinstance(project, Project)})

    async def _end(self, stop: asyncio.Event) -> None:
        if stop.is_set():
            self._audience.draining()
            stop.clear()  # set once more: do not wait
        drain = asyncio.create_task(self._laptop.drain(DRAIN_SECONDS))
        again = asyncio.create_task(stop.wait())
        await asyncio.wait({drain, again}, return_when=asyncio.FIRST_COMPLETED)
        await _cancel(drain, again)

    async def _apply(self, loaded: Loaded) -> None:
        catalogue = loaded.require()
        plan = plan_sources(
            catalogue, await stored(self._resources), origins(loaded, self._options), sources(self._options)
        )
        await apply_sources(self._resources, plan)
        if not (self._applied and plan.changes.is_empty):
            self._audience.applied(plan.changes, catalogue)
        self._applied = True

    async def _projects(self, loaded: Loaded) -> tuple[Ref, ...]:
        """What `--once` waits for: the projects of the YAML, or without any path all there are."""
        if self._options.project is not None:
            return (self._options.project.ref,)
        if self._options.paths:
            return tuple(loaded.catalogue.projects)
        return tuple(project.ref for project in await self._resources.list(Kind.PROJECT))

    @property
    def _follows_edits(self) -> bool:
        return not self._options.once and any(path != STDIN for path in self._options.paths)

    async def _follow_edits(self) -> None:
        if not self._follows_edits:
            return
        paths = [Path(path) for path in self._options.paths if path != STDIN]
        said = ""
        async for _ in edits(paths):
            loaded = await asyncio.to_thread(load_sources, self._options)
            try:
                check_extras(loaded.require())
                await self._apply(loaded)
                said = ""
            except (InvalidSpecError, MissingExtraError) as error:
                if str(error) != said:
                    self._audience.broken(str(error))
                said = str(error)

    async def _until(self, waited_for: Sequence[Ref], stop: asyncio.Event) -> None:
        stopped = asyncio.create_task(stop.wait())
        done = asyncio.create_task(self._all_ended(waited_for)) if self._options.once else None
        try:
            await asyncio.wait({stopped, *([done] if done else [])}, return_when=asyncio.FIRST_COMPLETED)
            if done and done.done():
                done.result()
        finally:
            await _cancel(stopped, *([done] if done else []))

    async def _all_ended(self, waited_for: Sequence[Ref]) -> None:
        open_still = set(waited_for)
        if not open_still:
            return
        async for ref in self._resources.changes():
            if ref in open_still and await self._has_ended(ref):
                open_still.discard(ref)
                if not open_still:
                    return

    async def _has_ended(self, ref: Ref) -> bool:
        project = await self._resources.get(ref)
        if not isinstance(project, Project):
            return True
        return await has_ended(project, self._journal)


async def submit(resources: Resources, project: Project) -> None:
    """Put a project that no file states into the store. Raises NotFoundError when its team is not there."""
    namespace = project.metadata.namespace
    team = Ref(Kind.TEAM, namespace, project.spec.team)
    if await resources.get(team) is None:
        known = ", ".join(one.metadata.name for one in await resources.list(Kind.TEAM, namespace)) or "none"
        raise NotFoundError(
            f'no AgentTeam "{project.spec.team}" in namespace {namespace}; there are: {known}. '
            "Bring one in with `aios up PATH`, or name its files with -f PATH"
        )
    await resources.apply(project)


async def attend(state: StateFolder, project: Project, audience: Audience, stop: asyncio.Event) -> Ended:
    """Give a project to the `aios up` that runs already, and follow it until it ended or `stop` is set."""
    ports = open_ports(state)
    try:
        reader = RunReader(ports.journal, await positions(ports.journal))
        await submit(ports.resources, project)

        async def look() -> None:
            async for ref in ports.resources.changes():
                found = await ports.resources.get(ref) if ref == project.ref else None
                if isinstance(found, Project) and await has_ended(found, ports.journal):
                    break

        looking = asyncio.create_task(look())
        stopping = asyncio.create_task(stop.wait())
        showing = asyncio.create_task(_show(reader, audience))
        try:
            await asyncio.wait({looking, stopping, showing}, return_when=asyncio.FIRST_COMPLETED)
            await _last_words(reader, audience, showing)
        finally:
            await _cancel(looking, stopping, showing)
        found = await ports.resources.get(project.ref)
        return Ended({project.ref: found} if isinstance(found, Project) else {})
    finally:
        await ports.close()


async def _show(reader: RunReader, audience: Audience) -> None:
    async for record in reader.follow():
        audience.happened(record)


async def _last_words(reader: RunReader, audience: Audience, showing: asyncio.Task[None]) -> None:
    """Show what is on record and was not shown yet, then no more."""
    await _cancel(showing)
    async for record in reader.news():
        audience.happened(record)


async def has_ended(project: Project, journal: Journal) -> bool:
    """Whether nothing more will happen to it by itself: its run ended and no retry is asked for, or it is stalled."""
    status = project.status
    if status.observed_generation < project.metadata.generation:
        return False
    if any(one.type == ConditionType.STALLED and one.status == "True" for one in status.conditions):
        return True
    if status.run.id != project.run_id or not status.run.phase.ended:
        return status.run.id == project.run_id and status.run.phase is ProjectPhase.PAUSED
    return status.phase is status.run.phase and await _retry_answered(project, journal)


async def _retry_answered(project: Project, journal: Journal) -> bool:
    """The mirror may be older than the wish: a retry counts from the moment it was asked for."""
    token = project.metadata.annotations.get(ANNOTATION_RETRY, "").partition("=")[0]
    if not token:
        return True
    events = [RUN_EVENT.validate_python(one.data) for one in await journal.read(run_stream(project.run_id))]
    answered = any(isinstance(event, RetryRequested) and event.token == token for event in events)
    return answered and project.status.run.sequence >= len(events)


def check_extras(catalogue: Catalogue) -> None:
    """Say now what would fail later. Raises MissingExtraError."""
    uses_memory = any(Tool.MEMORY in member.tools for team in catalogue.teams.values() for member in team.spec.members)
    if uses_memory and importlib.util.find_spec("qdrant_client") is None:
        raise MissingExtraError("memory", "the Memory tool")


def sources(options: UpOptions) -> tuple[str, ...]:
    """How the paths are remembered: absolute, so that it does not matter where `aios up` is typed."""
    return tuple(path if path == STDIN else str(Path(path).expanduser().resolve()) for path in options.paths)


def origins(loaded: Loaded, options: UpOptions) -> Mapping[Ref, str]:
    """Which source brought each resource in, as `sources` spells it."""
    spelled = sources(options)
    found = dict.fromkeys((resource.ref for resource in loaded.catalogue.resources), spelled[-1] if spelled else "")
    if len(spelled) < 2:
        return found
    for path, name in zip(options.paths, spelled, strict=True):
        others = [other for other in options.paths if other not in {path, STDIN}]
        alone = load([path], stdin=StringIO(options.stdin), cwd=Path.cwd(), context=others)
        found |= {resource.ref: name for resource in alone.catalogue.resources if resource.ref in found}
    return found


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
