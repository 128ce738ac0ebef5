"""Who embeds, by URL; never somebody else's cloud."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from aios.embedded.state_folder import StateFolder
from aios.errors import EnvironmentProblemError
from aios.ports.knowledge import Memory
from aios.settings import Settings
from aios.spec.vocabulary import Privacy
from aios.wiring.credentials import FoundCredentials
from aios.wiring.doctor import Finding, Verdict, examine
from aios.wiring.embedders import read_url
from aios.wiring.ports import open_ports
from aios.wiring.services import Services
from tests.servers.model_stub import ModelStub, stub
from tests.servers.ollama_dialect import OllamaDialect
from tests.servers.process import free_ports

MODEL = "nomic-embed-text"


@pytest.fixture
def dialect() -> OllamaDialect:
    made = OllamaDialect()
    made.models.add(MODEL)
    made.capabilities, made.shown = ["embedding"], {"model_info": {"nomic-bert.embedding_length": 2}}
    return made


@pytest.fixture
def daemon(dialect: OllamaDialect) -> Iterator[ModelStub]:
    with stub(dialect) as running:
        yield running


@pytest.mark.parametrize(
    ("url", "endpoint", "model"),
    [
        ("ollama+http://127.0.0.1:11434/nomic-embed-text", "http://127.0.0.1:11434", MODEL),
        ("ollama+https://embed.lan/hf.co/a/b:Q8_0", "https://embed.lan", "hf.co/a/b:Q8_0"),
        ("openai+http://[::1]:8080/v1/BAAI/bge-m3", "http://[::1]:8080/v1", "BAAI/bge-m3"),
        ("openai+http://gpu.lan/llm/v1/bge", "http://gpu.lan/llm/v1", "bge"),
    ],
)
def test_a_url_names_protocol_place_and_model(url: str, endpoint: str, model: str) -> None:
    stated = read_url(url)
    assert (stated.spec.endpoint, stated.spec.model, stated.least) == (endpoint, model, 0.5)


def test_the_key_and_the_least_likeness_are_read_and_the_key_is_not_shown() -> None:
    stated = read_url("ollama+http://:hunter2@127.0.0.1/nomic-embed-text?least=0.65")
    assert (stated.key, stated.least) == ("hunter2", 0.65)
    assert "hunter2" not in repr(stated)


@pytest.mark.parametrize(
    "url",
    [
        "ollama+https://ollama.com/nomic-embed-text",
        "openai+https://api.openai.com/v1/text-embedding-3-small",
        "openai+https://API.OpenAI.com.:443/v1/text-embedding-3-small",
        "openai+https://bedrock.eu-west-1.amazonaws.com/v1/titan",
        "ollama+http://127.0.0.1:11434/big-cloud",
        "ollama+http://127.0.0.1:11434/big:Cloud",
        "openai+https://api.cohere.com/compatibility/v1/embed-v4.0",
        "openai+https://api.voyageai.com/v1/voyage-3",
        "openai+https://api.jina.ai/v1/jina-embeddings-v3",
        "openai+https://api-atlas.nomic.ai/v1/nomic-embed-text-v1.5",
        "openai+https://api.mixedbread.com/v1/mxbai-embed-large-v1",
        "openai+https://router.huggingface.co/hf-inference/v1/BAAI/bge-m3",
        "openai+https://integrate.api.nvidia.com/v1/nvidia/nv-embed-v1",
        "openai+https://api.deepinfra.com/v1/openai/v1/bge",
        "openai+https://dashscope.aliyuncs.com/compatible-mode/v1/text-embedding-v4",
        "openai+https://api.cohere.com/v1/embed-v4.0?mine=yes",
    ],
)
def test_somebody_elses_cloud_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(EnvironmentProblemError, match=r"AIOS_EMBEDDINGS_URL .*do not leave"):
        read_url(url)
    with pytest.raises(EnvironmentProblemError, match="do not leave"):
        Services.from_settings(Settings(embeddings_url=SecretStr(url)))


@pytest.mark.parametrize("host", ["api.newvendor.example", "8.8.8.8", "134744072"])
def test_a_host_that_anybody_may_have_is_refused_until_it_is_said_to_be_yours(host: str) -> None:
    url = f"openai+https://:hunter2@{host}/v1/bge"
    with pytest.raises(EnvironmentProblemError, match=rf"AIOS_EMBEDDINGS_URL: .*{host} .*mine=yes") as refused:
        Services.from_settings(Settings(embeddings_url=SecretStr(url)))
    assert "hunter2" not in str(refused.value)
    said = Services.from_settings(Settings(embeddings_url=SecretStr(f"{url}?least=0.6&mine=yes")))
    assert read_url(said.embeddings).spec.host == host


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:11434/nomic",
        "ollama+http://:hunter2@127.0.0.1:11434",
        "openai+http://127.0.0.1:8080/bge",
        "ollama+http://127.0.0.1/nomic?least=much",
        "ollama+http://127.0.0.1/nomic?least=1",
        "ollama+http://127.0.0.1/nomic?model=hunter2",
        "ollama+http://127.0.0.1/nomic?mine=perhaps",
        "ollama+http://127.0.0.1/nomic?mine=yes&mine=no",
        "ollama+http://[::1/hunter2",
    ],
)
def test_what_is_no_embedder_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(EnvironmentProblemError, match="AIOS_EMBEDDINGS_URL") as refused:
        read_url(url)
    assert "hunter2" not in str(refused.value)
    with pytest.raises(EnvironmentProblemError, match="AIOS_EMBEDDINGS_URL"):
        Services.from_settings(Settings(embeddings_url=SecretStr(url)))


async def test_a_laptop_with_an_embedder_asks_it_once_a_text(daemon: ModelStub, tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.open()
    ports = open_ports(state, Services(embeddings=f"ollama+{daemon.url}/{MODEL}"))
    await ports.knowledge.remember("default", "red", Memory("text", Privacy.RESTRICTED, "test"))
    for _ in range(2):
        assert len(await ports.knowledge.search("default", "red", Privacy.RESTRICTED, "quite another")) == 1
    await ports.close()
    embedded = [asked.body["input"] for asked in daemon.requests if asked.path == "/api/embed"]
    assert embedded == [["text"], ["quite another"]]


async def _examined(tmp_path: Path, url: str) -> Finding:
    services = Services(embeddings=url)
    findings = await examine(StateFolder(tmp_path), services, [], FoundCredentials())
    return next(one for one in findings if one.subject == "embeddings")


async def test_the_doctor_names_the_embedder(daemon: ModelStub, tmp_path: Path) -> None:
    found = await _examined(tmp_path, f"ollama+http://:hunter2@{daemon.url.removeprefix('http://')}/{MODEL}")
    assert found.verdict is Verdict.WELL
    assert f"ollama+{daemon.url}/{MODEL}" in found.text
    assert found.details == (f"{MODEL} is there", "vectors of 2 numbers")
    assert "hunter2" not in str(found)


async def test_the_doctor_tells_an_embedder_that_is_away_or_missing_or_none(
    daemon: ModelStub, dialect: OllamaDialect, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    away = await _examined(tmp_path, f"ollama+http://127.0.0.1:{port}/{MODEL}")
    assert (away.verdict, "nothing answers" in away.text) == (Verdict.PROBLEM, True)
    dialect.models.clear()
    missing = await _examined(tmp_path, f"ollama+{daemon.url}/{MODEL}")
    assert (missing.verdict, f"`ollama pull {MODEL}`" in missing.details[0]) == (Verdict.PROBLEM, True)
    none = await _examined(tmp_path, "")
    assert (none.verdict, "AIOS_EMBEDDINGS_URL" in none.text) == (Verdict.MISSING, True)
