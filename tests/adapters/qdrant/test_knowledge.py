"""What reaches a Qdrant server: never a search without who asks and how far they are cleared."""

import json
import os
from pathlib import Path

import pytest
from qdrant_client.models import Modifier, SparseVectorParams

from aios.adapters.qdrant.collection import INDEXES
from aios.adapters.qdrant.connection import QdrantServer
from aios.adapters.qdrant.knowledge import QdrantServerKnowledge
from aios.adapters.qdrant.probe import probe
from aios.errors import ServiceUnavailableError
from aios.ports.knowledge import Memory
from aios.spec.vocabulary import Privacy
from tests.memories.embedders import HashingEmbedder
from tests.servers.qdrant import KEY, OLD, VARIABLE, VERSION


async def test_every_search_carries_namespace_team_and_clearance(qdrant_server: Path) -> None:
    knowledge = QdrantServerKnowledge(os.environ[VARIABLE], "filters")
    await knowledge.remember("default", "web", Memory("the port is 8080", Privacy.RESTRICTED, "x"))
    before = len(qdrant_server.read_text().splitlines()) if qdrant_server.exists() else 0
    assert await knowledge.search("default", "web", Privacy.INTERNAL, "which port") == []
    assert len(await knowledge.search("default", "web", Privacy.RESTRICTED, "which port")) == 1
    asked = [json.loads(line)["filter"]["must"] for line in qdrant_server.read_text().splitlines()[before:]]
    assert [{one["key"] for one in must} for must in asked] == [{"namespace", "team", "privacy"}] * 2
    assert [must[2]["range"]["lte"] for must in asked] == [Privacy.INTERNAL.rank, Privacy.RESTRICTED.rank]
    await knowledge.close()


async def test_every_part_of_a_search_by_meaning_carries_them_too(qdrant_server: Path) -> None:
    knowledge = QdrantServerKnowledge(os.environ[VARIABLE], "hybrid-filters", HashingEmbedder())
    await knowledge.remember("default", "web", Memory("the port is 8080", Privacy.RESTRICTED, "x"))
    assert await knowledge.search("default", "web", Privacy.INTERNAL, "which port") == []
    asked = json.loads(qdrant_server.read_text().splitlines()[-1])
    assert asked["query"] == {"fusion": "rrf"}
    for part in (asked, *asked["prefetch"]):
        assert {one["key"] for one in part["filter"]["must"]} == {"namespace", "team", "privacy"}
        assert part["filter"]["must"][2]["range"]["lte"] == Privacy.INTERNAL.rank
    assert len(asked["prefetch"]) == 2
    await knowledge.close()


async def test_a_server_too_old_to_add_a_vector_is_searched_by_words_and_told_of_once(
    qdrant_server: Path, caplog: pytest.LogCaptureFixture
) -> None:
    del qdrant_server
    before = QdrantServerKnowledge(os.environ[VARIABLE], OLD)
    await before.remember("default", "web", Memory("the port is 8080", Privacy.PUBLIC, "x"))
    await before.close()
    knowledge = QdrantServerKnowledge(os.environ[VARIABLE], OLD, HashingEmbedder())
    await knowledge.remember("default", "web", Memory("the port was 80", Privacy.PUBLIC, "x"))
    for _ in range(2):
        assert len(await knowledge.search("default", "web", Privacy.INTERNAL, "which port")) == 2
    (told,) = [record.getMessage() for record in caplog.records if record.name.startswith("aios")]
    assert "Qdrant 1.18" in told
    await knowledge.close()


async def test_a_collection_made_with_an_embedder_needs_no_new_server(
    qdrant_server: Path, caplog: pytest.LogCaptureFixture
) -> None:
    del qdrant_server
    knowledge = QdrantServerKnowledge(os.environ[VARIABLE], f"{OLD}but-fresh", HashingEmbedder({"harbour": "port"}))
    await knowledge.remember("default", "web", Memory("harbour", Privacy.PUBLIC, "x"))
    assert len(await knowledge.search("default", "web", Privacy.INTERNAL, "port")) == 1
    assert not [record for record in caplog.records if record.name.startswith("aios")]
    await knowledge.close()


