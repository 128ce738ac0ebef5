"""AnthropicModel: ChatModel over the vendor's own library, which is given no leave to retry, redirect or read the
environment."""

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aios.adapters.anthropic.reply import Answer
from aios.adapters.anthropic.request import to_body, to_counted
from aios.adapters.model_api.call import ApiKey, Call, one_call
from aios.adapters.model_api.client import hush, longest_reply, open_http
from aios.adapters.model_api.counting import UncountedNotice, at_most
from aios.adapters.model_api.failures import lost
from aios.adapters.model_api.late_client import LateClient
from aios.adapters.model_api.usable import usable
from aios.adapters.model_api.vendor import Vendor, vendor
from aios.errors import MissingExtraError
from aios.ports.chat_model import ChatRequest
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import seconds
from aios.tasks.attempt_events import Reply

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic, Omit

ENDPOINT = "https://api.anthropic.com"
VARIABLE = "ANTHROPIC_API_KEY"
IDLE_SECONDS = 180.0
"""The API sends pings while it thinks: silence for so long is a dead connection."""


class AnthropicModel:
    """ChatModel; also counts tokens. For one event loop; connects with the first call."""

    def __init__(self, name: str, spec: ModelSpec, api_key: ApiKey, *, idle: float = IDLE_SECONDS) -> None:
        """Raises MissingExtraError when the library is not installed."""
        if importlib.util.find_spec("anthropic") is None:
            raise MissingExtraError("models", "the provider Anthropic")
        self._spec, self._api_key = spec, api_key
        self._vendor = anthropic_vendor(name, spec)
        self._uncounted = UncountedNotice(self._vendor)
        self._client = LateClient(lambda: open_client(self._vendor, spec, idle))

    async def chat(self, request: ChatRequest) -> Reply:
        """See ChatModel. Raises ModelCallError."""
        async with one_call(self._vendor, self._api_key, seconds=seconds(self._spec.call_timeout)) as call:
            answer = await self._stream(call, request)
            if not answer.ended:
                raise lost(self._vendor, answer.broken or "the stream ended before the answer did")
        self._uncounted.tell_unless(answer.counted)
        reply = answer.reply(self._vendor.asked, at_most=lambda: at_most(request))
        return usable(self._vendor, request, reply, declined=answer.declined, cut=answer.cut, odd=answer.odd)

    async def count_tokens(self, request: ChatRequest) -> int:
        """Input tokens of `request` as the provider counts them; free of charge. Raises ModelCallError."""
        async with one_call(self._vendor, self._api_key, seconds=seconds(self._spec.call_timeout)) as call:
            client = await self._client.get()
            counted = await client.post(
                "/v1/messages/count_tokens",
                body=to_counted(request, self._vendor.asked),
                cast_to=object,
                options={"headers": sent_headers(client, call.key, call.headers(""))},
            )
            tokens = counted.get("input_tokens") if isinstance(counted, Mapping) else None
            if not isinstance(tokens, int):
                raise ValueError(f"no count of tokens in {type(counted).__name__}")
            return tokens

    async def close(self) -> None:
        """End the connections."""
        await self._client.close()

    async def _stream(self, call: Call, request: ChatRequest) -> Answer:
        client = await self._client.get()
        from anthropic import AsyncStream

        # By path instead of `messages.create`: the library's types of events are built without validation, so they
        # promise what another server's events may not hold. Plain objects promise nothing.
        stream = await client.post(
            "/v1/messages",
            body=to_body(request, self._vendor.asked),
            cast_to=object,
            stream=True,
            stream_cls=AsyncStream[object],
            options={"headers": sent_headers(client, call.key, call.headers(request.key))},
        )
        answer = Answer()

        def take(event: object) -> None:
            call.begun = True
            if isinstance(event, Mapping):
                answer.add(event)

        await call.read(stream, answer, take)
        return answer


def anthropic_vendor(name: str, spec: ModelSpec) -> Vendor:
    """Who answers for `spec`. An endpoint may end in /v1: the library adds it by itself."""
    endpoint = (spec.endpoint or ENDPOINT).rstrip("/").removesuffix("/v1")
    return vendor(name, spec, service="Anthropic", endpoint=endpoint, variable=VARIABLE)


def open_client(vendor: Vendor, spec: ModelSpec, idle: float) -> "AsyncAnthropic":
    """The vendor's client without retries. Address and credentials are stated, so that none is looked for in the
    environment; the key comes with each request."""
    from anthropic import AsyncAnthropic

    hush("anthropic")
    longest = seconds(spec.call_timeout)
    http = open_http(vendor.endpoint, idle=idle, longest=longest, limit=longest_reply(spec.max_output_tokens))
    return AsyncAnthropic(
        api_key="comes-with-each-request",
        base_url=vendor.endpoint,
        max_retries=0,
        timeout=http.timeout,
        http_client=http,
    )


def sent_headers(client: "AsyncAnthropic", key: str, headers: Mapping[str, str]) -> "dict[str, str | Omit]":
    """Headers of one request. In which of the two headers the API takes the key is the library's knowledge, it has
    changed before; whatever the environment puts into either is overruled."""
    from anthropic import Omit

    authorized = client.with_options(api_key=key).auth_headers if key else {}
    return {"Authorization": Omit(), "X-Api-Key": Omit(), **headers, **authorized}
