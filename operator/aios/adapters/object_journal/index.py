"""Index: one small object a stream, so that the streams are listed without looking at a record.

An entry names the stream's life and a place near its end, from where a process that knows nothing walks on. It is made
before the stream's first record; an entry without a record is no stream. A deleted stream's next life has other keys:
what a writer of the old life may still write is in nobody's way.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from aios.adapters.object_journal import stored_form
from aios.adapters.object_journal.layout import LIFE_DIGITS, Layout
from aios.errors import NotFoundError, PreconditionError
from aios.ports.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class Entry:
    """`near_end`: a true end of an append. `ended`: where the stream ended, when it is being deleted. `new`: the caller
    has just made it."""

    life: str
    near_end: int
    ended: int | None
    etag: str
    new: bool = False


class _EntryBody(stored_form.Body):
    life: str
    near_end: int
    ended: int | None


class Index:
    """The streams of a journal."""

    def __init__(self, objects: ObjectStore, layout: Layout) -> None:
        self._objects, self._layout = objects, layout

    async def find(self, stream: str) -> Entry | None:
        """The stream's entry, also when it is being deleted."""
        key = self._layout.index(stream)
        try:
            found = await self._objects.get(key)
        except NotFoundError:
            return None
        body = stored_form.from_bytes(_EntryBody, key, found.data)
        return Entry(body.life, body.near_end, body.ended, found.etag)

    async def find_or_create(self, stream: str) -> Entry | None:
        """None when it was there and is not any more: ask again."""
        entry = Entry(uuid.uuid4().hex[:LIFE_DIGITS], 0, None, "")
        try:
            etag = await self._objects.create(self._layout.index(stream), _to_bytes(entry))
        except PreconditionError:
            return await self.find(stream)
        return replace(entry, etag=etag, new=True)

    async def move(self, stream: str, entry: Entry, near_end: int) -> None:
        """Let others begin at `near_end`. Raises PreconditionError when the entry has changed."""
        await self._replace(stream, Entry(entry.life, near_end, None, entry.etag))

    async def end(self, stream: str, entry: Entry, seq: int) -> None:
        """From now on the stream is being deleted. Raises PreconditionError when the entry has changed."""
        await self._replace(stream, Entry(entry.life, entry.near_end, seq, entry.etag))

    async def remove(self, stream: str, life: str) -> None:
        """Remove the entry of that life. No error when it is not there."""
        # Stores have no conditional delete. What is left open is one round trip, in which a second deletion of the
        # stream would have to finish and the stream to begin anew.
        entry = await self.find(stream)
        if entry is not None and entry.life == life:
            await self._objects.delete(self._layout.index(stream))

    async def streams(self, prefix: str) -> Sequence[str]:
        """The names that start with `prefix`, sorted; some may have no record yet, or none any more."""
        keys = await self._objects.list(self._layout.index_prefix(prefix))
        return sorted(self._layout.stream(key) for key in keys)

    async def _replace(self, stream: str, entry: Entry) -> None:
        await self._objects.replace(self._layout.index(stream), _to_bytes(entry), entry.etag)


def _to_bytes(entry: Entry) -> bytes:
    return stored_form.to_bytes({"life": entry.life, "near_end": entry.near_end, "ended": entry.ended})