@pytest.mark.parametrize("embedder", [None, HashingEmbedder()], ids=["words", "meaning"])
async def test_a_collection_that_somebody_removed_is_made_anew(
    qdrant_server: Path, embedder: HashingEmbedder | None
) -> None:
    del qdrant_server
    knowledge = QdrantServerKnowledge(os.environ[VARIABLE], "removed", embedder)
    memory = Memory("the port is 8080", Privacy.PUBLIC, "x")
    await knowledge.remember("default", "web", memory)
    await _remove("removed-memories")
    assert list(await knowledge.search("default", "web", Privacy.PUBLIC, "port")) == []
    await knowledge.forget("default", "web")
    await knowledge.remember("default", "web", memory)
    await _remove("removed-memories")
    await knowledge.remember("default", "web", memory)
    assert len(await knowledge.search("default", "web", Privacy.PUBLIC, "port")) == 1
    await _remove("removed-memories")
    await knowledge.close()


async def test_a_collection_that_was_made_anew_without_our_vector_gets_it(qdrant_server: Path) -> None:
    del qdrant_server
    memory = Memory("the port is 8080", Privacy.PUBLIC, "x")
    ours = QdrantServerKnowledge(os.environ[VARIABLE], "replaced", HashingEmbedder())
    theirs = QdrantServerKnowledge(os.environ[VARIABLE], "replaced")
    await ours.remember("default", "web", memory)
    await _remove("replaced-memories")
    await theirs.remember("default", "web", memory)
    await ours.remember("default", "web", memory)
    assert len(await ours.search("default", "web", Privacy.PUBLIC, "port")) == 1
    await ours.close()
    await theirs.close()


async def test_indexes_that_whoever_made_the_collection_did_not_get_to_are_made(qdrant_server: Path) -> None:
    del qdrant_server
    server = QdrantServer(os.environ[VARIABLE])
    async with server.asked() as client:
        await client.create_collection("cut-memories", {}, {"terms": SparseVectorParams(modifier=Modifier.IDF)})
    knowledge = QdrantServerKnowledge(os.environ[VARIABLE], "cut")
    await knowledge.remember("default", "web", Memory("the port is 8080", Privacy.PUBLIC, "x"))
    async with server.asked() as client:
        made = (await client.get_collection("cut-memories")).payload_schema
    assert {name: index.data_type for name, index in made.items()} == INDEXES
    await knowledge.close()
    await server.close()


async def _remove(collection: str) -> None:
    server = QdrantServer(os.environ[VARIABLE])
    async with server.asked() as client:
        await client.delete_collection(collection)
    await server.close()


async def test_a_wrong_key_is_told_and_no_key_is_shown(qdrant_server: Path) -> None:
    del qdrant_server
    knowledge = QdrantServerKnowledge(os.environ[VARIABLE].replace(KEY, "hunter2"), "x")
    with pytest.raises(ServiceUnavailableError, match="AIOS_KNOWLEDGE_URL") as refused:
        await knowledge.search("default", "web", Privacy.INTERNAL, "port")
    assert "hunter2" not in str(refused.value)
    await knowledge.close()


async def test_a_server_that_is_away_is_said_to_be(qdrant_server: Path) -> None:
    del qdrant_server
    knowledge = QdrantServerKnowledge("http://127.0.0.1:1", "x")
    with pytest.raises(ServiceUnavailableError, match=r"Qdrant at http://127\.0\.0\.1:1"):
        await knowledge.remember("default", "web", Memory("x", Privacy.PUBLIC, "x"))
    await knowledge.close()


async def test_the_probe_tells_version_and_latency(qdrant_server: Path) -> None:
    del qdrant_server
    found = await probe(os.environ[VARIABLE])
    assert (found.service, found.version) == ("Qdrant", VERSION)
    assert found.milliseconds > 0
