"""The collection of memories on a server: made with its first memory, given a vector of meanings when a model is new.

One collection for every model: each has a named vector of its own beside the words, so whoever has no embedder, or
another, still finds every memory by its words.
"""

import logging
from typing import TYPE_CHECKING

from aios.adapters.qdrant.connection import QdrantServer
from aios.memories.meaning import Dense
from aios.memories.points import VECTOR

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient, models

logger = logging.getLogger(__name__)

INDEXES = {"namespace": "keyword", "team": "keyword", "privacy": "integer"}
"""Of the payload: what every search is filtered by."""
UNKNOWN_REQUEST = frozenset({404, 405})


class MemoriesCollection:
    """One collection by name; remembers what it has found there."""

    def __init__(self, server: QdrantServer, name: str) -> None:
        self._server, self.name = server, name
        self.forget()

    def forget(self) -> None:
        """What was found there: somebody has removed the collection, and perhaps another one stands in its place."""
        self._is_made = self._is_indexed = False
        self._vectors: dict[str, bool] = {}

    async def exists(self) -> bool:
        """Whether anything was ever stored."""
        if not self._is_made:
            async with self._server.asked() as client:
                self._is_made = await client.collection_exists(self.name)
        return self._is_made

    async def make(self, dense: Dense | None) -> None:
        """The collection and the indexes of its filter. Several may make it at once; one does. Indexes that are missing
        since whoever made it was cut off are made by the next."""
        if self._is_indexed:
            return
        from qdrant_client.models import PayloadSchemaType

        exists = await self.exists()
        async with self._server.asked() as client:
            if not exists:
                await self._create(client, dense)
            there = (await client.get_collection(self.name)).payload_schema
            for field, kind in INDEXES.items():
                if field not in there:
                    await client.create_payload_index(self.name, field, PayloadSchemaType(kind), wait=True)
        self._is_made = self._is_indexed = True

    async def takes(self, dense: Dense) -> bool:
        """Whether the collection has, or now gets, the vector. False where the server is too old to add one, which is
        logged once."""
        if dense.vector not in self._vectors:
            async with self._server.asked() as client:
                vectors = (await client.get_collection(self.name)).config.params.vectors
                is_there = isinstance(vectors, dict) and dense.vector in vectors
                self._vectors[dense.vector] = is_there or await self._add(client, dense)
        return self._vectors[dense.vector]

    async def _create(self, client: "AsyncQdrantClient", dense: Dense | None) -> None:
        from qdrant_client import models
        from qdrant_client.http.exceptions import UnexpectedResponse

        try:
            await client.create_collection(
                self.name,
                vectors_config={dense.vector: _parameters(dense)} if dense else None,
                sparse_vectors_config={VECTOR: models.SparseVectorParams(modifier=models.Modifier.IDF)},
            )
        except UnexpectedResponse:
            if not await client.collection_exists(self.name):
                raise

    async def _add(self, client: "AsyncQdrantClient", dense: Dense) -> bool:
        from qdrant_client import models
        from qdrant_client.http.exceptions import UnexpectedResponse

        config = models.DenseVectorConfig(size=len(dense.values), distance=models.Distance.COSINE)
        try:
            await client.create_vector_name(self.name, dense.vector, models.DenseVectorNameConfig(dense=config))
        except UnexpectedResponse as error:
            if error.status_code not in UNKNOWN_REQUEST:
                raise
            logger.warning(
                "memories are searched by their words alone: %s was made before there was an embedder, or for another "
                "one, and only Qdrant 1.18 and later adds a vector to a collection; update the server",
                self.name,
            )
            return False
        return True


def _parameters(dense: Dense) -> "models.VectorParams":
    from qdrant_client import models

    return models.VectorParams(size=len(dense.values), distance=models.Distance.COSINE)
