"""Noticing that a service is away, or back, from the calls that everybody makes anyway; nothing is probed for it.

A person who watches `aios up` must see why nothing goes on, and the calls' own errors end in loops that wait. A server
that is frozen makes no error for a long time, so a call that stays unanswered is told, too. A call is away until the
same call succeeds: one server may answer on one port, or to one question, and not to another.
"""

import asyncio
import inspect
import logging
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial, wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from aios.cancellation import cancelled
from aios.errors import (
    AiosError,
    CredentialsRefusedError,
    DiskFullError,
    EnvironmentProblemError,
    ServiceUnavailableError,
    TlsRefusedError,
)
from aios.wiring.instrument import Instrument
from aios.wiring.services import Services, variable, without_credentials

log = logging.getLogger(__name__)

P = TypeVar("P")
T = TypeVar("T")

Told = Callable[[str], None]
"""Called with what is away and why, as a sentence; with "" when everything answers again."""

SILENT_SECONDS = 5.0
"""Without any answer of a service to anybody: then a call in flight is told."""
FORGOTTEN_SECONDS = 60.0
"""A call that failed and is not made again counts no longer, if its service answers other calls."""

_PLAYED_BY = {
    "bucket_admin": "objects",
    "journal_bucket": "journal",
    "journal_objects": "journal",
    "leases": "sessions",
    "counters": "sessions",
}
"""Which service's URL a port goes to, where that is called otherwise."""
_MANY_CALLS = {"journal"}
"""One call of it is many of `journal_objects`, and `changed` waits on purpose: only those are timed."""

_INSTEAD = {"embeddings": "; memories are searched by their words alone meanwhile"}
"""What nobody waits for, and what is done instead."""
_VARIABLE = re.compile(r"AIOS_[A-Z_]+_URL")

Call = tuple[str, str]
"""A port's name and a method of it."""

_DONE_WITHOUT: frozenset[str | Call] = frozenset(
    {"knowledge", ("broker_admin", "queues"), ("broker_admin", "delete_queue")}
)
"""Ports and calls that come first perhaps hours after the start, and whose refusal is no reason to end then: agents
work on without a memory, and old queues wait for who may take them away."""


@dataclass(frozen=True, slots=True)
class _Away:
    group: str
    cause: str
    """What is told once, however many calls meet it: one server, or one disk."""
    refused: bool
    reason: str
    at: float


def to_log(line: str) -> None:
    """A `Told` for processes whose log is what a person looks at."""
    if line:
        log.warning("waiting: %s", line)
    else:
        log.info("every service answers again")


