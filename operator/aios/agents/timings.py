"""How often a worker says that it is alive, and how quickly it notices that its claim is over."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds. A lease or heartbeat outlives two missed renewals."""

    lease_ttl: float = 6.0
    lease_renewal: float = 2.0
    heartbeat_ttl: float = 10.0
    heartbeat: float = 3.0
    watch: float = 1.0
    """The longest a foreign record goes unnoticed while the journal's hints fail."""
    watch_pause: float = 0.2
    """The shortest time between two looks: in a busy journal every append hints."""
    checkpoint: float = 2.0
    """Between two checkpoints of an attempt; without one its resumption walks through what is recorded."""
    show_pause: float = 0.3
    """How long a change of what a worker is at may wait to be shown: short tasks show a few of them."""
    outage: float = 1.0
    """Before a service that was away is tried again."""
