"""OllamaModel: ChatModel over an Ollama daemon."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from aios.adapters.model_api.counting import at_most
from aios.adapters.ollama.connection import ApiKey, connected
from aios.adapters.ollama.failures import MissingModelError, told
from aios.adapters.ollama.presence import Presence
from aios.adapters.ollama.reply import Answer, assemble, check_end, check_whole_prompt
from aios.adapters.ollama.request import size, to_body, window
from aios.errors import MissingExtraError, ModelCallError, ServiceUnavailableError
from aios.naming import digest
from aios.ports.chat_model import ChatRequest
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import seconds
from aios.tasks.attempt_events import Reply


class OllamaModel:
    """ChatModel. Before its first call, and now and then, it looks whether the daemon has the model, and pulls it if
    not."""

    def __init__(
        self, name: str, spec: ModelSpec, api_key: ApiKey, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        """`api_key` is asked at every call; an empty key is not sent. `now`: seconds of a monotonic clock."""
        self._name, self._spec, self._api_key = name, spec, api_key
        self._presence = Presence(spec, now=now)

    async def chat(self, request: ChatRequest) -> Reply:
        """See ChatModel. The bound on a call does not count the time of a pull, which has its own."""
        try:
            key = await self._api_key()
        except ServiceUnavailableError as error:
            raise ModelCallError(f"model {self._name}: its key cannot be looked up: {error}", transient=True) from error
        body = to_body(request, self._spec)
        try:
            await self._presence.ensure(key)
            return await self._ask(request, body, key)
        except MissingExtraError as error:
            raise ModelCallError(f"model {self._name}: {error}", transient=False) from error

    async def close(self) -> None:
        """Nothing to close: a connection lives as long as its call."""

    async def _ask(self, request: ChatRequest, body: dict[str, Any], key: str) -> Reply:
        limit = seconds(self._spec.call_timeout)
        try:
            async with asyncio.timeout(limit):
                answer = await self._send(request, body, key)
        except TimeoutError as error:
            raise ModelCallError(
                f"Ollama did not answer within {limit:g} s (spec.callTimeout of model {self._name})",
                transient=True,
                maybe_charged=True,
            ) from error
        except MissingModelError:
            self._presence.lost()
            raise
        reply = self._counted(answer.reply, request)
        check_whole_prompt(reply, read=answer.reply.usage.input_tokens, size=size(request), window=window(self._spec))
        return check_end(reply, cut=answer.cut, tools=bool(request.tools))

    def _counted(self, reply: Reply, request: ChatRequest) -> Reply:
        """Where tokens cost money none may be left out, as older versions do with what their cache held."""
        usage = reply.usage
        if self._spec.prices is None or (usage.input_tokens and usage.output_tokens):
            return reply
        most = at_most(request)
        counts = {"input_tokens": usage.input_tokens or most.input_tokens}
        counts["output_tokens"] = usage.output_tokens or most.output_tokens
        return reply.model_copy(update={"usage": usage.model_copy(update=counts)})

    async def _send(self, request: ChatRequest, body: dict[str, Any], key: str) -> Answer:
        from ollama import ChatResponse

        async with connected(self._spec, key, call_key=digest(request.key)) as connection:
            with told(self._spec, connection, "a call"):
                # By path: the library's `chat` knows neither `truncate` nor `shift`, and leaves out of the tools'
                # schemas what it does not know.
                parts: Any = await connection.client._request(ChatResponse, "POST", "/api/chat", json=body, stream=True)
                async with aclosing(parts) as stream:
                    return await assemble(stream, model=self._spec.model or "")
