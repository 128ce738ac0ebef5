"""How commands reach what they show: the laptop's state folder found, a cluster named with --context, or, for what runs
left behind, the services that the environment states. Nothing here makes a bucket, a queue or a name."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from aios.errors import InvalidSpecError, NotFoundError
from aios.spec.base import Kind, Ref
from aios.spec.crd import DEFINITIONS, Definition

if TYPE_CHECKING:
    from aios.ports.resources import AnyResource, Resources
    from aios.wiring.instrument import Instrument
    from aios.wiring.ports import LaptopPorts, WorkPorts
    from aios.wiring.services import Services

T = TypeVar("T")
P = TypeVar("P", bound="WorkPorts")

Context = Annotated[
    str | None, typer.Option("--context", help="Ask this kubeconfig context instead of the laptop's state.")
]


def with_resources(state: Path | None, context: str | None, work: "Callable[[Resources], Awaitable[T]]") -> T:
    """Run `work` on the resources of a cluster or of the laptop."""

    async def inside() -> T:
        async with _resources(state, context) as resources:
            return await work(resources)

    return asyncio.run(inside())


def with_laptop(
    state: Path | None, work: "Callable[[LaptopPorts], Coroutine[Any, Any, T]]", *, for_ever: bool = False
) -> T:
    """Run `work` on the laptop's ports. Raises NotFoundError when there is no state folder.

    A service that is away is told on stderr, and ends it with ServiceUnavailableError after `waiting.PATIENCE`;
    `for_ever`: never, if `work` itself begins again.
    """
    from aios.cli.state import existing
    from aios.wiring.ports import open_ports

    folder, services = existing(state), services_stated()
    return _with_ports(services, partial(open_ports, folder, services), work, for_ever=for_ever)


def with_records(
    state: Path | None, work: "Callable[[WorkPorts], Coroutine[Any, Any, T]]", *, for_ever: bool = False
) -> T:
    """Run `work` on what holds runs and files: LaptopPorts where a state folder is named or found, else the services
    that the environment states, of which nothing but the journal says which projects there are.

    Otherwise as `with_laptop`. Raises NotFoundError when there is no folder and not all services are stated.
    """
    from aios.cli.state import to_read
    from aios.wiring.ports import open_ports

    services = services_stated()
    folder = to_read(state, services)
    if folder is None:
        return with_services(services, work, for_ever=for_ever)
    return _with_ports(services, partial(open_ports, folder, services), work, for_ever=for_ever)


def with_services(
    services: "Services", work: "Callable[[WorkPorts], Coroutine[Any, Any, T]]", *, for_ever: bool = False
) -> T:
    """Run `work` on the services alone, as `with_laptop`. Raises EnvironmentProblemError naming those missing."""
    from aios.wiring.ports import open_work_ports

    return _with_ports(services, partial(open_work_ports, None, services), work, for_ever=for_ever)


def _with_ports(
    services: "Services",
    opened: "Callable[[Instrument], P]",
    work: "Callable[[P], Coroutine[Any, Any, T]]",
    *,
    for_ever: bool,
) -> T:
    from aios.cli.waiting import NOTICED_AFTER, PATIENCE, Waiting
    from aios.wiring.instrument import as_they_are
    from aios.wiring.outages import Outages

    async def inside() -> T:
        waiting = Waiting(patience=None if for_ever else PATIENCE)
        # Refused credentials are told as well: `work` may hide them, or do without that service.
        outages = Outages(waiting, services, admission=False, silent_after=NOTICED_AFTER)
        ports = opened(outages.instrument(as_they_are))
        try:
            return await waiting.bounded(work(ports))
        finally:
            await ports.close()

    return asyncio.run(inside())


@asynccontextmanager
async def _resources(state: Path | None, context: str | None) -> "AsyncIterator[Resources]":
    if context is None:
        from aios.cli.state import existing
        from aios.wiring.ports import open_ports

        ports = open_ports(existing(state), services_stated())
        try:
            yield ports.resources
        finally:
            await ports.close()
    else:
        from aios.cli.processes import require_kubernetes

        require_kubernetes()
        from aios.adapters.kubernetes.api import connect
        from aios.adapters.kubernetes.resources import KubernetesResources

        async with connect(context) as api:
            yield KubernetesResources(api)


def services_stated() -> "Services":
    """The services that the environment names. Raises EnvironmentProblemError naming the variable that is wrong."""
    from aios.cli.surroundings import settings
    from aios.wiring.services import Services

    return Services.from_settings(settings())


def say_if_stopped(state: Path | None) -> None:
    """On stderr, when nobody drives the folder: what is shown is how it was left."""
    from aios.cli.state import existing
    from aios.cli.terminal import paint, say

    if existing(state).driver() is None:
        say(paint("no `aios up` is running here: this is how the last one left it", "dim", stream=sys.stderr))


def definition_of(word: str) -> Definition:
    """The kind that `word` names: project, projects, proj, Project. Raises InvalidSpecError."""
    wanted = word.lower().removesuffix(".aios.dev")
    names = {"team": "AgentTeam", "teams": "AgentTeam"}
    for one in DEFINITIONS:
        if wanted in {one.kind.lower(), one.plural, one.short} or names.get(wanted) == one.kind:
            return one
    known = ", ".join(f"{one.plural} ({one.short})" for one in DEFINITIONS)
    raise InvalidSpecError(f'no kind "{word}"; kinds are {known}')


def ref_of(words: list[str], namespace: str) -> Ref:
    """The object that KIND NAME or KIND/NAME names. Raises InvalidSpecError."""
    parts = words[0].split("/", 1) if len(words) == 1 else words
    if len(parts) != 2 or not parts[1]:
        raise InvalidSpecError("name one object: KIND NAME or KIND/NAME, such as project word-count")
    return Ref(Kind(definition_of(parts[0]).kind), namespace, parts[1])


async def required(resources: "Resources", ref: Ref) -> "AnyResource":
    """The object. Raises NotFoundError naming those there are."""
    found = await resources.get(ref)
    if found is None:
        known = ", ".join(one.metadata.name for one in await resources.list(ref.kind, ref.namespace)) or "none"
        raise NotFoundError(f'no {ref.kind} "{ref.name}" in namespace {ref.namespace}; there are: {known}')
    return found
