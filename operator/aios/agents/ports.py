"""What a worker is given of the world."""

from dataclasses import dataclass

from aios.ports.broker import Broker
from aios.ports.journal import Journal
from aios.ports.knowledge import Knowledge
from aios.ports.leases import Leases
from aios.ports.object_store import ObjectStore
from aios.ports.sessions import Sessions


@dataclass(frozen=True, slots=True)
class AgentPorts:
    """The ports a worker works through. `objects` is its namespace's bucket."""

    journal: Journal
    broker: Broker
    objects: ObjectStore
    sessions: Sessions
    leases: Leases
    knowledge: Knowledge
