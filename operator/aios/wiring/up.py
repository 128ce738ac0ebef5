"""`aios up`: YAML in, running projects out, over one state folder.

It applies what the YAML says, keeps everything running, follows edits, and tells an audience what happens. What it
must remember stands in the state folder before it is told: killed at any moment, the next `aios up` goes on.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from aios.cancellation import cancelled
from aios.embedded.state_folder import StateFolder
from aios.errors import EnvironmentProblemError, InvalidSpecError
from aios.ports.journal import Journal
from aios.ports.resources import AnyResource, Resources
from aios.reconcile.watch import edits
from aios.spec.base import Kind, Ref
from aios.spec.catalogue import Declared
from aios.spec.loading import Loaded
from aios.spec.project import Project
from aios.wiring.attend import submit
from aios.wiring.audience import Audience, last_words, show
from aios.wiring.ending import Ended, has_ended
from aios.wiring.follow import RunReader, positions
from aios.wiring.instrument import Instrument, as_they_are
from aios.wiring.laptop import LEAVE_SECONDS, Laptop, Workers, laptop
from aios.wiring.metrics import open_metrics
from aios.wiring.missing_workers import tell_missing
from aios.wiring.outages import Outages
from aios.wiring.patience import until_free, until_served
from aios.wiring.services import Services
from aios.wiring.sources import apply_sources, plan_sources, stored
from aios.wiring.stated import Sources
from aios.wiring.stopping import before
from aios.wiring.troubles import tell_troubles

DRAIN_SECONDS = 10.0
SETTLE_SECONDS = 2.0
"""How long statuses may take to say how things ended."""
CLEANUP_SECONDS = 30.0
"""How long cleaning up behind what was deleted while nobody ran may hold up the end."""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What to run and how. Without a source what the state folder holds goes on."""

    state: StateFolder
    sources: Sources = field(default_factory=Sources)
    once: bool = False
    services: Services = field(default_factory=Services)
    workers: Workers = Workers.HERE
    take_over: bool = False
    """End the hold of other installations on the same services on what we declare."""
    takes_over: str = ""
    """The command that does so."""
    project: Project | None = None
    """One more project, from the command line; with `once` only it is waited for."""
    metrics_port: int = 0
    metrics_address: str = "127.0.0.1"


async def up(
    options: UpOptions, audience: Audience, stop: asyncio.Event, *, instrument: Instrument = as_they_are
) -> Ended:
    """Run until `stop` is set, or with `once` until all projects ended.

    Raises InvalidSpecError when the YAML is wrong and HeldElsewhereError when another installation on the same
    services says something else (nothing is applied then), EnvironmentProblemError when another `aios up` has the
    state folder.
    """
    loaded = options.sources.load()
    options.sources.require(loaded)
    new = not options.state.exists
    outages = Outages(audience.waiting, options.services)
    async with laptop(
        options.state,
        services=options.services,
        workers=options.workers,
        instrument=outages.instrument(instrument),
        takes_over=options.takes_over,
        deleted=audience.deleted,
        waiting=audience.waiting,
    ) as running:
        metrics = open_metrics("up", port=options.metrics_port, address=options.metrics_address)
        try:
            audience.opened(options.state, new=new, metrics=metrics.url)
            return await outages.admitted(_Up(options, audience, running).run(loaded, stop))
        finally:
            metrics.close()


