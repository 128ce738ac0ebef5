"""Knowledge in Qdrant's local mode: sparse vectors in a folder, no server, no embedding model.

Qdrant is imported with the first memory, not before: it takes more than a second, and whoever remembers nothing must
not need it installed. Which memories a search may see is a filter that no caller can leave out.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aios.embedded.qdrant_folder import COLLECTION, QdrantFolder
from aios.memories.points import VECTOR, from_payload, point_id, to_point, to_query, visible
from aios.ports.knowledge import Memory, Recalled
from aios.spec.vocabulary import Privacy

if TYPE_CHECKING:
    from qdrant_client import QdrantClient


class QdrantKnowledge:
    """Knowledge; see the port for what is promised. Raises MissingExtraError when qdrant-client is not installed."""

    def __init__(self, folder: Path) -> None:
        self._folder = QdrantFolder(folder)

    async def remember(self, namespace: str, team: str, memory: Memory) -> str:
        def work(client: "QdrantClient") -> None:
            client.upsert(COLLECTION, [to_point(namespace, team, memory)])

        await self._folder.run(work)
        return point_id(namespace, team, memory)

    async def search(
        self, namespace: str, team: str, clearance: Privacy, query: str, *, limit: int = 5
    ) -> Sequence[Recalled]:
        words = to_query(query) if self._folder.exists else None
        if words is None:
            return ()

        def work(client: "QdrantClient") -> Sequence[Recalled]:
            found = client.query_points(
                COLLECTION,
                query=words,
                using=VECTOR,
                limit=limit,
                query_filter=visible(namespace, team, clearance),
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
        await self._folder.close()
