"""Knowledge on a Qdrant server. One collection holds every team; which memories a search may see is a filter that is
built from who asks and cannot be left out. With an embedder, by words and by meaning; without, by words."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from aios.adapters.qdrant.collection import MemoriesCollection
from aios.adapters.qdrant.connection import GoneError, QdrantServer
from aios.errors import ServiceUnavailableError
from aios.memories.filling import AT_ONCE, Filling
from aios.memories.meaning import Dense, Meaning
from aios.memories.points import from_payload, lacking, point_id, to_point, to_query, visible
from aios.memories.search import Asker, build_search
from aios.ports.embedder import Embedder
from aios.ports.knowledge import Memory, Recalled
from aios.spec.vocabulary import Privacy

if TYPE_CHECKING:
    from qdrant_client.models import SparseVector

T = TypeVar("T")
logger = logging.getLogger(__name__)


class QdrantServerKnowledge:
    """Knowledge; see the port for what is promised. Raises MissingExtraError when qdrant-client is not installed."""

    def __init__(self, url: str, prefix: str, embedder: Embedder | None = None) -> None:
        """`url` as `QdrantServer` takes it; the collection is `PREFIX-memories`."""
        self._server = QdrantServer(url)
        self._collection = MemoriesCollection(self._server, f"{prefix}-memories")
        self._meaning = Meaning(embedder) if embedder else None
        self._filling = Filling(embedder) if embedder else None

    async def remember(self, namespace: str, team: str, memory: Memory) -> str:
        return await self._though_it_is_gone(lambda: self._remember(namespace, team, memory))

    async def search(
        self, namespace: str, team: str, clearance: Privacy, query: str, *, limit: int = 5
    ) -> Sequence[Recalled]:
        words = to_query(query)
        if words is None:
            return ()
        asker = Asker(namespace, team, clearance)
        return await self._though_it_is_gone(lambda: self._search(asker, query, words, limit))

    async def forget(self, namespace: str, team: str) -> None:
        await self._though_it_is_gone(lambda: self._forget(namespace, team))

    async def close(self) -> None:
        """End the connections."""
        for part in (self._meaning, self._filling):
            if part:
                part.close()
        await self._server.close()

    async def _though_it_is_gone(self, work: Callable[[], Awaitable[T]]) -> T:
        """A collection that somebody removed is made anew, by the second try."""
        try:
            return await work()
        except GoneError:
            self._collection.forget()
            return await work()

    async def _remember(self, namespace: str, team: str, memory: Memory) -> str:
        dense = await self._meaning.of(memory.text, memory.privacy) if self._meaning else None
        await self._collection.make(dense)
        if dense and not await self._collection.takes(dense):
            dense = None
        async with self._server.asked() as client:
            await client.upsert(self._collection.name, [to_point(namespace, team, memory, dense)], wait=True)
        if dense is None and self._filling:
            self._filling.reopen(namespace, team)
        return point_id(namespace, team, memory)

    async def _search(self, asker: Asker, query: str, words: "SparseVector", limit: int) -> Sequence[Recalled]:
        if not await self._collection.exists():
            return ()
        dense = await self._meaning.of(query, asker.clearance) if self._meaning else None
        if dense and not await self._collection.takes(dense):
            dense = None
        if dense:
            await self._fill(asker.namespace, asker.team, dense)
        search = build_search(asker, words, dense, limit)
        async with self._server.asked() as client:
            found = await client.query_points(
                self._collection.name,
                query=search.query,
                using=search.using,
                prefetch=search.prefetch,
                query_filter=search.filter,
                limit=search.limit,
            )
        return [Recalled(from_payload(point.payload or {}), point.score) for point in found.points if point.score > 0]

    async def _forget(self, namespace: str, team: str) -> None:
        if not await self._collection.exists():
            return
        from qdrant_client.models import FilterSelector

        everything = FilterSelector(filter=visible(namespace, team, Privacy.RESTRICTED))
        async with self._server.asked() as client:
            await client.delete(self._collection.name, points_selector=everything, wait=True)

    async def _fill(self, namespace: str, team: str, dense: Dense) -> None:
        if self._filling is None or self._filling.is_whole(namespace, team, dense):
            return
        async with self._server.asked() as client:
            found, _ = await client.scroll(
                self._collection.name, scroll_filter=lacking(namespace, team, dense.vector), limit=AT_ONCE
            )
        if vectors := await self._filling.fill(namespace, team, dense, found):
            try:
                async with self._server.asked() as client:
                    await client.update_vectors(self._collection.name, vectors, wait=True)
            except ServiceUnavailableError as error:
                # One of them was forgotten meanwhile; a server that is away is told of by the search that follows.
                logger.info("memories of %s/%s did not get their meaning: %s", namespace, team, error)
                self._filling.reopen(namespace, team)
