"""A vector is asked for once; the cache may fail in any way and holds no text."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Never

import pytest

from aios.embedded.sessions import SqliteSessions
from aios.errors import ServiceUnavailableError
from aios.memories.cached_embedder import PLACES, CachedEmbedder, place
from aios.naming import digest
from aios.spec.vocabulary import Privacy
from tests.memories.embedders import HashingEmbedder

PUBLIC, INTERNAL, RESTRICTED = Privacy


class Away:
    """Sessions that do not answer: by an error, or by silence."""

    def __init__(self, *, silent: bool = False) -> None:
        self._silent = silent
        self.asked = 0

    async def get(self, key: str) -> str | None:
        del key
        await self._fail()

    async def set(self, key: str, value: str, *, ttl: float) -> None:
        del key, value, ttl
        await self._fail()

    async def compare_and_set(self, key: str, expected: str | None, value: str, *, ttl: float) -> bool:
        del key, expected, value, ttl
        await self._fail()

    async def delete(self, key: str) -> None:
        del key
        await self._fail()

    async def scan(self, prefix: str) -> Mapping[str, str]:
        del prefix
        await self._fail()

    async def _fail(self) -> Never:
        self.asked += 1
        if self._silent:
            await asyncio.Event().wait()
        raise ServiceUnavailableError("away")


@pytest.fixture
def sessions(tmp_path: Path) -> SqliteSessions:
    return SqliteSessions(tmp_path / "sessions.db")


async def test_a_text_is_embedded_once_a_label_by_all_processes(sessions: SqliteSessions) -> None:
    embedder = HashingEmbedder()
    one, other = CachedEmbedder(embedder, sessions), CachedEmbedder(embedder, sessions)
    first = await one.embed(["a port", "a lunch", "a port"], INTERNAL)
    again = await other.embed(["a lunch", "a port", "new"], INTERNAL)
    assert [list(vector) for vector in again[:2]] == [list(first[1]), list(first[0])]
    await other.embed(["a port"], RESTRICTED)
    assert embedder.asked == [(("a port", "a lunch"), INTERNAL), (("new",), INTERNAL), (("a port",), RESTRICTED)]
    assert list(first[0]) == list(first[2]) == list(embedder.vector("a port"))


async def test_another_model_does_not_get_its_vectors(sessions: SqliteSessions) -> None:
    for embedder in (HashingEmbedder(name="one"), HashingEmbedder(name="other", dimensions=8)):
        (vector,) = await CachedEmbedder(embedder, sessions).embed(["port"], PUBLIC)
        assert list(vector) == list(embedder.vector("port"))


async def test_no_text_is_in_keys_or_values(sessions: SqliteSessions) -> None:
    await CachedEmbedder(HashingEmbedder(), sessions).embed(["launch-code 0000"], RESTRICTED)
    ((key, value),) = (await sessions.scan("")).items()
    assert key.startswith("embedding/Restricted/")
    assert "launch" not in key + value


async def test_however_much_is_embedded_the_cache_has_an_end(sessions: SqliteSessions) -> None:
    embedder = CachedEmbedder(HashingEmbedder(dimensions=2), sessions)
    texts = [f"text {number}" for number in range(40)]
    await embedder.embed(texts, PUBLIC)
    places = {place(PUBLIC, digest([embedder.name, text])) for text in texts}
    assert set(await sessions.scan("")) == places
    assert {place(PUBLIC, f"{number:064x}") for number in range(1 << 33, (1 << 33) + 9)} == {place(PUBLIC, "0" * 64)}
    assert len({place(PUBLIC, digest(number)) for number in range(20 * PLACES)}) <= PLACES


async def test_a_place_that_another_text_has_taken_is_not_believed(sessions: SqliteSessions) -> None:
    inner = HashingEmbedder()
    embedder = CachedEmbedder(inner, sessions)
    await embedder.embed(["one"], PUBLIC)
    (value,) = (await sessions.scan("")).values()
    await sessions.set(place(PUBLIC, digest([inner.name, "two"])), value, ttl=60)
    (vector,) = await embedder.embed(["two"], PUBLIC)
    assert list(vector) == list(inner.vector("two"))


@pytest.mark.parametrize("kept", ["AAA", "AAAA", "A\u00e9==", "A-_=", ""])
async def test_what_no_vector_is_is_asked_for_anew(sessions: SqliteSessions, kept: str) -> None:
    inner = HashingEmbedder()
    of = digest([inner.name, "port"])
    await sessions.set(place(PUBLIC, of), f"{sys.byteorder} {of} {kept}", ttl=60)
    (vector,) = await CachedEmbedder(inner, sessions).embed(["port"], PUBLIC)
    assert list(vector) == list(inner.vector("port"))


@pytest.mark.parametrize("silent", [False, True])
async def test_a_cache_that_fails_or_is_silent_is_done_without(silent: bool) -> None:
    away, inner = Away(silent=silent), HashingEmbedder()
    embedder = CachedEmbedder(inner, away)
    for _ in range(3):
        (vector,) = await embedder.embed(["port"], PUBLIC)
        assert list(vector) == list(inner.vector("port"))
    assert away.asked == 1


async def test_too_few_vectors_are_not_padded(sessions: SqliteSessions) -> None:
    class Short(HashingEmbedder):
        async def embed(self, texts: object, privacy: Privacy) -> list[list[float]]:
            del texts, privacy
            return [[1.0]]

    assert len(await CachedEmbedder(Short(), sessions).embed(["a", "b"], PUBLIC)) == 1
