"""A daemon that does as it is told, and models that ask it by Ollama's own library."""

from collections.abc import Callable, Iterator

import pytest

from aios.adapters.ollama.model import OllamaModel
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Provider
from tests.servers.model_stub import ModelStub, stub
from tests.servers.ollama_dialect import OllamaDialect

KEY = "key-0123456789"


async def key() -> str:
    return KEY


async def no_key() -> str:
    return ""


@pytest.fixture
def dialect() -> OllamaDialect:
    return OllamaDialect()


@pytest.fixture
def daemon(dialect: OllamaDialect) -> Iterator[ModelStub]:
    with stub(dialect) as server:
        yield server


@pytest.fixture
def spec(daemon: ModelStub) -> Callable[..., ModelSpec]:
    """A spec of a model at the daemon."""

    def stated(**more: object) -> ModelSpec:
        fields = {"provider": Provider.OLLAMA, "model": "qwen3:8b", "endpoint": daemon.url, "call_timeout": "20s"}
        return ModelSpec.model_validate({**fields, **more})

    return stated


@pytest.fixture
def model(spec: Callable[..., ModelSpec]) -> OllamaModel:
    return OllamaModel("local", spec(), key)
