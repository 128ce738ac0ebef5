"""Knowledge in Qdrant's local mode: sparse vectors in a folder, no server, no embedding model.

Qdrant is imported with the first memory, not before: it takes more than a second, and whoever remembers nothing must
not need it installed. Which memories a search may see is a filter that no caller can leave out.
"""

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aios.embedded.qdrant_folder import COLLECTION, VECTOR, QdrantFolder
from aios.embedded.terms import document_weights, query_weights
from aios.naming import digest
from aios.ports.knowledge import Memory, Recalled
from aios.spec.vocabulary import Privacy

if TYPE_CHECKING:
    from qdrant_client import QdrantClient
    from qdrant_client.models import Filter, SparseVector


class QdrantKnowledge:
    """Knowledge; see the port for what is promised. Raises MissingExtraError when qdrant-client is not installed."""

    def __init__(self, folder: Path) -> None:
        self._folder = QdrantFolder(folder)

    async def remember(self, namespace: str, team: str, memory: Memory) -> str:
        id_ = str(uuid.UUID(digest([namespace, team, memory.privacy, memory.text])[:32]))
        payload = {
            "namespace": namespace,
            "team": team,
            "privacy": memory.privacy.rank,
            "text": memory.text,
            "source": memory.source,
        }

        def work(client: "QdrantClient") -> None:
            from qdrant_client.models import PointStruct

            vector = {VECTOR: _vector(document_weights(memory.text))}
            client.upsert(COLLECTION, [PointStruct(id=id_, vector=vector, payload=payload)])

        await self._folder.run(work)
        return id_

    async def search(
        self, namespace: str, team: str, clearance: Privacy, query: str, *, limit: int = 5
    ) -> Sequence[Recalled]:
        weights = query_weights(query)
        if not weights or not self._folder.exists:
            return ()

        def work(client: "QdrantClient") -> Sequence[Recalled]:
            found = client.query_points(
                COLLECTION,
                query=_vector(weights),
                using=VECTOR,
                limit=limit,
                query_filter=_filter(namespace, team, clearance),
            )
            return [Recalled(_memory(point.payload or {}), point.score) for point in found.points if point.score > 0]

        return await self._folder.run(work)

    async def forget(self, namespace: str, team: str) -> None:
        if not self._folder.exists:
            return

        def work(client: "QdrantClient") -> None:
            from qdrant_client.models import FilterSelector

            everything = FilterSelector(filter=_filter(namespace, team, Privacy.RESTRICTED))
            client.delete(COLLECTION, points_selector=everything)

        await self._folder.run(work)

    async def close(self) -> None:
        """Finish what was begun and let go of the folder."""
        await self._folder.close()


def _filter(namespace: str, team: str, clearance: Privacy) -> "Filter":
    from qdrant_client import models

    return models.Filter(
        must=[
            models.FieldCondition(key="namespace", match=models.MatchValue(value=namespace)),
            models.FieldCondition(key="team", match=models.MatchValue(value=team)),
            models.FieldCondition(key="privacy", range=models.Range(lte=clearance.rank)),
        ]
    )


def _vector(weights: Mapping[int, float]) -> "SparseVector":
    from qdrant_client.models import SparseVector

    return SparseVector(indices=list(weights), values=list(weights.values()))


def _memory(payload: Mapping[str, object]) -> Memory:
    rank = payload["privacy"]
    label = next(privacy for privacy in Privacy if privacy.rank == rank)
    return Memory(str(payload["text"]), label, str(payload["source"]))
