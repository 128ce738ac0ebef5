"""Vectors of a server of one's own that speaks OpenAI's protocol."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aios.adapters.openai_compatible.embedder import OpenAICompatibleEmbedder
from aios.embedded.state_folder import StateFolder
from aios.errors import EnvironmentProblemError, ServiceUnavailableError
from aios.ports.knowledge import Memory
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Privacy, Provider
from aios.wiring.embedders import probe_embedder
from aios.wiring.ports import open_ports
from aios.wiring.services import Services
from tests.servers.llama import running
from tests.servers.model_stub import ModelStub, Refuse, stub
from tests.servers.openai_dialect import OpenAIDialect
from tests.servers.process import free_ports


@pytest.fixture
def dialect() -> OpenAIDialect:
    return OpenAIDialect()


@pytest.fixture
def server(dialect: OpenAIDialect) -> Iterator[ModelStub]:
    with stub(dialect) as running:
        yield running


def embedder(url: str, key: str = "") -> OpenAICompatibleEmbedder:
    async def api_key() -> str:
        return key

    spec = ModelSpec(provider=Provider.OPENAI_COMPATIBLE, model="bge-m3", endpoint=f"{url}/v1", call_timeout="20s")
    return OpenAICompatibleEmbedder(spec, api_key)


async def test_vectors_come_in_the_order_of_the_texts_whatever_the_order_of_the_answer(server: ModelStub) -> None:
    made = embedder(server.url, "key-1")
    assert await made.embed(["a", "bcd"], Privacy.RESTRICTED) == [[1.0, 1.0], [3.0, 1.0]]
    assert await made.embed([], Privacy.PUBLIC) == []
    (asked,) = server.requests
    assert asked.body == {"model": "bge-m3", "input": ["a", "bcd"], "encoding_format": "float"}
    assert asked.headers["authorization"] == "Bearer key-1"
    assert made.name == "openai/bge-m3"


async def test_without_a_key_none_is_sent(server: ModelStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "somebody-elses")
    await embedder(server.url).embed(["a"], Privacy.PUBLIC)
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("answer", [{"data": []}, {"data": [{"index": 0, "embedding": "AAAA"}]}, {"data": 7}, []])
async def test_an_answer_that_holds_no_vectors_is_refused(
    server: ModelStub, dialect: OpenAIDialect, answer: object
) -> None:
    dialect.embedded = answer
    with pytest.raises(EnvironmentProblemError, match="0 vectors for 1 texts"):
        await embedder(server.url).embed(["a"], Privacy.PUBLIC)


async def test_a_server_that_is_away_or_busy_may_answer_later(server: ModelStub, dialect: OpenAIDialect) -> None:
    (port,) = free_ports(1)
    with pytest.raises(ServiceUnavailableError, match=r"cannot be reached.*Is AIOS_EMBEDDINGS_URL right"):
        await embedder(f"http://127.0.0.1:{port}").embed(["a"], Privacy.PUBLIC)
    dialect.embedded = Refuse(503)
    with pytest.raises(ServiceUnavailableError, match="503"):
        await embedder(server.url).embed(["a"], Privacy.PUBLIC)


async def test_a_real_server_embeds_and_memories_are_found_by_it(tmp_path: Path) -> None:
    with running(tmp_path, embeds=True) as url:
        # A model that was made to talk finds everything alike, so it shows that vectors come and not which is nearest.
        services = Services(embeddings=f"openai+{url}/v1/smollm2?least=0.6")
        state = StateFolder(tmp_path / "state")
        state.open()
        ports = open_ports(state, services)
        await ports.knowledge.remember("default", "red", Memory("The cat sleeps.", Privacy.RESTRICTED, "test"))
        assert len(await ports.knowledge.search("default", "red", Privacy.RESTRICTED, "kitten naps")) == 1
        assert len(await ports.knowledge.search("default", "red", Privacy.INTERNAL, "kitten naps")) == 0
        (problem,) = (await probe_embedder(services.embeddings)).problems
        assert "it lists no model smollm2" in problem
        await ports.close()
