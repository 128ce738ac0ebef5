"""A memory as Qdrant keeps it: a point whose id is its content, and the filter that no search can leave out."""

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aios.memories.meaning import Dense
from aios.memories.terms import document_weights, query_weights
from aios.naming import digest
from aios.ports.knowledge import Memory
from aios.spec.vocabulary import Privacy

if TYPE_CHECKING:
    from qdrant_client.models import Filter, PointStruct, SparseVector

VECTOR = "terms"
"""The sparse vector of words; its inverse document frequency is Qdrant's part."""


def point_id(namespace: str, team: str, memory: Memory) -> str:
    """A UUID of who remembers, how secret it is and what it says: the same memory is one point."""
    return str(uuid.UUID(digest([namespace, team, memory.privacy, memory.text])[:32]))


def to_point(namespace: str, team: str, memory: Memory, dense: Dense | None = None) -> "PointStruct":
    """The point with its words as a vector, and its meaning as another where that is known."""
    from qdrant_client.models import PointStruct

    meaning = {dense.vector: list(dense.values)} if dense else {}
    return PointStruct(
        id=point_id(namespace, team, memory),
        vector={VECTOR: to_vector(document_weights(memory.text)), **meaning},
        payload={
            "namespace": namespace,
            "team": team,
            "privacy": memory.privacy.rank,
            "text": memory.text,
            "source": memory.source,
        },
    )


def to_query(text: str) -> "SparseVector | None":
    """The words of a question; None when there are none."""
    weights = query_weights(text)
    return to_vector(weights) if weights else None


def visible(namespace: str, team: str, clearance: Privacy) -> "Filter":
    """What a search of that team, cleared so far, may see."""
    from qdrant_client import models

    return models.Filter(
        must=[
            models.FieldCondition(key="namespace", match=models.MatchValue(value=namespace)),
            models.FieldCondition(key="team", match=models.MatchValue(value=team)),
            models.FieldCondition(key="privacy", range=models.Range(lte=clearance.rank)),
        ]
    )


def lacking(namespace: str, team: str, vector: str) -> "Filter":
    """What of that team has no vector of that name yet."""
    from qdrant_client import models

    everything = visible(namespace, team, Privacy.RESTRICTED)
    return models.Filter(must=everything.must, must_not=[models.HasVectorCondition(has_vector=vector)])


def to_vector(weights: Mapping[int, float]) -> "SparseVector":
    """Weights by term as Qdrant takes them."""
    from qdrant_client.models import SparseVector

    return SparseVector(indices=list(weights), values=list(weights.values()))


def from_payload(payload: Mapping[str, object]) -> Memory:
    """The memory of a point that was found."""
    rank = payload["privacy"]
    label = next(privacy for privacy in Privacy if privacy.rank == rank)
    return Memory(str(payload["text"]), label, str(payload["source"]))
