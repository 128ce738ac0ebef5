"""Knowledge with an embedder: finds what means the same, shows nobody more for it, and loses nothing without it."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from aios.adapters.qdrant.knowledge import QdrantServerKnowledge
from aios.embedded.knowledge import QdrantKnowledge
from aios.errors import EnvironmentProblemError, ServiceUnavailableError
from aios.memories.filling import AT_ONCE
from aios.memories.meaning import Meaning
from aios.ports.embedder import Embedder, Vector
from aios.ports.knowledge import Memory
from aios.spec.vocabulary import Privacy
from tests.contract.implementations import KnowledgeClient, name_of
from tests.memories.embedders import HashingEmbedder, UnsteadyEmbedder
from tests.servers.qdrant import VARIABLE as QDRANT

PUBLIC, INTERNAL, RESTRICTED = Privacy
SAME = {"automobile": "car", "vehicle": "car", "repaired": "mend", "fix": "mend"}
Open = Callable[[Embedder | None], KnowledgeClient]


@dataclass
class Way:
    name: str
    open: Callable[[Path, Embedder | None], KnowledgeClient]
    server: str = ""


WAYS = (
    Way("qdrant-local", lambda place, embedder: QdrantKnowledge(place / "knowledge", embedder)),
    Way(
        "qdrant",
        lambda place, embedder: QdrantServerKnowledge(os.environ[QDRANT], name_of(place), embedder),
        "qdrant_server",
    ),
)


@pytest.fixture(params=WAYS, ids=lambda way: way.name)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    way: Way = request.param
    if way.server:
        request.getfixturevalue(way.server)
    return lambda embedder: way.open(tmp_path, embedder)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedder that failed is asked again at once."""
    monkeypatch.setattr(Meaning.__init__, "__kwdefaults__", {**(Meaning.__init__.__kwdefaults__ or {}), "rest": 0.0})


async def _remember(knowledge: KnowledgeClient, *texts: str, privacy: Privacy = INTERNAL, team: str = "red") -> None:
    for text in texts:
        await knowledge.remember("default", team, Memory(text, privacy, "test"))


async def _found(
    knowledge: KnowledgeClient, query: str, clearance: Privacy = RESTRICTED, team: str = "red"
) -> list[str]:
    return [one.memory.text for one in await knowledge.search("default", team, clearance, query, limit=10)]


async def test_what_means_the_same_is_found_without_a_word_in_common(opened: Open) -> None:
    knowledge = opened(HashingEmbedder(SAME))
    await _remember(knowledge, "automobile repaired", "lunch at noon")
    assert await _found(knowledge, "fix vehicle") == ["automobile repaired"]
    assert await _found(knowledge, "holiday plans") == []
    await knowledge.close()


async def test_what_matches_by_words_and_meaning_comes_before_what_matches_by_one(opened: Open) -> None:
    knowledge = opened(HashingEmbedder(SAME))
    await _remember(knowledge, "automobile repaired", "vehicle repaired", "vehicle tax and stamp and fee and form")
    assert (await _found(knowledge, "vehicle fix"))[0] == "vehicle repaired"
    await knowledge.close()


async def test_meaning_opens_no_way_around_clearance_team_or_namespace(opened: Open) -> None:
    knowledge = opened(HashingEmbedder(SAME))
    for label in Privacy:
        await _remember(knowledge, f"automobile {label}", privacy=label)
    await _remember(knowledge, "automobile blue", team="blue")
    await knowledge.remember("other", "red", Memory("automobile other", PUBLIC, ""))
    for clearance in Privacy:
        found = await _found(knowledge, "vehicle", clearance)
        assert sorted(found) == sorted(f"automobile {label}" for label in Privacy if clearance.permits(label))
    assert await _found(knowledge, "vehicle", team="blue") == ["automobile blue"]
    await knowledge.forget("default", "red")
    assert await _found(knowledge, "vehicle") == []
    assert await _found(knowledge, "vehicle", team="blue") == ["automobile blue"]
    await knowledge.close()


