"""A model that is said to run here is looked at again: a name can come to mean another one."""

from collections.abc import Callable
from typing import Any

import pytest

from aios.adapters.ollama.embedder import OllamaEmbedder
from aios.adapters.ollama.model import OllamaModel
from aios.adapters.ollama.presence import LOOK_AGAIN_SECONDS
from aios.errors import EnvironmentProblemError, ModelCallError
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Locality, Privacy
from tests.adapters.ollama.conftest import key
from tests.adapters.ollama.test_model import ASK
from tests.servers.model_stub import ModelStub
from tests.servers.ollama_dialect import PULLED, OllamaDialect

REMOTE = {"remote_host": "https://ollama.com:443", "remote_model": "gpt-oss:120b"}
NEW = "gemma4:e4b"


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def paths(daemon: ModelStub) -> list[str]:
    return [asked.path for asked in daemon.requests]


async def test_a_pulled_name_for_somebody_elses_model_is_sent_nothing(
    spec: Callable[..., ModelSpec], daemon: ModelStub, dialect: OllamaDialect
) -> None:
    dialect.library[NEW], dialect.shown = PULLED, REMOTE
    with pytest.raises(ModelCallError, match=r"on to https://ollama\.com.*Nothing was sent") as caught:
        await OllamaModel("local", spec(model=NEW), key).chat(ASK)
    assert not caught.value.transient
    assert paths(daemon) == ["/api/show", "/api/pull", "/api/show"]


async def test_a_pulled_name_for_somebody_elses_embedder_is_sent_nothing(
    spec: Callable[..., ModelSpec], daemon: ModelStub, dialect: OllamaDialect
) -> None:
    dialect.library[NEW], dialect.shown = PULLED, REMOTE
    with pytest.raises(EnvironmentProblemError, match=r"on to https://ollama\.com"):
        await OllamaEmbedder(spec(model=NEW), key).embed(["a"], Privacy.RESTRICTED)
    assert "/api/embed" not in paths(daemon)


async def test_a_model_that_is_pulled_and_still_not_there_may_be_later(
    spec: Callable[..., ModelSpec], daemon: ModelStub, dialect: OllamaDialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialect, "_pull", lambda model: PULLED)
    with pytest.raises(ModelCallError, match=f"pulled {NEW} and does not have it") as caught:
        await OllamaModel("local", spec(model=NEW), key).chat(ASK)
    assert (caught.value.transient, daemon.chats) == (True, [])


async def test_a_name_that_comes_to_mean_somebody_elses_model_is_noticed_within_minutes(
    spec: Callable[..., ModelSpec], daemon: ModelStub, dialect: OllamaDialect
) -> None:
    clock = Clock()
    model = OllamaModel("local", spec(), key, now=clock)
    await model.chat(ASK)
    dialect.shown = REMOTE
    clock.at += LOOK_AGAIN_SECONDS - 1
    await model.chat(ASK)
    clock.at += 1
    with pytest.raises(ModelCallError, match="that is a Cloud model"):
        await model.chat(ASK)
    assert len(daemon.chats) == 2


async def test_an_embedders_model_is_looked_at_again_too(
    spec: Callable[..., ModelSpec], daemon: ModelStub, dialect: OllamaDialect
) -> None:
    clock = Clock()
    embedder = OllamaEmbedder(spec(), key, now=clock)
    await embedder.embed(["a"], Privacy.RESTRICTED)
    dialect.shown = REMOTE
    clock.at += LOOK_AGAIN_SECONDS
    with pytest.raises(EnvironmentProblemError, match="that is a Cloud model"):
        await embedder.embed(["a"], Privacy.RESTRICTED)
    assert paths(daemon).count("/api/embed") == 1


async def test_a_cloud_model_is_looked_at_once(spec: Callable[..., ModelSpec], daemon: ModelStub) -> None:
    clock = Clock()
    stated: dict[str, Any] = {"locality": Locality.CLOUD, "prices": {"inputPerMTok": "1", "outputPerMTok": "1"}}
    model = OllamaModel("cloud", spec(**stated), key, now=clock)
    await model.chat(ASK)
    clock.at += 10 * LOOK_AGAIN_SECONDS
    await model.chat(ASK)
    assert paths(daemon) == ["/api/show", "/api/chat", "/api/chat"]
