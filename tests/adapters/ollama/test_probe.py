"""What `aios doctor` learns of a daemon, and vectors for the memory's search."""

from collections.abc import Callable

import pytest

from aios.adapters.ollama.embedder import OllamaEmbedder
from aios.adapters.ollama.probe import probe, probe_embedder
from aios.errors import EnvironmentProblemError, ModelCallError, ServiceUnavailableError
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Privacy
from tests.adapters.ollama.conftest import KEY, key
from tests.servers.model_stub import ModelStub
from tests.servers.ollama_dialect import PULLED, OllamaDialect
from tests.servers.process import free_ports


async def test_a_daemon_is_named_with_version_latency_and_what_the_model_can(
    daemon: ModelStub, spec: Callable[..., ModelSpec]
) -> None:
    found = await probe(spec(), key)
    assert (found.service, found.version, found.problems) == ("Ollama", "0.40.12", ())
    assert "qwen3:8b is there" in found.details
    assert found.milliseconds > 0
    assert {asked.headers["authorization"] for asked in daemon.requests} == {f"Bearer {KEY}"}


async def test_a_model_that_is_not_there_is_a_problem_and_is_not_pulled(
    daemon: ModelStub, spec: Callable[..., ModelSpec]
) -> None:
    (problem,) = (await probe(spec(model="new"), key)).problems
    assert "`ollama pull new`" in problem
    assert "/api/pull" not in [asked.path for asked in daemon.requests]


async def test_what_the_model_cannot_do_is_a_problem(dialect: OllamaDialect, spec: Callable[..., ModelSpec]) -> None:
    dialect.capabilities = ["completion"]
    window, tools = (await probe(spec(context_window=100_000), key)).problems
    assert "100,000" in window
    assert "cannot use tools" in tools


async def test_a_daemon_that_is_not_there_is_an_error_that_says_what_to_do(spec: Callable[..., ModelSpec]) -> None:
    (port,) = free_ports(1)
    with pytest.raises(ModelCallError, match="ollama serve"):
        await probe(spec(endpoint=f"http://127.0.0.1:{port}"), key)


async def test_a_model_that_embeds_is_told_from_one_that_chats(
    daemon: ModelStub, dialect: OllamaDialect, spec: Callable[..., ModelSpec]
) -> None:
    (problem,) = (await probe_embedder(spec(), key)).problems
    assert "nomic-embed-text" in problem
    dialect.capabilities, dialect.shown = ["embedding"], {"model_info": {"nomic-bert.embedding_length": 768}}
    found = await probe_embedder(spec(), key)
    assert (found.problems, found.details[-1]) == ((), "vectors of 768 numbers")
    assert {asked.path for asked in daemon.requests} == {"/api/version", "/api/show"}


def test_the_tag_that_ollama_takes_by_itself_is_part_of_the_name(spec: Callable[..., ModelSpec]) -> None:
    names = [OllamaEmbedder(spec(model=model), key).name for model in ("nomic", "nomic:latest", "hf.co/x/nomic")]
    assert names == ["ollama/nomic:latest", "ollama/nomic:latest", "ollama/hf.co/x/nomic:latest"]


async def test_an_embedder_that_passes_texts_on_to_a_cloud_is_refused(
    daemon: ModelStub, dialect: OllamaDialect, spec: Callable[..., ModelSpec]
) -> None:
    dialect.shown = {"remote_host": "https://ollama.com"}
    with pytest.raises(EnvironmentProblemError, match="Nothing was sent"):
        await OllamaEmbedder(spec(), key).embed(["secret"], Privacy.RESTRICTED)
    assert {asked.path for asked in daemon.requests} == {"/api/show"}


async def test_texts_become_vectors_in_order_by_a_model_that_is_pulled_first(
    daemon: ModelStub, dialect: OllamaDialect, spec: Callable[..., ModelSpec]
) -> None:
    dialect.library["nomic-embed-text"] = PULLED
    embedder = OllamaEmbedder(spec(model="nomic-embed-text"), key)
    assert await embedder.embed(["a", "bcd"], Privacy.RESTRICTED) == [[1.0, 1.0], [3.0, 1.0]]
    assert await embedder.embed([], Privacy.PUBLIC) == []
    assert [asked.path for asked in daemon.requests] == ["/api/show", "/api/pull", "/api/show", "/api/embed"]


async def test_an_embedder_that_was_removed_meanwhile_is_pulled_by_the_next_search(
    daemon: ModelStub, dialect: OllamaDialect, spec: Callable[..., ModelSpec]
) -> None:
    dialect.library["nomic-embed-text"] = PULLED
    embedder = OllamaEmbedder(spec(model="nomic-embed-text"), key)
    await embedder.embed(["a"], Privacy.PUBLIC)
    dialect.models.clear()
    with pytest.raises(ServiceUnavailableError, match="not found"):
        await embedder.embed(["a"], Privacy.PUBLIC)
    assert await embedder.embed(["a"], Privacy.PUBLIC) == [[1.0, 1.0]]


async def test_an_embedder_without_its_daemon_or_model_says_so(spec: Callable[..., ModelSpec]) -> None:
    (port,) = free_ports(1)
    with pytest.raises(ServiceUnavailableError, match=r"nothing answers.*set AIOS_EMBEDDINGS_URL to where it runs"):
        await OllamaEmbedder(spec(endpoint=f"http://127.0.0.1:{port}"), key).embed(["a"], Privacy.PUBLIC)
    with pytest.raises(EnvironmentProblemError, match="cannot pull unknown"):
        await OllamaEmbedder(spec(model="unknown"), key).embed(["a"], Privacy.PUBLIC)