async def test_what_many_may_not_see_does_not_crowd_out_what_they_may(opened: Open) -> None:
    knowledge = opened(HashingEmbedder(SAME))
    for number in range(60):
        await _remember(knowledge, f"automobile {number}", privacy=RESTRICTED)
    await _remember(knowledge, "automobile and lorry", privacy=PUBLIC)
    assert await _found(knowledge, "vehicle", PUBLIC) == ["automobile and lorry"]
    await knowledge.close()


@pytest.mark.usefixtures("impatient")
async def test_an_embedder_that_is_away_costs_the_meaning_and_nothing_else(opened: Open) -> None:
    embedder = UnsteadyEmbedder(SAME)
    knowledge = opened(embedder)
    await _remember(knowledge, "automobile repaired")
    embedder.trouble = ServiceUnavailableError("away")
    await _remember(knowledge, "automobile sold")
    assert sorted(await _found(knowledge, "automobile")) == ["automobile repaired", "automobile sold"]
    assert await _found(knowledge, "vehicle") == []
    embedder.trouble = None
    assert sorted(await _found(knowledge, "vehicle")) == ["automobile repaired", "automobile sold"]
    await knowledge.close()


async def test_what_was_remembered_before_there_was_an_embedder_gets_its_meaning(opened: Open) -> None:
    before = opened(None)
    texts = sorted(f"automobile {chr(ord('a') + number)}" for number in range(AT_ONCE + 4))
    await _remember(before, *texts)
    await before.close()
    embedder = HashingEmbedder(SAME)
    knowledge = opened(embedder)
    assert len(await knowledge.search("default", "red", INTERNAL, "automobile", limit=50)) == len(texts)
    found = [one.memory.text for one in await knowledge.search("default", "red", INTERNAL, "vehicle", limit=50)]
    assert sorted(found) == texts
    filled = [texts for texts, _ in embedder.asked if len(texts) > 1]
    assert sorted(map(len, filled)) == [4, AT_ONCE]
    await knowledge.search("default", "red", INTERNAL, "vehicle")
    assert embedder.asked[-1][0] == ("vehicle",)
    await knowledge.close()


async def test_texts_of_different_labels_are_embedded_apart(opened: Open) -> None:
    before = opened(None)
    for label in Privacy:
        await _remember(before, f"automobile {label}", privacy=label)
    await before.close()
    embedder = HashingEmbedder(SAME)
    knowledge = opened(embedder)
    await _found(knowledge, "vehicle", PUBLIC)
    assert embedder.asked[1:] == [((f"automobile {label}",), label) for label in Privacy]
    await knowledge.close()


async def test_another_model_later_has_vectors_of_its_own(opened: Open) -> None:
    for embedder in (HashingEmbedder(SAME, name="old", dimensions=64), HashingEmbedder(SAME, name="new"), None):
        knowledge = opened(embedder)
        await _remember(knowledge, f"automobile of {embedder.name if embedder else 'nobody'}")
        if embedder:
            found = await _found(knowledge, "vehicle")
            assert len(found) == (1 if embedder.name == "old" else 2)
        assert await _found(knowledge, "automobile nobody old new") != []
        await knowledge.close()
    knowledge = opened(None)
    assert len(await _found(knowledge, "automobile")) == 3
    await knowledge.close()


async def test_a_memory_that_the_embedder_refuses_does_not_stop_the_search_by_meaning(opened: Open) -> None:
    class Picky(HashingEmbedder):
        async def embed(self, texts: Sequence[str], privacy: Privacy) -> Sequence[Vector]:
            if any("unspeakable" in text for text in texts):
                raise EnvironmentProblemError("too long")
            return await super().embed(texts, privacy)

    before = opened(None)
    await _remember(before, "unspeakable automobile")
    await before.close()
    knowledge = opened(Picky(SAME))
    await _remember(knowledge, "automobile sold")
    for _ in range(2):
        assert await _found(knowledge, "vehicle") == ["automobile sold"]
    assert len(await _found(knowledge, "automobile")) == 2
    await knowledge.close()