class Outages:
    """Who is away now. Its `instrument` goes around another one."""

    def __init__(
        self,
        told: Told,
        services: Services | None = None,
        *,
        admission: bool = True,
        silent_after: float = SILENT_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`admission`: whether a refusal of our credentials from the start is for `admitted`, or waited for as well."""
        stated = services or Services()
        self._admission = admission
        self._told = told
        self._urls = {one.name: without_credentials(getattr(stated, one.name)) for one in fields(stated)}
        self._silent_after, self._now = silent_after, now
        self._away: dict[Call, _Away] = {}
        self._answered: dict[str, float] = {}
        """When a service answered last; one that never did has no entry."""
        self._refusal = ""
        self._refused = asyncio.Event()

    def instrument(self, inner: Instrument) -> Instrument:
        """Every port but the models, which have errors of their own, is listened to."""

        def listen(name: str, port: P, /) -> P:
            port = inner(name, port)
            return port if name == "chat" else cast("P", _Listened(name, port, self))

        return listen

    async def admitted(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`. Raises EnvironmentProblemError, and gives `work` up, when a service refuses our
        credentials that never took them before. One that refuses later is waited for: credentials are renewed while
        processes run."""
        working, refused = asyncio.create_task(work), asyncio.create_task(self._refused.wait())
        try:
            await asyncio.wait({working, refused}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise EnvironmentProblemError(self._refusal)
        finally:
            await cancelled(working, refused)

    @contextmanager
    def listening(self, call: Call) -> Iterator[None]:
        """Around one call of a port."""
        patience = self._patience(call)
        try:
            yield
        except ServiceUnavailableError as error:
            # Whoever shows it, as the error that ends a command or as what is tried again: the variable stands there.
            error.args = (self._named(call, str(error)),)
            self._is_away(call, error)
            raise
        except AiosError:
            self._is_back(call)  # a refusal is an answer
            raise
        else:
            self._is_back(call)
        finally:
            if patience is not None:
                patience.end()

    def _is_away(self, call: Call, error: ServiceUnavailableError) -> None:
        group, refused = self._group(call), isinstance(error, CredentialsRefusedError | TlsRefusedError)
        optional = call in _DONE_WITHOUT or _port(call) in _DONE_WITHOUT
        if self._admission and refused and not optional and group not in self._answered:
            self._refusal = self._refusal or str(error)
            self._refused.set()
        else:
            cause = _disk(error.path) if isinstance(error, DiskFullError) else group
            self._note(call, _Away(group, cause, refused, str(error), self._now()))

    def _note(self, call: Call, now: _Away) -> None:
        """Tell it, unless that is known: a server that is away and then refuses us is news, two files on one disk are
        none."""
        reason, same = now.reason, [away for away in self._away.values() if away.cause == now.cause]
        known = any(away.refused for away in same) if now.refused else bool(same)
        news = not known and all(away.reason != reason for away in self._away.values())
        self._away[call] = now
        if news:
            self._told(f"{reason}{_INSTEAD.get(call[0], '')}")

    def _is_back(self, call: Call) -> None:
        group, now = self._group(call), self._now()
        self._answered[group] = now
        old = now - FORGOTTEN_SECONDS
        over = [other for other, away in self._away.items() if other == call or (away.group == group and away.at < old)]
        for key in over:
            del self._away[key]
        if over and all(other[0] in _INSTEAD for other in self._away):
            self._told("")

    def _patience(self, call: Call) -> "_Patience | None":
        if call[0] in _MANY_CALLS or not self._url(_port(call)):
            return None
        return _Patience(self._silent_after, partial(self._look, call, self._now()))

    def _look(self, call: Call, began: float) -> float:
        """Tell a call in flight since `began` when nobody got an answer of its service for long. Returns when to look
        again, in seconds; 0: not any more."""
        silent = self._now() - max(began, self._answered.get(self._group(call), began))
        if silent < self._silent_after:
            return self._silent_after - silent
        if call not in self._away:
            group, now = self._group(call), self._now()
            reason = self._named(call, f"no answer from {group}", f" for {silent:.0f} s")
            self._note(call, _Away(group, group, refused=False, reason=reason, at=now))
        return 0.0

    def _named(self, call: Call, reason: str, rest: str = "") -> str:
        """With the variable that states the service, unless the reason says which to look at, or it is a twin."""
        port = _port(call)
        if not self._url(port) or _VARIABLE.search(reason):
            return f"{reason}{rest}"
        if self._url(port) == self._url("objects"):
            port = "objects"  # the journal is there unless it is stated
        return f"{reason} ({variable(port)}){rest}"

    def _group(self, call: Call) -> str:
        """What goes away together: the server at one address; a twin by the port's name."""
        return self._url(_port(call)) or call[0]

    def _url(self, port: str) -> str:
        return self._urls.get(port, "")


def _disk(path: Path) -> str:
    """Which disk the file is on, or was to be."""
    for place in (path, *path.parents):
        try:
            return f"disk {place.stat().st_dev}"
        except OSError:
            continue
    return str(path)


class _Patience:
    """Looks after one call in flight."""

    def __init__(self, seconds: float, look: Callable[[], float]) -> None:
        self._look = look
        self._timer = asyncio.get_running_loop().call_later(seconds, self._due)

    def end(self) -> None:
        self._timer.cancel()

    def _due(self) -> None:
        again = self._look()
        if again > 0:
            self._timer = asyncio.get_running_loop().call_later(again, self._due)


def _port(call: Call) -> str:
    """Whose URL the call goes to; of the broker's administration only the list of queues has a server of its own."""
    if call[0] == "broker_admin" and call[1] != "queues":
        return "broker"
    return _PLAYED_BY.get(call[0], call[0])


class _Listened:
    """Passes everything on; coroutine functions are listened to."""

    def __init__(self, name: str, port: object, outages: Outages) -> None:
        self._name, self._port, self._outages = name, port, outages

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._port, attribute)
        if not inspect.iscoroutinefunction(found):
            return found
        listened = _listened(found, (self._name, attribute), self._outages)
        setattr(self, attribute, listened)
        return listened


def _listened(work: Callable[..., Awaitable[Any]], call: Call, outages: Outages) -> Callable[..., Awaitable[Any]]:
    @wraps(work)
    async def listened(*args: Any, **kwargs: Any) -> Any:
        with outages.listening(call):
            return await work(*args, **kwargs)

    return listened
