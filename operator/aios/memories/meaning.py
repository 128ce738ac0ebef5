"""What texts mean, as far as the embedder says so in time. It never fails: a search goes on with words alone.

An embedder that loads its model may need minutes. Whoever asked waits a few seconds; the question itself goes on, for
cancelling it would make the server drop the model it is loading. After a failure nobody asks for a while; a
warning is logged when it begins to fail, not for each search.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aios.errors import AiosError
from aios.naming import digest
from aios.ports.embedder import Embedder, Vector
from aios.spec.vocabulary import Privacy

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 5.0
REST_SECONDS = 30.0
LONGEST = 1_500
"""Characters of a text that are embedded, about the 512 tokens that small models take: some servers refuse more. What
stands behind is found by its words."""


@dataclass(frozen=True, slots=True)
class Dense:
    """A text's meaning as Qdrant takes it."""

    vector: str
    """The name of the vector in the collection: another for each model and length, so that no two ever mix."""
    values: Vector
    least: float
    """The cosine from which a memory matches."""


class Meaning:
    """Asks one embedder. For one event loop at a time."""

    def __init__(
        self,
        embedder: Embedder,
        *,
        patience: float = PATIENCE_SECONDS,
        rest: float = REST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        without: str = "memories are searched by their words alone",
    ) -> None:
        """`without`: what is so until the embedder answers, for the log."""
        self._without = without
        self._embedder, self._patience, self._rest, self._clock = embedder, patience, rest, clock
        self._rests_until = -math.inf
        self._late: asyncio.Task[Sequence[Vector]] | None = None
        self._warned = False

    async def of(self, text: str, privacy: Privacy) -> Dense | None:
        """The meaning of one text; None when the embedder does not answer in time, or has none for it."""
        found = await self.of_all([text], privacy)
        return found[0] if found else None

    async def of_all(self, texts: Sequence[str], privacy: Privacy) -> Sequence[Dense | None]:
        """The meaning of each text, in order; empty when the embedder does not answer in time."""
        if self._is_late() or self._clock() < self._rests_until:
            return ()
        try:
            vectors = await self._ask([text[:LONGEST] for text in texts], privacy)
        except AiosError as error:
            self._go_without(str(error))
            return ()
        if vectors is None:
            self._go_without(f"{self._embedder.name} has not answered within {self._patience:g} s")
            return ()
        if len(vectors) != len(texts):
            self._go_without(f"{self._embedder.name} gave {len(vectors)} vectors for {len(texts)} texts")
            return ()
        self._warned = False
        return [self._dense(vector) for vector in vectors]

    def close(self) -> None:
        """Let go of a question that is still under way."""
        if self._is_late() and self._late is not None:
            self._late.cancel()

    async def _ask(self, texts: Sequence[str], privacy: Privacy) -> Sequence[Vector] | None:
        """None: not in time."""
        asked = asyncio.ensure_future(self._embedder.embed(texts, privacy))
        try:
            done, _ = await asyncio.wait({asked}, timeout=self._patience)
        except asyncio.CancelledError:
            asked.cancel()
            raise
        if not done:
            self._late = asked
            asked.add_done_callback(_read)
            return None
        return asked.result()

    def _is_late(self) -> bool:
        """Whether a question is under way that nobody waits for. One of another event loop died with that."""
        late = self._late
        return late is not None and not late.done() and late.get_loop() is asyncio.get_running_loop()

    def _dense(self, values: Vector) -> Dense | None:
        if not any(values) or not all(map(math.isfinite, values)):
            return None
        return Dense(vector_name(self._embedder.name, len(values)), values, self._embedder.least)

    def _go_without(self, why: str) -> None:
        self._rests_until = self._clock() + self._rest
        logger.log(
            logging.INFO if self._warned else logging.WARNING,
            "%s until the embedder answers: %s",
            self._without,
            why,
        )
        self._warned = True


def vector_name(embedder: str, dimension: int) -> str:
    """Of a model's vectors in a collection."""
    return f"meaning-{digest([embedder, dimension])[:12]}"


def _read(late: "asyncio.Task[Sequence[Vector]]") -> None:
    """So that nobody is told of a failure that nobody waits for."""
    if not late.cancelled() and (error := late.exception()):
        logger.info("the embedder that was not waited for: %s", error)
