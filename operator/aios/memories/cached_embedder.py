"""CachedEmbedder: a vector that was asked for lately is not asked for again.

A cache and nothing more: it may vanish, be slow or refuse, and the embedder is asked. What is kept is bounded without
anybody counting: each label has a fixed number of places, a text has one of them by its digest, and the newer of two
that share a place stays. Keys and values hold digests and vectors, never a text; a label's places are its own, so that
who may look into those of Public learns nothing of what is Restricted.
"""

import asyncio
import base64
import logging
import math
import sys
import time
from array import array
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from aios.errors import AiosError
from aios.naming import digest
from aios.ports.embedder import Embedder, Vector
from aios.ports.sessions import Sessions
from aios.spec.vocabulary import Privacy

logger = logging.getLogger(__name__)
T = TypeVar("T")

PLACES = 1024
"""For each label. A vector of 768 numbers is about 4 KB in the cache: 12 MB if every place of every label is taken."""
TTL_SECONDS = 24 * 3600.0
PATIENCE_SECONDS = 0.5
REST_SECONDS = 30.0


class CachedEmbedder:
    """Embedder: another one, with a cache before it."""

    def __init__(self, embedder: Embedder, sessions: Sessions, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._embedder, self._sessions, self._clock = embedder, sessions, clock
        self._rests_until = -math.inf

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def least(self) -> float:
        return self._embedder.least

    async def embed(self, texts: Sequence[str], privacy: Privacy) -> Sequence[Vector]:
        """See Embedder. Vectors are rounded to 32 bits, as Qdrant keeps them, from the cache or not."""
        found = await self._cached(texts, privacy)
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            vectors = await self._embedder.embed(missing, privacy)
            fresh = {text: array("f", vector) for text, vector in zip(missing, vectors, strict=False)}
            await self._keep(fresh, privacy)
            found |= fresh
        return [found[text] for text in texts if text in found]

    async def _cached(self, texts: Sequence[str], privacy: Privacy) -> dict[str, Vector]:
        digests = {text: digest([self.name, text]) for text in texts}

        async def look() -> Sequence[str | None]:
            return await asyncio.gather(*(self._sessions.get(place(privacy, one)) for one in digests.values()))

        kept = await self._in_time(look) or ()
        read = {text: from_value(one, value) for (text, one), value in zip(digests.items(), kept, strict=False)}
        return {text: vector for text, vector in read.items() if vector is not None}

    async def _keep(self, vectors: Mapping[str, "array[float]"], privacy: Privacy) -> None:
        async def write() -> None:
            for text, vector in vectors.items():
                one = digest([self.name, text])
                await self._sessions.set(place(privacy, one), to_value(one, vector), ttl=TTL_SECONDS)

        await self._in_time(write)

    async def _in_time(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """None when the cache fails or is slow; then it is left alone for a while."""
        if self._clock() < self._rests_until:
            return None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await work()
        except (AiosError, TimeoutError) as error:
            self._rests_until = self._clock() + REST_SECONDS
            logger.info("the cache of embeddings does not answer (%s): the embedder is asked", error or "too slow")
            return None


def place(privacy: Privacy, text_digest: str) -> str:
    """The key in Sessions."""
    return f"embedding/{privacy}/{int(text_digest[:8], 16) % PLACES}"


def to_value(text_digest: str, vector: "array[float]") -> str:
    """Whose vector it is, and the vector: 32-bit numbers of this machine's byte order, which `array` reads back."""
    return f"{sys.byteorder} {text_digest} {base64.b64encode(vector.tobytes()).decode()}"


def from_value(text_digest: str, value: str | None) -> Vector | None:
    """None when another text's vector, or another byte order's, has the place, or what no vector is."""
    order, _, rest = (value or "").partition(" ")
    of, _, encoded = rest.partition(" ")
    if (order, of) != (sys.byteorder, text_digest):
        return None
    vector = array("f")
    try:
        vector.frombytes(base64.b64decode(encoded, validate=True))
    except ValueError:
        return None
    return vector or None
