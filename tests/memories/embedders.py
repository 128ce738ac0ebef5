"""Embedders without a model: words, and words that mean the same, hashed into a few dimensions."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence

from aios.memories.terms import terms
from aios.ports.embedder import Vector
from aios.spec.vocabulary import Privacy

DIMENSIONS = 256


class HashingEmbedder:
    """Embedder: equal words, or words of equal meaning, are equal directions. `same` leads words to their meaning."""

    def __init__(
        self, same: Mapping[str, str] | None = None, *, name: str = "hashing/test", dimensions: int = DIMENSIONS
    ) -> None:
        self.name, self.least = name, 0.5
        self._same, self._dimensions = same or {}, dimensions
        self.asked: list[tuple[tuple[str, ...], Privacy]] = []

    async def embed(self, texts: Sequence[str], privacy: Privacy) -> Sequence[Vector]:
        self.asked.append((tuple(texts), privacy))
        return [self.vector(text) for text in texts]

    def vector(self, text: str) -> Vector:
        values = [0.0] * self._dimensions
        for term in terms(text):
            number = int.from_bytes(hashlib.blake2s(self._same.get(term, term).encode()).digest()[:8], "big")
            values[number % self._dimensions] += 1.0 if number >> 63 else -1.0
        return values


class UnsteadyEmbedder(HashingEmbedder):
    """Raises `trouble` while there is one, and answers not before `free` is set."""

    def __init__(self, same: Mapping[str, str] | None = None) -> None:
        super().__init__(same)
        self.trouble: Exception | None = None
        self.free = asyncio.Event()
        self.free.set()

    async def embed(self, texts: Sequence[str], privacy: Privacy) -> Sequence[Vector]:
        vectors = await super().embed(texts, privacy)
        await self.free.wait()
        if self.trouble:
            raise self.trouble
        return vectors
