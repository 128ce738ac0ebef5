"""An engine whose workers run elsewhere says which agents nobody works as: its terminal would be silent for as long as
nobody starts them, or while those that were started cannot take a task."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from aios.ports.clock import Clock
from aios.ports.resources import Resources
from aios.spec.agent import Agent
from aios.spec.base import Kind
from aios.spec.conditions import ConditionType

LOOK_SECONDS = 6.0
"""Between two looks, and before the first: who is started together with the engine needs no line."""


async def tell_missing(resources: Resources, tell: Callable[[str], None], clock: Clock) -> None:
    """Once for each agent and reason, and again when a worker has come and gone; until cancelled."""
    told: Mapping[str, str] = {}
    while True:
        await clock.sleep(LOOK_SECONDS)
        listed = await resources.list(Kind.AGENT)
        now = dict(_missing([agent for agent in listed if isinstance(agent, Agent)]))
        for name, reason in now.items():
            if told.get(name) != reason:
                tell(f"nobody works as {name}: {reason}")
        told = now


def _missing(agents: Sequence[Agent]) -> Iterator[tuple[str, str]]:
    for agent in agents:
        ready = (one for one in agent.status.conditions if one.type == ConditionType.READY)
        reason = next((one.message.partition("; ")[2] for one in ready if one.status != "True"), "")
        if reason and agent.spec.replicas and not agent.status.ready_replicas:
            yield f"{agent.metadata.namespace}/{agent.metadata.name}", reason
