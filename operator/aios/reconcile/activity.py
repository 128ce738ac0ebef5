"""What agents are doing, for their status: heartbeats say who works now, the runs' journals what was done.

Heartbeats may vanish; then nobody seems busy for a moment and nothing else follows from it.
"""

import asyncio
import json
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from aios.naming import worker_session
from aios.ports.clock import Clock, SystemClock
from aios.ports.sessions import Sessions
from aios.spec.base import Ref


@dataclass(frozen=True, slots=True)
class AgentActivity:
    """Tasks running now, tasks ended and tokens used since the Agent was made."""

    busy: int = 0
    done: int = 0
    tokens: int = 0


class Totals(Protocol):
    """What an agent has done so far."""

    @property
    def done(self) -> int: ...

    @property
    def tokens(self) -> int: ...


Activity = Callable[[Ref], Awaitable[AgentActivity]]
"""Asked with an Agent's ref."""
ReadTotals = Callable[[str], Awaitable[Mapping[str, Totals]]]
"""Asked with a namespace; answers by Agent name."""


async def no_activity(agent: Ref) -> AgentActivity:
    """Where no service is configured nobody can have worked."""
    del agent
    return AgentActivity()


@dataclass(frozen=True, slots=True)
class Looks:
    """Seconds for which a look at the totals counts: while somebody works or did a moment ago, and else."""

    working: float = 0.0
    idle: float = 0.0


CHARGED = Looks(working=2.0, idle=15.0)
"""Where every look costs money, as at an object store."""


class _SharedTotals:
    """All agents of a namespace share a look."""

    def __init__(self, totals: ReadTotals, clock: Clock, looks: Looks) -> None:
        self._totals, self._clock, self._looks = totals, clock, looks
        self._held: dict[str, tuple[float, Mapping[str, Totals]]] = {}
        self._busy: dict[str, float] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def read(self, namespace: str, *, busy: bool) -> Mapping[str, Totals]:
        """By Agent name. `busy`: whether one of the namespace's agents works now."""
        async with self._turns[namespace]:
            now = self._clock.monotonic()
            if busy:
                self._busy[namespace] = now
            held = self._held.get(namespace)
            rested = now - self._busy.get(namespace, -math.inf) >= self._looks.idle
            lasts = self._looks.idle if rested else self._looks.working
            if held is None or now - held[0] >= lasts:
                held = self._held[namespace] = now, await self._totals(namespace)
            return held[1]


def session_activity(
    sessions: Sessions, totals: ReadTotals, *, clock: Clock | None = None, looks: Looks = Looks()
) -> Activity:
    """Activity from workers' heartbeats and from what the journals add up to."""
    shared = _SharedTotals(totals, clock or SystemClock(), looks)

    async def activity(agent: Ref) -> AgentActivity:
        beats = await sessions.scan(worker_session(agent.namespace, agent.name, ""))
        busy = sum(_is_working(beat) for beat in beats.values())
        total = (await shared.read(agent.namespace, busy=busy > 0)).get(agent.name)
        return AgentActivity(busy, total.done if total else 0, total.tokens if total else 0)

    return activity


def _is_working(heartbeat: str) -> bool:
    try:
        beat = json.loads(heartbeat)
    except ValueError:
        return False
    return isinstance(beat, dict) and beat.get("phase") == "Working"
