"""What the API server last said of each object that was asked for, kept current by the watches.

An informer's cache, filled by reading instead of by listing everything. It is late by as much as a watch is late, and
never otherwise wrong:

- An entry is made before the question is sent, so that no event between the answer and the entry is missed.
- Of two bodies the one with the higher resourceVersion stays, whichever arrives last.
- A deletion removes the entry, and an answer whose entry is gone is not kept: nothing deleted comes back.
- When a watch begins with a new list, deletions may have been missed: everything of that kind is forgotten, and
  nothing kept until it is watched again.
- That something does not exist is never remembered, and a refused write forgets what it was based on.

It refuses to answer for lists: it knows what was asked for, not what there is.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aios.adapters.kubernetes.api import Api, Manifest, name_of
from aios.adapters.kubernetes.connection import Connection, open_connection
from aios.errors import AiosError
from aios.naming import FIELD_MANAGER
from aios.ports.clock import Clock

_UNWATCHED = frozenset({"ServiceAccount", "NetworkPolicy"})
_LOOK_AGAIN = 300.0
"""Seconds for which an object of a kind that is not watched is taken for unchanged; less than a resync."""

Key = tuple[str, str, str]
"""Kind, namespace, name."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """Without a manifest: the answer is on its way."""

    manifest: Manifest | None = None
    at: float = 0.0


class Mirror:
    """Belongs to one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[Key, _Entry] = {}
        self._watched: set[str] = set()

    def keeps(self, kind: str) -> bool:
        """Whether answers about objects of that kind are worth keeping now."""
        return kind in self._watched or kind in _UNWATCHED

    def find(self, key: Key) -> Manifest | None:
        """The object; None: ask the API server."""
        entry = self._entries.get(key)
        if entry is None or (key[0] in _UNWATCHED and self._clock.monotonic() - entry.at > _LOOK_AGAIN):
            return None
        return entry.manifest

    def expect(self, key: Key) -> None:
        """A question about it is about to be sent."""
        self._entries.setdefault(key, _Entry())

    def saw(self, manifest: Manifest) -> None:
        """An answer or an event; kept if it was asked for and is the newest."""
        key = key_of(manifest)
        entry = self._entries.get(key)
        if entry is not None and (entry.manifest is None or _version(manifest) >= _version(entry.manifest)):
            self._entries[key] = _Entry(manifest, self._clock.monotonic())

    def gone(self, manifest: Manifest) -> None:
        """It was deleted; `manifest` is how it was then."""
        key = key_of(manifest)
        entry = self._entries.get(key)
        if entry is not None and (entry.manifest is None or _version(manifest) >= _version(entry.manifest)):
            del self._entries[key]

    def forget(self, key: Key) -> None:
        """Ask again next time."""
        self._entries.pop(key, None)

    def forget_all(self) -> None:
        """Ask again about everything."""
        self._entries.clear()

    def watched(self, kind: str) -> None:
        """From now on every change of the kind's objects is told."""
        self._watched.add(kind)

    def lost(self, kind: str) -> None:
        """Changes may have been missed."""
        self._watched.discard(kind)
        for key in [key for key in self._entries if key[0] == kind]:
            del self._entries[key]


class MirroredApi(Api):
    """Reads single objects from the mirror where it knows them; lists and writes go to the API server."""

    def __init__(self, connection: Connection, mirror: Mirror) -> None:
        super().__init__(connection)
        self._mirror = mirror

    async def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """The object, or None, which the API server itself has said just now."""
        key = (kind, namespace, name)
        known = self._mirror.find(key)
        if known is not None:
            return known
        self._expect(key)
        found = await super().get(kind, namespace, name)
        if found is None:
            self._mirror.forget(key)
        else:
            self._mirror.saw(found)
        return found

    async def apply(self, manifest: Manifest, *, manager: str = FIELD_MANAGER, subresource: str = "") -> Manifest:
        """As Api; the answer is the newest body there is."""
        key = key_of(manifest)
        self._expect(key)
        try:
            answer = await super().apply(manifest, manager=manager, subresource=subresource)
        except AiosError:
            self._mirror.forget(key)
            raise
        self._mirror.saw(answer)
        return answer

    async def merge(self, kind: str, namespace: str, name: str, patch: Manifest) -> bool:
        """As Api."""
        try:
            return await super().merge(kind, namespace, name, patch)
        finally:
            self._mirror.forget((kind, namespace, name))

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        """As Api."""
        try:
            await super().delete(kind, namespace, name)
        finally:
            self._mirror.forget((kind, namespace, name))

    def _expect(self, key: Key) -> None:
        if self._mirror.keeps(key[0]):
            self._mirror.expect(key)


@asynccontextmanager
async def connect_mirrored(context: str | None, mirror: Mirror) -> AsyncIterator[MirroredApi]:
    """`api.connect` for whoever watches and tells `mirror`."""
    async with open_connection(context) as connection:
        yield MirroredApi(connection, mirror)


def key_of(manifest: Manifest) -> Key:
    """Kind, namespace and name."""
    return (manifest["kind"], *name_of(manifest))


def _version(manifest: Manifest) -> int:
    """Kubernetes promises that those of one kind can be compared as numbers."""
    version = manifest["metadata"].get("resourceVersion", "")
    return int(version) if version.isdecimal() else 0
