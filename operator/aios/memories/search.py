"""A search as Qdrant's Query API takes it: by words, or by words and meaning with their ranks fused.

Ranks, because a weight of words and a cosine have no common scale (reciprocal rank fusion; Cormack, Clarke and
Buettcher, 2009). Each half is filtered by who asks before it is cut to its length: a filter after that would lose
matches to memories the asker may not see.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aios.memories.meaning import Dense
from aios.memories.points import VECTOR, visible
from aios.spec.vocabulary import Privacy

if TYPE_CHECKING:
    from qdrant_client.models import Filter, FusionQuery, Prefetch, SparseVector

DEEPER = 4
"""How many times more matches than asked for each half contributes to the fusion."""
NO_WORD = 1e-9
"""Weights of words above it share one with the question; local mode returns also those that share none."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who searches, and how far they are cleared: no search is built without."""

    namespace: str
    team: str
    clearance: Privacy


@dataclass(frozen=True, slots=True)
class Search:
    """The arguments of `query_points`."""

    query: "SparseVector | FusionQuery"
    using: str | None
    prefetch: "list[Prefetch]"
    filter: "Filter"
    limit: int


def build_search(asker: Asker, words: "SparseVector", dense: Dense | None, limit: int) -> Search:
    """By `words` alone where the meaning is not known. Every part carries the asker's filter."""
    seen = visible(asker.namespace, asker.team, asker.clearance)
    if dense is None:
        return Search(words, VECTOR, [], seen, limit)
    from qdrant_client.models import Fusion, FusionQuery, Prefetch

    by_words = Prefetch(query=words, using=VECTOR, filter=seen, limit=DEEPER * limit, score_threshold=NO_WORD)
    by_meaning = Prefetch(
        query=list(dense.values), using=dense.vector, filter=seen, limit=DEEPER * limit, score_threshold=dense.least
    )
    return Search(FusionQuery(fusion=Fusion.RRF), None, [by_words, by_meaning], seen, limit)
