"""What keeps failing for tasks that run, told while it does: a model that does not answer is asked again for minutes,
and a terminal that shows what was done would be silent."""

import json
from collections.abc import Callable, Iterator, Mapping

from aios.naming import WORKER_SESSIONS, worker_session
from aios.ports.clock import Clock
from aios.ports.resources import Resources
from aios.ports.sessions import Sessions
from aios.spec.base import Kind

LOOK_SECONDS = 3.0
"""Between two looks: what passes sooner needs no line."""


async def tell_troubles(resources: Resources, sessions: Sessions, tell: Callable[[str], None], clock: Clock) -> None:
    """Once for each task and reason, and again when it was over in between; until cancelled. Of the agents declared
    here: others may use the same services. Raises ServiceUnavailableError."""
    told = frozenset[str]()
    while True:
        await clock.sleep(LOOK_SECONDS)
        agents = await resources.list(Kind.AGENT)
        ours = tuple(worker_session(agent.metadata.namespace, agent.metadata.name, "") for agent in agents)
        beats = await sessions.scan(WORKER_SESSIONS)
        now = frozenset(_troubles({key: beat for key, beat in beats.items() if key.startswith(ours)}))
        for line in sorted(now - told):
            tell(line)
        told = now


def _troubles(beats: Mapping[str, str]) -> Iterator[str]:
    for beat in beats.values():
        try:
            said = json.loads(beat)
        except ValueError:
            continue
        if isinstance(said, dict) and said.get("trouble"):
            yield f"{said.get('task')}: {said['trouble']}; asked again"
