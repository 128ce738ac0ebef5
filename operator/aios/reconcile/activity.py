"""What agents are doing, for their status: heartbeats say who works now, the runs' journals what was done.

Heartbeats may vanish; then nobody seems busy for a moment and nothing else follows from it.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from aios.naming import worker_session
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


def session_activity(sessions: Sessions, totals: ReadTotals) -> Activity:
    """Activity from workers' heartbeats and from what the journals add up to."""

    async def activity(agent: Ref) -> AgentActivity:
        beats = await sessions.scan(worker_session(agent.namespace, agent.name, ""))
        total = (await totals(agent.namespace)).get(agent.name)
        busy = sum(_is_working(beat) for beat in beats.values())
        return AgentActivity(busy, total.done if total else 0, total.tokens if total else 0)

    return activity


def _is_working(heartbeat: str) -> bool:
    try:
        beat = json.loads(heartbeat)
    except ValueError:
        return False
    return isinstance(beat, dict) and beat.get("phase") == "Working"
