"""An instrument for the ports of a child: it dies by SIGKILL at the moment that its aim file names, and at no other.

The supervisor writes the file while the child runs; each moment is one where a careless system loses or repeats.
"""

import contextlib
import inspect
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, cast

from aios.ports.broker import Broker, Consumer
from aios.ports.journal import Record

P = TypeVar("P")


class Moment(StrEnum):
    """Just before or just after one call of a port."""

    SENT = "sent"
    """A model has the whole request, and its reply is in nobody's record."""
    HEAD_MOVED = "head-moved"
    BEFORE_ACK = "before-ack"
    CLAIMED = "claimed"
    STARTED = "call-started"
    INTENDED = "commit-intended"
    ENDED = "ended"
    DISPATCHED = "dispatched"
    """The engine's decision is durable, and no bell has rung."""
    SEEN = "attempt-ended"
    """The engine has recorded a result."""


WORKERS_MOMENTS = (Moment.SENT, Moment.HEAD_MOVED, Moment.BEFORE_ACK, Moment.CLAIMED)
RARER_MOMENTS = (Moment.STARTED, Moment.INTENDED, Moment.ENDED)
ENGINES_MOMENTS = (Moment.DISPATCHED, Moment.SEEN)
_RECORDED = {
    "Claimed": Moment.CLAIMED,
    "CallStarted": Moment.STARTED,
    "CommitIntended": Moment.INTENDED,
    "Ended": Moment.ENDED,
    "Dispatched": Moment.DISPATCHED,
    "AttemptEnded": Moment.SEEN,
}


def hit(file: Path) -> Path:
    """What an aim file is called once its moment has come."""
    return file.with_suffix(".hit")


@dataclass(frozen=True, slots=True)
class Aim:
    """`file` holds SIGKILL or SIGSTOP and the moment at which this process is to get it; without it, it lives."""

    file: Path

    def instrument(self, name: str, port: P, /) -> P:
        """The port, watched."""
        return cast("P", _Watched(port, name, self))

    def strike(self, moment: Moment | None) -> None:
        """Die, or freeze, if this is the moment. The file's new name says that it was by our own hand."""
        if moment is None:
            return
        with contextlib.suppress(FileNotFoundError):
            number, _, chosen = self.file.read_text(encoding="utf-8").partition(" ")
            if chosen == moment:
                self.file.replace(hit(self.file))
                os.kill(os.getpid(), signal.Signals[number])


class _Watched:
    """A port, or what a port hands out."""

    def __init__(self, port: object, name: str, aim: Aim) -> None:
        self._port, self._name, self._aim = port, name, aim

    def __getattr__(self, attribute: str) -> Any:
        member = getattr(self._port, attribute)
        if attribute == "consume":
            return self._consume
        if not inspect.iscoroutinefunction(member):
            return member

        async def watched(*args: Any, **kwargs: Any) -> Any:
            if attribute == "ack":
                self._aim.strike(Moment.BEFORE_ACK)
            answer = await member(*args, **kwargs)
            self._aim.strike(_after(self._name, attribute, args))
            return _Watched(answer, "delivery", self._aim) if attribute == "receive" and answer is not None else answer

        return watched

    @contextlib.asynccontextmanager
    async def _consume(self, queue: str) -> AsyncIterator[Consumer]:
        async with cast("Broker", self._port).consume(queue) as consumer:
            yield cast("Consumer", _Watched(consumer, "consumer", self._aim))


def _after(port: str, method: str, args: tuple[Any, ...]) -> Moment | None:
    """The moment that has come when this call returns."""
    match port, method:
        case "chat", "chat":
            return Moment.SENT
        case "objects", "create" | "replace" if str(args[0]).endswith("/HEAD"):
            return Moment.HEAD_MOVED
        case "journal", "append":
            records = cast("tuple[Record, ...]", args[2])
            return next((_RECORDED[kind] for one in records if (kind := str(one.data.get("kind"))) in _RECORDED), None)
    return None
