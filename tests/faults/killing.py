"""An instrument for every port: it counts calls and kills its own process around the k-th.

`before`: the call never reaches the port. `after`: it took effect and its answer is lost. Both by SIGKILL, so that
no handler, no `finally` and no buffer of this process has a say.
"""

import contextlib
import functools
import inspect
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar, cast

from aios.ports.broker import Broker, Consumer

P = TypeVar("P")


class When(StrEnum):
    """On which side of the call."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(slots=True)
class Killer:
    """`instrument` is what wiring passes each port through. `at` 0 kills nobody and only counts."""

    when: When
    at: int
    calls: int = 0

    def instrument(self, name: str, port: P, /) -> P:
        """The port, counted. `name` says which it is; all count alike."""
        del name
        return cast("P", _Counted(port, self))

    async def around(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """One call of a port."""
        self.calls += 1
        turn = self.calls == self.at
        if turn and self.when is When.BEFORE:
            _die()
        try:
            return await call()
        finally:
            if turn and self.when is When.AFTER:
                _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Counted:
    """A port, or what a port hands out, whose coroutines are counted."""

    def __init__(self, port: object, killer: Killer) -> None:
        self._port, self._killer = port, killer

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._port, name)
        if name == "consume":
            return functools.partial(_consume, cast("Broker", self._port), self._killer)
        if not inspect.iscoroutinefunction(member):
            return member

        async def counted(*args: Any, **kwargs: Any) -> Any:
            answer = await self._killer.around(lambda: member(*args, **kwargs))
            return _Counted(answer, self._killer) if name == "receive" and answer is not None else answer

        return counted


@contextlib.asynccontextmanager
async def _consume(broker: Broker, killer: Killer, queue: str) -> AsyncIterator[Consumer]:
    async with broker.consume(queue) as consumer:
        yield cast("Consumer", _Counted(consumer, killer))
