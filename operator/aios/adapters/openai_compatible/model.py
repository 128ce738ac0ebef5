"""OpenAICompatibleModel: ChatModel over OpenAI's library, which is given no leave to retry, redirect or read the
environment."""

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aios.adapters.model_api.call import ApiKey, Call, one_call
from aios.adapters.model_api.client import hush, longest_reply, open_http
from aios.adapters.model_api.counting import UncountedNotice, at_most
from aios.adapters.model_api.failures import broke_off, lost, refused_in_part
from aios.adapters.model_api.late_client import LateClient
from aios.adapters.model_api.usable import usable
from aios.adapters.model_api.vendor import Vendor, vendor
from aios.adapters.openai_compatible.reply import Answer
from aios.adapters.openai_compatible.request import first_terms, holds_thinking, to_body, wants_plan
from aios.adapters.openai_compatible.terms import Learnt
from aios.errors import MissingExtraError
from aios.ports.chat_model import ChatRequest
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import seconds
from aios.tasks.attempt_events import Reply

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream, Omit

ENDPOINT = "https://api.openai.com/v1"
VARIABLE = "OPENAI_API_KEY"


class OpenAICompatibleModel:
    """ChatModel. For one event loop; connects with the first call."""

    def __init__(self, name: str, spec: ModelSpec, api_key: ApiKey, *, idle: float | None = None) -> None:
        """`idle`: seconds of silence after which a connection counts as dead. Without it only spec.callTimeout does:
        reasoning models and a busy server of your own are silent for minutes, and this API knows no pings.

        Raises MissingExtraError when the library is not installed.
        """
        if importlib.util.find_spec("openai") is None:
            raise MissingExtraError("models", "the provider OpenAICompatible")
        self._spec, self._api_key = spec, api_key
        self._vendor = openai_vendor(name, spec)
        longest = seconds(spec.call_timeout)
        self._client = LateClient(lambda: open_client(self._vendor, spec, longest if idle is None else idle))
        self._terms = Learnt(first_terms(self._vendor.endpoint))
        self._uncounted = UncountedNotice(self._vendor)

    async def chat(self, request: ChatRequest) -> Reply:
        """See ChatModel. Raises ModelCallError."""
        async with one_call(self._vendor, self._api_key, seconds=seconds(self._spec.call_timeout)) as call:
            answer = await self._stream(call, request)
            if not answer.ended:
                raise lost(self._vendor, answer.broken or "the stream ended before the answer did")
        self._terms.answered(request.key)
        self._uncounted.tell_unless(answer.counted)
        reply = answer.reply(self._vendor.asked, at_most=lambda: at_most(request))
        return usable(self._vendor, request, reply, declined=answer.declined, cut=answer.cut, odd=answer.odd)

    async def close(self) -> None:
        """End the connections."""
        await self._client.close()

    async def _stream(self, call: Call, request: ChatRequest) -> Answer:
        answer = Answer()
        stream = await self._ask(call, request)
        await call.read(stream, answer, lambda chunk: self._take(chunk, answer, call))
        return answer

    def _take(self, chunk: object, answer: Answer, call: Call) -> None:
        if not isinstance(chunk, Mapping):
            return
        if chunk.get("object") == "error":  # older servers; the library knows the newer form, a field `error`
            raise broke_off(self._vendor, chunk, begun=call.begun)
        call.begun = True
        answer.add(chunk)

    async def _ask(self, call: Call, request: ChatRequest) -> "AsyncStream[object]":
        client = await self._client.get()
        from openai import APIStatusError, AsyncStream

        terms = self._terms.of(request.key)
        try:
            # By path instead of `chat.completions.create`: the library's types of chunks are built without validation,
            # so they promise what another server's chunks may not hold. Plain objects promise nothing.
            return await client.post(
                "/chat/completions",
                body=to_body(request, self._vendor.asked, terms),
                cast_to=object,
                stream=True,
                stream_cls=AsyncStream[object],
                options={"headers": sent_headers(call.key, call.headers(request.key))},
            )
        except APIStatusError as error:
            milder = terms.milder(
                error.status_code,
                error.body,
                constrained=terms.schemas and wants_plan(request),
                thoughtful=holds_thinking(request),
            )
            if milder is None:
                raise
            self._terms.refused(request.key, milder)
            raise refused_in_part(self._vendor, error.status_code, error.body) from error


def openai_vendor(name: str, spec: ModelSpec) -> Vendor:
    """Who answers for `spec`. An endpoint without a path means /v1 of it, where all such servers have their API."""
    endpoint = (spec.endpoint or ENDPOINT).rstrip("/")
    if not urlsplit(endpoint).path:
        endpoint += "/v1"
    return vendor(name, spec, service="OpenAI-compatible", endpoint=endpoint, variable=VARIABLE)


def open_client(vendor: Vendor, spec: ModelSpec, idle: float) -> "AsyncOpenAI":
    """The vendor's client without retries. Address and credentials are stated, so that none is looked for in the
    environment; the key comes with each request."""
    from openai import AsyncOpenAI

    hush("openai")
    longest = seconds(spec.call_timeout)
    http = open_http(vendor.endpoint, idle=idle, longest=longest, limit=longest_reply(spec.max_output_tokens))
    return AsyncOpenAI(
        api_key="comes-with-each-request",
        base_url=vendor.endpoint,
        max_retries=0,
        timeout=http.timeout,
        http_client=http,
    )


def sent_headers(key: str, headers: Mapping[str, str]) -> "dict[str, str | Omit]":
    """Headers of one request; without a key there is no Authorization, whatever the environment says."""
    from openai import Omit

    return {**headers, "Authorization": f"Bearer {key}" if key else Omit()}
