"""ChatModel: messages and tools in, one reply with its usage out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from aios.tasks.attempt_events import Reply, ToolCall


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn. `tool_calls` and what its reply held of `thinking` only from the assistant; `call_id` only on a tool's
    answer."""

    role: Role
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
    thinking: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model is told of it; `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is asked. `key` names the call (run/task/attempt/step/number); `labels` say who asks about what."""

    messages: tuple[ChatMessage, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_output_tokens: int = 4096
    key: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


class ChatModel(Protocol):
    """A provider's model. One call is one request on the wire: no hidden retries, because each may be charged."""

    async def chat(self, request: ChatRequest) -> Reply:
        """Raises ModelCallError with `transient` saying whether the same request may succeed later.
        Cancelling the task that awaits it closes the connection."""
        ...
