"""Noticing that a service is away, or back, from the calls that everybody makes anyway; nothing is probed for it.

A person who watches `aios up` must see why nothing goes on, and the calls' own errors end in loops that wait.
"""

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar, cast

from aios.errors import ServiceUnavailableError
from aios.wiring.instrument import Instrument

P = TypeVar("P")

Told = Callable[[str], None]
"""Called with what is away and why, as a sentence; with "" when everything answers again."""


class Outages:
    """Who is away now. Its `instrument` goes around another one."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._away: dict[str, str] = {}

    def instrument(self, inner: Instrument) -> Instrument:
        """Every port but the models, which have errors of their own, is listened to."""

        def listen(name: str, port: P, /) -> P:
            port = inner(name, port)
            return port if name == "chat" else cast("P", _Listened(name, port, self))

        return listen

    def away(self, port: str, error: ServiceUnavailableError) -> None:
        """A call failed. Told when it is news."""
        if self._away.get(port) != str(error):
            first = port not in self._away and str(error) not in self._away.values()
            self._away[port] = str(error)
            if first:
                self._told(str(error))

    def back(self, port: str) -> None:
        """A call succeeded."""
        if self._away.pop(port, None) is not None and not self._away:
            self._told("")


class _Listened:
    """Passes everything on; coroutine functions are listened to."""

    def __init__(self, name: str, port: object, outages: Outages) -> None:
        self._name, self._port, self._outages = name, port, outages

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._port, attribute)
        if not inspect.iscoroutinefunction(found):
            return found
        listened = _listened(found, self._name, self._outages)
        setattr(self, attribute, listened)
        return listened


def _listened(call: Callable[..., Awaitable[Any]], port: str, outages: Outages) -> Callable[..., Awaitable[Any]]:
    @wraps(call)
    async def listened(*args: Any, **kwargs: Any) -> Any:
        try:
            answer = await call(*args, **kwargs)
        except ServiceUnavailableError as error:
            outages.away(port, error)
            raise
        outages.back(port)
        return answer

    return listened
