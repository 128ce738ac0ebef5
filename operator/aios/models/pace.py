"""How patient admission is: one place for every number, so that a test can be a hundred times quicker."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, but for `failures`. What expires does so by the store's clock, what is slept by our own."""

    window: float = 61.0
    """How long a granted request or token counts. A second more than the provider's minute, because the request
    leaves a moment after its grant."""
    lease_ttl: float = 15.0
    lease_renewal: float = 5.0
    """A call's place outlives two missed renewals; a holder that died frees it after `lease_ttl`."""
    first_wait: float = 0.1
    longest_wait: float = 2.0
    """Between two tries to be admitted: doubled from the first to the longest, times 0.5 to 1.5 by chance."""
    outage_wait: float = 10.0
    """The longest between two tries while the store is away."""
    patience: float = 5.0
    """After that long a call asks that nobody who came later be admitted before it."""
    failures: int = 5
    """In a row, before the circuit opens."""
    first_open: float = 5.0
    longest_open: float = 300.0
    """How long the circuit stays open: doubled from the first to the longest while probes fail."""
    longest_pause: float = 300.0
    """The longest a provider's own wish is waited for; one that asks for more is asked again all the same."""
    memory: float = 900.0
    """How long it is remembered that a model failed; longer than any pause."""
