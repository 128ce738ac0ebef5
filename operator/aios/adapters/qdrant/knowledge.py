"""Knowledge on a Qdrant server. One collection holds every team; which memories a search may see is a filter that is
built from who asks and cannot be left out."""

from collections.abc import Sequence

from aios.adapters.qdrant.connection import QdrantServer
from aios.memories.points import VECTOR, from_payload, point_id, to_point, to_query, visible
from aios.ports.knowledge import Memory, Recalled
from aios.spec.vocabulary import Privacy


class QdrantServerKnowledge:
    """Knowledge; see the port for what is promised. Raises MissingExtraError when qdrant-client is not installed."""

    def __init__(self, url: str, prefix: str) -> None:
        """`url` as `QdrantServer` takes it; the collection is `PREFIX-memories`."""
        self._server = QdrantServer(url)
        self._collection = f"{prefix}-memories"
        self._is_made = False

    async def remember(self, namespace: str, team: str, memory: Memory) -> str:
        await self._make()
        async with self._server.asked() as client:
            await client.upsert(self._collection, [to_point(namespace, team, memory)], wait=True)
        return point_id(namespace, team, memory)

    async def search(
        self, namespace: str, team: str, clearance: Privacy, query: str, *, limit: int = 5
    ) -> Sequence[Recalled]:
        words = to_query(query)
        if words is None or not await self._exists():
            return ()
        async with self._server.asked() as client:
            found = await client.query_points(
                self._collection,
                query=words,
                using=VECTOR,
                limit=limit,
                query_filter=visible(namespace, team, clearance),
            )
        return [Recalled(from_payload(point.payload or {}), point.score) for point in found.points if point.score > 0]

    async def forget(self, namespace: str, team: str) -> None:
        if not await self._exists():
            return
        from qdrant_client.models import FilterSelector

        everything = FilterSelector(filter=visible(namespace, team, Privacy.RESTRICTED))
        async with self._server.asked() as client:
            await client.delete(self._collection, points_selector=everything, wait=True)

    async def close(self) -> None:
        """End the connections."""
        await self._server.close()

    async def _exists(self) -> bool:
        if not self._is_made:
            async with self._server.asked() as client:
                self._is_made = await client.collection_exists(self._collection)
        return self._is_made

    async def _make(self) -> None:
        """The collection and the indexes of its filter. Several may make it at once; one does."""
        if await self._exists():
            return
        from qdrant_client import models
        from qdrant_client.http.exceptions import UnexpectedResponse

        async with self._server.asked() as client:
            try:
                await client.create_collection(
                    self._collection,
                    sparse_vectors_config={VECTOR: models.SparseVectorParams(modifier=models.Modifier.IDF)},
                )
            except UnexpectedResponse:
                if not await client.collection_exists(self._collection):
                    raise
            for field, kind in (
                ("namespace", models.PayloadSchemaType.KEYWORD),
                ("team", models.PayloadSchemaType.KEYWORD),
                ("privacy", models.PayloadSchemaType.INTEGER),
            ):
                await client.create_payload_index(self._collection, field, kind, wait=True)
        self._is_made = True