class _Up:
    """One run of `aios up`."""

    def __init__(self, options: UpOptions, audience: Audience, running: Laptop) -> None:
        self._options, self._audience, self._laptop = options, audience, running
        self._journal: Journal = running.ports.journal
        self._resources: Resources = running.ports.resources
        self._applied = False
        self._known: Mapping[str, int] = {}
        """How far each run was on record before anything ran."""

    async def run(self, loaded: Loaded, stop: asyncio.Event) -> Ended:
        """Apply, then run until there is a reason to end."""
        if not await before(stop, self._begin(loaded)):
            return Ended({})
        waited_for = await self._projects(loaded)
        reader = RunReader(self._journal, self._known)
        loops = asyncio.create_task(self._laptop.run(), name="laptop")
        showing = asyncio.create_task(show(reader, self._audience), name="show")
        watch = asyncio.create_task(self._follow_edits(), name="edits")
        missing = asyncio.create_task(self._tell_missing(), name="missing workers")
        troubles = asyncio.create_task(self._tell_troubles(), name="troubles")
        reason = asyncio.create_task(self._until(waited_for, stop), name="until")
        try:
            elsewhere = self._options.workers is Workers.ELSEWHERE
            endless = {
                loops,
                showing,
                troubles,
                *({watch} if self._follows_edits else ()),
                *({missing} if elsewhere else ()),
            }
            await asyncio.wait({reason, *endless}, return_when=asyncio.FIRST_COMPLETED)
            for task in (reason, *endless):
                if task.done():
                    task.result()  # of the others none ends by itself: this raises what ended it
            if stop.is_set():
                self._audience.draining()
            # First the engine and the reconciler, or they would give drained workers new work and new replicas.
            await before(stop, self._laptop.buried(CLEANUP_SECONDS))
            await self._laptop.settle(SETTLE_SECONDS)
            await cancelled(watch, missing, troubles, reason, loops, within=LEAVE_SECONDS)
            await self._laptop.drain(DRAIN_SECONDS)
            await last_words(reader, self._audience, showing, stop=stop)
        finally:
            await cancelled(watch, missing, troubles, reason, loops, showing, within=LEAVE_SECONDS)
        found = {ref: await self._resources.get(ref) for ref in waited_for}
        return Ended({ref: project for ref, project in found.items() if isinstance(project, Project)})

    async def _begin(self, loaded: Loaded) -> None:
        """Everything before anything runs."""
        await self._laptop.prepare()
        await self._apply(loaded)
        if self._options.project is not None:
            async with self._declared((self._options.project,), {}):
                await submit(self._resources, self._options.project)
        if not all([await self._has_ended(ref) for ref in await self._projects(loaded)]):
            self._laptop.warm_up()
        self._known = await until_served(lambda: positions(self._journal), "read the journal", self._laptop.clock)

    async def _apply(self, loaded: Loaded) -> None:
        sources = self._options.sources
        catalogue = sources.require(loaded)
        existing = await stored(self._resources)
        plan = plan_sources(catalogue, existing, sources.origins(loaded), sources.names)
        async with self._declared(catalogue.resources, existing, plan.prune):
            await apply_sources(self._resources, plan)
        if not (self._applied and plan.changes.is_empty):
            self._audience.applied(plan.changes, catalogue)
        if not self._applied:  # later ones are noticed by who watches the store
            for ref in [ref for ref in plan.prune if await self._resources.get(ref) is None]:
                await self._laptop.departures.gone(ref)
        self._applied = True

    @asynccontextmanager
    async def _declared(
        self, wanted: Sequence[Declared], existing: Mapping[Ref, AnyResource], prune: Sequence[Ref] = ()
    ) -> AsyncIterator[None]:
        """Meanwhile it is written; nothing that is declared is let go before it is."""
        names = self._laptop.names
        if names is None:
            yield
            return
        # Once: what somebody takes over from us later is not taken back with the next edit.
        take_over = uuid.uuid4().hex if self._options.take_over and not self._applied else ""
        async with names.writing:
            work = partial(names.declare, wanted, existing, prune=prune, take_over=take_over)
            await until_free(work, "declare what the YAML says", self._audience.waiting, self._laptop.clock)
            yield

    async def _projects(self, loaded: Loaded) -> tuple[Ref, ...]:
        """What `--once` waits for: the projects of the YAML, or without any path all there are."""
        if self._options.project is not None:
            return (self._options.project.ref,)
        if self._options.sources.paths:
            return tuple(loaded.catalogue.projects)
        return tuple(project.ref for project in await self._resources.list(Kind.PROJECT))

    @property
    def _follows_edits(self) -> bool:
        return not self._options.once and bool(self._options.sources.files)

    async def _follow_edits(self) -> None:
        if not self._follows_edits:
            return
        said = ""
        async for _ in edits(self._options.sources.files):
            loaded = await asyncio.to_thread(self._options.sources.load)
            try:
                await until_served(partial(self._apply, loaded), "apply the edit", self._laptop.clock)
                said = ""
            except (InvalidSpecError, EnvironmentProblemError) as error:
                if str(error) != said:
                    self._audience.broken(str(error))
                said = str(error)

    async def _tell_missing(self) -> None:
        if self._options.workers is Workers.ELSEWHERE:
            telling = partial(tell_missing, self._resources, self._audience.waiting, self._laptop.clock)
            await until_served(telling, "look who works", self._laptop.clock)

    async def _tell_troubles(self) -> None:
        ports = self._laptop.ports
        telling = partial(tell_troubles, self._resources, ports.sessions, self._audience.waiting, self._laptop.clock)
        await until_served(telling, "look what keeps failing", self._laptop.clock)

    async def _until(self, waited_for: Sequence[Ref], stop: asyncio.Event) -> None:
        stopped = asyncio.create_task(stop.wait())
        done = asyncio.create_task(self._once_ended(waited_for)) if self._options.once else None
        try:
            await asyncio.wait({stopped, *([done] if done else [])}, return_when=asyncio.FIRST_COMPLETED)
            if done and done.done():
                done.result()
        finally:
            await cancelled(stopped, *([done] if done else []))

    async def _once_ended(self, waited_for: Sequence[Ref]) -> None:
        await until_served(partial(self._all_ended, waited_for), "read the resources", self._laptop.clock)

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
        return await until_served(lambda: has_ended(project, self._journal), "read the journal", self._laptop.clock)
