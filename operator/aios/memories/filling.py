"""Meanings for memories that were stored without: before there was an embedder, while it did not answer, or again by a
process that has none.

A few with every search of a team that has some, so that none waits long; once there are no more, they are looked for
again after a while. Nothing is lost meanwhile: their words find them.
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from aios.memories.meaning import Dense, Meaning
from aios.memories.points import from_payload
from aios.ports.embedder import Embedder
from aios.spec.vocabulary import Privacy

if TYPE_CHECKING:
    from qdrant_client.models import PointVectors, Record

AT_ONCE = 16
"""Texts an embedder on a laptop's processor is done with in about a second."""


LOOK_AGAIN_SECONDS = 600.0
REST_SECONDS = 60.0


class Filling:
    """Which teams have no memory without a meaning, as far as this process knows."""

    def __init__(self, embedder: Embedder, *, clock: Callable[[], float] = time.monotonic) -> None:
        # Not the searches' own: an embedder that is too slow for many texts, or refuses one, answers a question still.
        told = "memories that were stored without their meaning do not get it"
        self._meaning, self._clock = Meaning(embedder, rest=REST_SECONDS, without=told), clock
        self._whole_until: dict[tuple[str, str, str], float] = {}

    def is_whole(self, namespace: str, team: str, dense: Dense) -> bool:
        """Whether nothing is to be looked for now."""
        until = self._whole_until.get((namespace, team, dense.vector))
        return until is not None and self._clock() < until

    def reopen(self, namespace: str, team: str) -> None:
        """A memory of that team was stored without its meaning."""
        self._whole_until = {one: until for one, until in self._whole_until.items() if one[:2] != (namespace, team)}

    async def fill(self, namespace: str, team: str, dense: Dense, found: "Sequence[Record]") -> "list[PointVectors]":
        """What to store for `found`, at most AT_ONCE points without a vector of `dense`'s name. Each label's texts are
        asked for apart."""
        made: list[PointVectors] = []
        for privacy in Privacy:
            told = [one for one in found if from_payload(one.payload or {}).privacy is privacy]
            vectors = await self._meanings(told, privacy)
            if vectors is None:
                return made
            made += vectors
        # What has no meaning at all, such as a text of spaces, is found every time and must not keep others out.
        if len(found) < AT_ONCE or not made:
            self._whole_until[namespace, team, dense.vector] = self._clock() + LOOK_AGAIN_SECONDS
        return made

    def close(self) -> None:
        """Let go of a question that is still under way."""
        self._meaning.close()

    async def _meanings(self, told: "Sequence[Record]", privacy: Privacy) -> "list[PointVectors] | None":
        """None: the embedder does not answer now."""
        from qdrant_client.models import PointVectors

        if not told:
            return []
        meanings = await self._meaning.of_all([from_payload(one.payload or {}).text for one in told], privacy)
        if not meanings:
            return None
        return [
            PointVectors(id=one.id, vector={dense.vector: list(dense.values)})
            for one, dense in zip(told, meanings, strict=True)
            if dense is not None
        ]
