"""A model that the daemon does not have is pulled before the call, and not as part of it."""

import logging
from collections.abc import Callable

import pytest

from aios.adapters.ollama import pulling
from aios.adapters.ollama.model import OllamaModel
from aios.errors import ModelCallError
from aios.spec.model import ModelSpec
from tests.adapters.ollama.conftest import key
from tests.adapters.ollama.test_model import ASK
from tests.servers.model_stub import ModelStub, Refuse
from tests.servers.ollama_dialect import PULLED, OllamaDialect, progress

NEW = "gemma4:e4b"


@pytest.fixture
def new(spec: Callable[..., ModelSpec]) -> OllamaModel:
    return OllamaModel("local", spec(model=NEW), key)


def paths(daemon: ModelStub) -> list[str]:
    return [asked.path for asked in daemon.requests]


async def test_an_unknown_model_is_pulled_then_asked(
    new: OllamaModel, daemon: ModelStub, dialect: OllamaDialect, caplog: pytest.LogCaptureFixture
) -> None:
    dialect.library[NEW] = PULLED
    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.INFO):
        patch.setattr(pulling, "TELL_EVERY", 0.0)
        assert (await new.chat(ASK)).text == "ok"
    assert paths(daemon) == ["/api/show", "/api/pull", "/api/show", "/api/chat"]
    assert f"pulling {NEW}: 25 % of 2.0 GB" in caplog.text


async def test_a_model_that_is_there_is_looked_for_once(model: OllamaModel, daemon: ModelStub) -> None:
    await model.chat(ASK)
    await model.chat(ASK)
    assert paths(daemon) == ["/api/show", "/api/chat", "/api/chat"]


async def test_a_name_that_the_library_does_not_have_is_final_and_nothing_is_asked(
    new: OllamaModel, daemon: ModelStub
) -> None:
    with pytest.raises(ModelCallError, match=f"cannot pull {NEW}: .*file does not exist.*spec.model") as caught:
        await new.chat(ASK)
    assert (caught.value.transient, caught.value.maybe_charged) == (False, False)
    assert daemon.chats == []


@pytest.mark.parametrize(
    "said",
    [
        progress({"status": "pulling manifest"}, {"error": "max retries exceeded: connection reset"}),
        progress({"status": "pulling manifest"}),
    ],
)
async def test_a_pull_that_breaks_off_may_succeed_later(
    new: OllamaModel, daemon: ModelStub, dialect: OllamaDialect, said: object
) -> None:
    dialect.library[NEW] = said  # type: ignore[assignment]
    with pytest.raises(ModelCallError, match=f"{NEW}") as caught:
        await new.chat(ASK)
    assert (caught.value.transient, caught.value.maybe_charged) == (True, False)
    dialect.library[NEW] = PULLED
    assert (await new.chat(ASK)).text == "ok"
    assert len(daemon.chats) == 1


async def test_a_model_that_was_removed_meanwhile_is_pulled_by_the_next_try(
    model: OllamaModel, daemon: ModelStub, dialect: OllamaDialect
) -> None:
    dialect.library["qwen3:8b"] = PULLED
    await model.chat(ASK)
    dialect.models.clear()
    daemon.script = [Refuse(404, "model 'qwen3:8b' not found")]
    with pytest.raises(ModelCallError, match="not found") as caught:
        await model.chat(ASK)
    assert (caught.value.transient, caught.value.maybe_charged) == (True, False)
    assert (await model.chat(ASK)).text == "ok"
    assert paths(daemon)[2:] == ["/api/chat", "/api/show", "/api/pull", "/api/show", "/api/chat"]


async def test_a_model_that_needs_a_newer_daemon_is_final(
    new: OllamaModel, daemon: ModelStub, dialect: OllamaDialect
) -> None:
    said = "pull model manifest: 412: The model you are attempting to pull requires a newer version of Ollama."
    dialect.library[NEW] = progress({"status": "pulling manifest"}, {"error": said})
    with pytest.raises(ModelCallError, match=r"requires a newer version.*upgrade Ollama") as caught:
        await new.chat(ASK)
    assert not caught.value.transient
    assert daemon.chats == []
