"""What a worker is given of the world."""

from dataclasses import dataclass, field

from aios.ports.broker import Broker
from aios.ports.journal import Journal
from aios.ports.knowledge import Knowledge
from aios.ports.leases import Leases
from aios.ports.object_store import ObjectStore
from aios.ports.sessions import Sessions
from aios.workspace.turns import Turns


@dataclass(frozen=True, slots=True)
class AgentPorts:
    """The ports a worker works through. `objects` is its namespace's bucket."""

    journal: Journal
    broker: Broker
    objects: ObjectStore
    sessions: Sessions
    leases: Leases
    knowledge: Knowledge
    turns: Turns = field(default_factory=Turns)
    """Shared by the workers of a process that work on the same workspaces."""
