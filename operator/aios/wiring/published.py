"""A worker that follows what an engine publishes of its agent: it waits for it, works with it, and changes with it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from aios.adapters.published.publication import find
from aios.cancellation import cancelled
from aios.desired.nouns import WorkerConfig
from aios.errors import InvalidSpecError, NotFoundError, ServiceUnavailableError
from aios.ports.object_store import ObjectStore
from aios.wiring.stopping import before

log = logging.getLogger(__name__)

LOOK_SECONDS = 3.0
"""Between two looks at what is published: how late a changed prompt reaches a worker."""

Run = Callable[[WorkerConfig, str, asyncio.Event, Callable[[], None]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class AgentName:
    """Which agent: `--agent NAMESPACE/NAME`, or NAME in the namespace of what states none."""

    namespace: str
    name: str

    @classmethod
    def parse(cls, text: str, default: str = "default") -> "AgentName":
        """Raises InvalidSpecError when there is no name in it."""
        namespace, slash, name = text.partition("/")
        if not slash:
            namespace, name = default, text
        if not namespace or not name or "/" in name:
            raise InvalidSpecError(f"--agent {text!r}: write NAMESPACE/NAME, such as default/software-developer")
        return cls(namespace, name)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


async def follow_published(
    objects: ObjectStore,
    agent: AgentName,
    run: Run,
    *,
    worker_id: str,
    stop: asyncio.Event,
    ready: Callable[[], None],
) -> None:
    """Run what is published of `agent` in its namespace's bucket until `stop`; a change lets the task in flight end
    and then takes effect."""
    while not stop.is_set():
        config = await _first(objects, agent, stop)
        if config is None:
            return
        log.info("works as %s, configuration %s", agent, config.digest[:12])
        leave = asyncio.Event()
        watch = asyncio.create_task(_until_changed(objects, agent, config, stop, leave))
        try:
            await run(config, worker_id, leave, ready)
        finally:
            await cancelled(watch)


async def _first(objects: ObjectStore, agent: AgentName, stop: asyncio.Event) -> WorkerConfig | None:
    """The configuration, as soon as there is one; None when told to stop before."""
    said = ""
    while not stop.is_set():
        try:
            found = await _unless(stop, _look(objects, agent))
            reason = f"no engine has published agent {agent} yet: is `aios engine` running, and the name right?"
        except (ServiceUnavailableError, InvalidSpecError) as error:
            found, reason = None, str(error)
        if found is not None or stop.is_set():
            return found
        if reason != said:
            log.warning("waiting: %s", reason)
            said = reason
        await _pause(stop)
    return None


async def _until_changed(
    objects: ObjectStore, agent: AgentName, config: WorkerConfig, stop: asyncio.Event, leave: asyncio.Event
) -> None:
    while not stop.is_set():
        await _pause(stop)
        try:
            found = await _look(objects, agent)
        except (ServiceUnavailableError, InvalidSpecError) as error:
            log.info("goes on as before: %s", error)
            continue
        if found is None or found.digest != config.digest:
            log.info("the configuration of %s was %s", agent, "withdrawn" if found is None else "changed")
            break
    leave.set()


async def _look(objects: ObjectStore, agent: AgentName) -> WorkerConfig | None:
    try:
        publication = await find(objects, agent.name)
    except NotFoundError:  # not even the bucket is there
        return None
    return publication.config if publication else None


async def _unless(stop: asyncio.Event, look: Coroutine[Any, Any, WorkerConfig | None]) -> WorkerConfig | None:
    """What `look` finds; None as soon as `stop` is set, whether the store answers or not."""
    found: list[WorkerConfig | None] = []

    async def looking() -> None:
        found.append(await look)

    await before(stop, looking())
    return found[0] if found else None


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            await stop.wait()
    except TimeoutError:
        return
