"""A worker that follows what an engine publishes of its agent: it waits for it, works with it, and changes with it."""

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from aios.adapters.published.publication import Publication, find
from aios.cancellation import cancelled
from aios.desired.nouns import WorkerConfig
from aios.errors import InvalidSpecError, NotFoundError, ServiceUnavailableError
from aios.naming import worker_session
from aios.ports.journal import Journal
from aios.ports.object_store import ObjectStore
from aios.ports.sessions import Sessions
from aios.spec.vocabulary import AgentPhase
from aios.wiring.journal_identity import read_identity
from aios.wiring.stopping import before

log = logging.getLogger(__name__)

LOOK_SECONDS = 3.0
"""Between two looks at what is published: how late a changed prompt reaches a worker."""
OBSTACLE_TTL = 10.0
"""Seconds that a replica is seen after it last said what is in its way."""

T = TypeVar("T")
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
    journal: Journal,
    sessions: Sessions,
    worker_id: str,
    stop: asyncio.Event,
    ready: Callable[[], None],
) -> None:
    """Run what is published of `agent` in its namespace's bucket until `stop`; a change lets the task in flight end
    and then takes effect.

    An engine whose journal is another than `journal` is not worked for: its tasks stand where we do not read. We wait,
    and say so in our log and in `sessions`, where it looks.
    """
    obstacle = _Obstacle(sessions, worker_session(agent.namespace, agent.name, worker_id))
    while not stop.is_set():
        found = await _first(objects, agent, journal, stop, obstacle)
        await obstacle.over()
        if found is None:
            return
        log.info("works as %s, configuration %s", agent, found.config.digest[:12])
        leave = asyncio.Event()
        watch = asyncio.create_task(_until_changed(objects, agent, found, stop, leave))
        try:
            await run(found.config, worker_id, leave, ready)
        finally:
            await cancelled(watch)


class _Obstacle:
    """A heartbeat of a replica that takes no task."""

    def __init__(self, sessions: Sessions, key: str) -> None:
        self._sessions, self._key, self._told = sessions, key, False

    async def tell(self, reason: str) -> None:
        beat = {"phase": AgentPhase.IDLE, "task": "", "waits": reason, "obstacle": reason}
        with contextlib.suppress(ServiceUnavailableError):
            await self._sessions.set(self._key, json.dumps(beat), ttl=OBSTACLE_TTL)
            self._told = True

    async def over(self) -> None:
        if self._told:
            self._told = False
            with contextlib.suppress(ServiceUnavailableError):
                await self._sessions.delete(self._key)


async def _first(
    objects: ObjectStore, agent: AgentName, journal: Journal, stop: asyncio.Event, obstacle: _Obstacle
) -> Publication | None:
    """What is published, as soon as it can be worked with; None when told to stop before."""
    said = ""
    while not stop.is_set():
        try:
            found = await _unless(stop, _look(objects, agent))
            reason = f"no engine has published agent {agent} yet: is `aios engine` running, and the name right?"
            if found is not None and (foreign := await _unless(stop, _foreign(found, journal))):
                found, reason = None, foreign
                await obstacle.tell(reason)
        except (ServiceUnavailableError, InvalidSpecError) as error:
            found, reason = None, str(error)
        if found is not None or stop.is_set():
            return found
        if reason != said:
            log.warning("waiting: %s", reason)
            said = reason
        await _pause(stop)
    return None


async def _foreign(found: Publication, journal: Journal) -> str:
    """What is wrong with our journal; empty when it is the engine's."""
    if found.journal in {"", await read_identity(journal)}:
        return ""
    return (
        f"this worker on {socket.gethostname()} and the engine read different journals: state AIOS_JOURNAL_URL, or "
        "AIOS_OBJECTS_URL where that is not stated, alike for both"
    )


async def _until_changed(
    objects: ObjectStore, agent: AgentName, known: Publication, stop: asyncio.Event, leave: asyncio.Event
) -> None:
    while not stop.is_set():
        await _pause(stop)
        try:
            found = await _unless(stop, _look(objects, agent))
        except (ServiceUnavailableError, InvalidSpecError) as error:
            log.info("goes on as before: %s", error)
            continue
        if stop.is_set():
            break
        if found is None or (found.config.digest, found.journal) != (known.config.digest, known.journal):
            log.info("the configuration of %s was %s", agent, "withdrawn" if found is None else "changed")
            break
    leave.set()


async def _look(objects: ObjectStore, agent: AgentName) -> Publication | None:
    try:
        return await find(objects, agent.name)
    except NotFoundError:  # not even the bucket is there
        return None


async def _unless(stop: asyncio.Event, look: Coroutine[Any, Any, T | None]) -> T | None:
    """What `look` finds; None as soon as `stop` is set, whether the store answers or not."""
    found: list[T | None] = []

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
