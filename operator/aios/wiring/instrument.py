"""Instrument: the one seam through which every port object passes before anybody uses it."""

from typing import Protocol, TypeVar

P = TypeVar("P")


class Instrument(Protocol):
    """Called once a port object, by the port's name; fault tests and outage notices wrap them here."""

    def __call__(self, name: str, port: P, /) -> P: ...


def as_they_are(name: str, port: P, /) -> P:
    """No instrument."""
    del name
    return port
