"""A project that no file states: put into the store, and watched there while an `aios up` of its own does the work."""

import asyncio
from functools import partial

from aios.cancellation import cancelled
from aios.embedded.state_folder import StateFolder
from aios.errors import NotFoundError
from aios.ports.clock import SystemClock
from aios.ports.resources import Resources
from aios.spec.base import Kind, Ref
from aios.spec.project import Project
from aios.wiring.audience import Audience, last_words, show
from aios.wiring.ending import Ended, has_ended
from aios.wiring.follow import RunReader, positions
from aios.wiring.instrument import as_they_are
from aios.wiring.laptop import names_of
from aios.wiring.outages import Outages
from aios.wiring.patience import until_served
from aios.wiring.ports import open_ports
from aios.wiring.services import Services
from aios.wiring.stopping import before


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


async def attend(
    state: StateFolder,
    services: Services,
    project: Project,
    audience: Audience,
    stop: asyncio.Event,
    *,
    takes_over: str = "",
) -> Ended:
    """Give a project to the `aios up` that runs already, and follow it until it ended or `stop` is set."""
    outages, clock = Outages(audience.waiting, services), SystemClock()
    ports = open_ports(state, services, outages.instrument(as_they_are))
    try:
        known: dict[str, int] = {}

        async def begin() -> None:
            known.update(await until_served(lambda: positions(ports.journal), "read the journal", clock))
            if services.journal:
                names = names_of(state, ports, takes_over=takes_over)
                await until_served(lambda: names.declare((project,), {}), "declare the project", clock)
            await submit(ports.resources, project)

        if not await outages.admitted(before(stop, begin())):
            return Ended({})
        reader = RunReader(ports.journal, known)

        async def look() -> None:
            async for ref in ports.resources.changes():
                found = await ports.resources.get(ref) if ref == project.ref else None
                if isinstance(found, Project) and await until_served(
                    partial(has_ended, found, ports.journal), "read the journal", clock
                ):
                    break

        looking = asyncio.create_task(look())
        stopping = asyncio.create_task(stop.wait())
        showing = asyncio.create_task(show(reader, audience))
        try:
            ended, _ = await asyncio.wait({looking, stopping, showing}, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()  # raises what ended it
            await last_words(reader, audience, showing, stop=stop)
        finally:
            await cancelled(looking, stopping, showing)
        found = await ports.resources.get(project.ref)
        return Ended({project.ref: found} if isinstance(found, Project) else {})
    finally:
        await ports.close()
