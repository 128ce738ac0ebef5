"""OllamaModel: ChatModel over an Ollama daemon."""

import asyncio
from contextlib import aclosing
from typing import Any

from aios.adapters.model_api.counting import at_most
from aios.adapters.ollama.connection import ApiKey, connected
from aios.adapters.ollama.failures import told
from aios.adapters.ollama.pulling import is_there, pull
from aios.adapters.ollama.reply import assemble, check_whole_prompt
from aios.adapters.ollama.request import size, to_chat, window
from aios.errors import MissingExtraError, ModelCallError
from aios.naming import digest
from aios.ports.chat_model import ChatRequest
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import seconds
from aios.tasks.attempt_events import Reply


class OllamaModel:
    """ChatModel. Before its first call it looks whether the daemon has the model, and pulls it if not."""

    def __init__(self, name: str, spec: ModelSpec, api_key: ApiKey) -> None:
        """`api_key` is asked at every call; an empty key is not sent."""
        self._name, self._spec, self._api_key = name, spec, api_key
        self._there = False

    async def chat(self, request: ChatRequest) -> Reply:
        """See ChatModel. The bound on a call does not count the time of a pull, which has its own."""
        key = await self._api_key()
        arguments = to_chat(request, self._spec)
        try:
            await self._get(key)
            return await self._ask(request, arguments, key)
        except MissingExtraError as error:
            raise ModelCallError(f"model {self._name}: {error}", transient=False) from error

    async def close(self) -> None:
        """Nothing to close: a connection lives as long as its call."""

    async def _get(self, key: str) -> None:
        if not self._there:
            if not await is_there(self._spec, key):
                await pull(self._spec, key)
            self._there = True

    async def _ask(self, request: ChatRequest, arguments: dict[str, Any], key: str) -> Reply:
        limit = seconds(self._spec.call_timeout)
        try:
            async with asyncio.timeout(limit):
                reply = await self._send(request, arguments, key)
        except TimeoutError as error:
            raise ModelCallError(
                f"Ollama did not answer within {limit:g} s (spec.callTimeout of model {self._name})",
                transient=True,
                maybe_charged=True,
            ) from error
        check_whole_prompt(reply, size=size(request), window=window(self._spec))
        return self._counted(reply, request)

    def _counted(self, reply: Reply, request: ChatRequest) -> Reply:
        """Where tokens cost money none may be left out, as older versions do with what their cache held."""
        usage = reply.usage
        if self._spec.prices is None or (usage.input_tokens and usage.output_tokens):
            return reply
        most = at_most(request, reply.text + "".join(call.model_dump_json() for call in reply.tool_calls))
        counts = {"input_tokens": usage.input_tokens or most.input_tokens}
        counts["output_tokens"] = usage.output_tokens or most.output_tokens
        return reply.model_copy(update={"usage": usage.model_copy(update=counts)})

    async def _send(self, request: ChatRequest, arguments: dict[str, Any], key: str) -> Reply:
        call_key = digest(request.key)
        async with connected(self._spec, key, call_key=call_key) as connection:
            with told(self._spec, connection, "a call"):
                parts: Any = await connection.client.chat(**arguments)
                async with aclosing(parts) as stream:
                    return await assemble(stream, model=self._spec.model or "", tools=bool(request.tools))
