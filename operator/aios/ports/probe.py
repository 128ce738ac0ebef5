"""Probe: what `aios doctor` asks of every service: who are you, how quick are you, what is wrong with you."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Probe:
    """A service that answered. One that did not answer raises ServiceUnavailableError instead."""

    service: str
    """The product's name as its makers write it: RabbitMQ, MinIO, Redis ..."""
    version: str
    """As the server states it; empty where it states none."""
    milliseconds: float
    """One small round trip, the median of a few."""
    details: tuple[str, ...] = ()
    """What is worth knowing, a phrase each: "conditional writes: quoted etags"."""
    problems: tuple[str, ...] = ()
    """What keeps a promise from being kept, a sentence each, with what to do."""
