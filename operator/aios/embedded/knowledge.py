"""Knowledge in Qdrant's local mode: vectors in a folder, no server. Words alone, unless an embedder is stated.

Qdrant is imported with the first memory, not before: it takes more than a second, and whoever remembers nothing must
not need it installed. Which memories a search may see is a filter that no caller can leave out.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aios.embedded.qdrant_folder import COLLECTION, QdrantFolder, take
from aios.memories.filling import AT_ONCE, Filling
from aios.memories.meaning import Dense, Meaning
from aios.memories.points import from_payload, lacking, point_id, to_point, to_query, visible
from aios.memories.search import Asker, build_search
from aios.ports.embedder import Embedder
from aios.ports.knowledge import Memory, Recalled
from aios.spec.vocabulary import Privacy

if TYPE_CHECKING:
    from qdrant_client import QdrantClient
    from qdrant_client.models import Record


class QdrantKnowledge:
    """Knowledge; see the port for what is promised. Raises MissingExtraError when qdrant-client is not installed."""

    def __init__(self, folder: Path, embedder: Embedder | None = None) -> None:
        self._folder = QdrantFolder(folder)
        self._meaning = Meaning(embedder) if embedder else None
        self._filling = Filling(embedder) if embedder else None

    async def remember(self, namespace: str, team: str, memory: Memory) -> str:
        dense = await self._meaning.of(memory.text, memory.privacy) if self._meaning else None

        def work(client: "QdrantClient") -> None:
            if dense:
                take(client, dense)
            client.upsert(COLLECTION, [to_point(namespace, team, memory, dense)])

        await self._folder.run(work)
        if dense is None and self._filling:
            self._filling.reopen(namespace, team)
        return point_id(namespace, team, memory)

    async def search(
        self, namespace: str, team: str, clearance: Privacy, query: str, *, limit: int = 5
    ) -> Sequence[Recalled]:
        words = to_query(query) if self._folder.exists else None
        if words is None:
            return ()

        dense = await self._meaning.of(query, clearance) if self._meaning else None
        if dense:
            await self._fill(namespace, team, dense)
        search = build_search(Asker(namespace, team, clearance), words, dense, limit)

        def work(client: "QdrantClient") -> Sequence[Recalled]:
            if dense:
                take(client, dense)
            found = client.query_points(
                COLLECTION,
                query=search.query,
                using=search.using,
                prefetch=search.prefetch,
                query_filter=search.filter,
                limit=search.limit,
            )
            return [
                Recalled(from_payload(point.payload or {}), point.score) for point in found.points if point.score > 0
            ]

        return await self._folder.run(work)

    async def forget(self, namespace: str, team: str) -> None:
        if not self._folder.exists:
            return

        def work(client: "QdrantClient") -> None:
            from qdrant_client.models import FilterSelector

            everything = FilterSelector(filter=visible(namespace, team, Privacy.RESTRICTED))
            client.delete(COLLECTION, points_selector=everything)

        await self._folder.run(work)

    async def close(self) -> None:
        """Finish what was begun and let go of the folder."""
        for part in (self._meaning, self._filling):
            if part:
                part.close()
        await self._folder.close()

    async def _fill(self, namespace: str, team: str, dense: Dense) -> None:
        if self._filling is None or self._filling.is_whole(namespace, team, dense):
            return

        def look(client: "QdrantClient") -> "list[Record]":
            take(client, dense)
            return client.scroll(COLLECTION, lacking(namespace, team, dense.vector), limit=AT_ONCE)[0]

        vectors = await self._filling.fill(namespace, team, dense, await self._folder.run(look))

        def store(client: "QdrantClient") -> None:
            # Another process may have had the folder meanwhile, and have forgotten some.
            left = {one.id for one in client.retrieve(COLLECTION, [one.id for one in vectors], with_payload=False)}
            if still := [one for one in vectors if one.id in left]:
                client.update_vectors(COLLECTION, still)

        if vectors:
            await self._folder.run(store)
