"""Each provider that speaks HTTP, with a stub that it talks to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import pytest

from aios.adapters.anthropic.model import AnthropicModel
from aios.adapters.openai_compatible.model import OpenAICompatibleModel
from aios.errors import ModelCallError
from aios.ports.chat_model import ChatMessage, ChatModel, ChatRequest, Role, ToolSpec
from aios.spec.base import SecretKeyRef
from aios.spec.model import ModelSpec, Prices
from aios.spec.vocabulary import Locality, Provider
from aios.tasks.attempt_events import ToolCall
from tests.servers.anthropic_dialect import AnthropicDialect
from tests.servers.model_stub import Act, Dialect, ModelStub, stub
from tests.servers.openai_dialect import OpenAIDialect

KEY = "sk-secret-0123456789"
CALL = ToolCall(id="call_1", name="write_file", args={"path": "a.txt"})
NAMES = ("anthropic", "openai")
WRITE = ToolSpec(
    "write_file",
    "Write a file.",
    {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"], "additionalProperties": False},
)
ASK = ChatRequest((ChatMessage(Role.SYSTEM, "You."), ChatMessage(Role.USER, "Do it.")), key="default/p/r/t/1/0/1")
WITH_TOOLS = ChatRequest(ASK.messages, (WRITE,), key=ASK.key)


class Client(ChatModel, Protocol):
    """A model that is closed after the test."""

    async def close(self) -> None: ...


async def key() -> str:
    return KEY


async def no_key() -> str:
    return ""


@dataclass
class ProviderUnderTest:
    """A stub and how to make clients of it."""

    name: str
    stub: ModelStub

    def spec(self, **more: object) -> ModelSpec:
        stated: dict[str, object] = {
            "provider": Provider.ANTHROPIC if self.name == "anthropic" else Provider.OPENAI_COMPATIBLE,
            "model": "claude-test-1" if self.name == "anthropic" else "local-test-1",
            "endpoint": self.stub.url,
            "locality": Locality.CLOUD,
            "prices": Prices(input_per_m_tok="3.00", output_per_m_tok="15.00"),
            "call_timeout": "30s",
            "credentials_secret_ref": SecretKeyRef(name="vendor", key="api-key"),
        }
        return ModelSpec.model_validate({**stated, **more})

    def client(
        self, spec: ModelSpec | None = None, *, idle: float = 20.0, api_key: Callable[..., object] = key
    ) -> Client:
        kind: Callable[..., Client] = AnthropicModel if self.name == "anthropic" else OpenAICompatibleModel
        return kind("strong", spec or self.spec(), api_key, idle=idle)


@contextmanager
def provider_under_test(name: str) -> Iterator[ProviderUnderTest]:
    dialect: Dialect = AnthropicDialect() if name == "anthropic" else OpenAIDialect()
    with stub(dialect) as server:
        yield ProviderUnderTest(name, server)


async def failure(model: Client, provider: ProviderUnderTest, act: Act) -> ModelCallError:
    """What a call says of `act`; it is asked once and never again, and the key is in no message."""
    provider.stub.script = [act]
    with pytest.raises(ModelCallError) as caught:
        await model.chat(WITH_TOOLS)
    assert len(provider.stub.chats) == 1
    assert KEY not in str(caught.value)
    assert "strong" in str(caught.value)
    return caught.value
