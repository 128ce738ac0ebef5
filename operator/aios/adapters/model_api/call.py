"""One call: bounded in time, and whatever ends it is told as a ModelCallError.

The vendors' libraries come out of one generator: their errors carry the same attributes (`status_code`, `response`,
`body`) and wrap the HTTP client's, so they are read here without importing either.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from aios.adapters.model_api import failures
from aios.adapters.model_api.client import CALL_KEY, RedirectedError, TooLongError
from aios.adapters.model_api.vendor import Vendor
from aios.errors import ModelCallError, ServiceUnavailableError
from aios.naming import digest

logger = logging.getLogger(__name__)

ApiKey = Callable[[], Awaitable[str]]
NO_EVENTS = ("text/html", "application/json")
REST_SECONDS = 5.0
"""How long the count of its tokens is waited for once an answer is whole."""
END_SECONDS = 1.0
"""How long the end of the stream is waited for when nothing else can come: a connection that was read to its end serves
the next call, another is thrown away."""


class Stream(Protocol):
    """What a vendor's library makes of a stream of events; `response`: the HTTP client's."""

    response: Any

    async def __aenter__(self) -> object: ...

    async def __aexit__(self, kind: Any, error: Any, trace: Any, /) -> None: ...

    def __aiter__(self) -> AsyncIterator[object]: ...


class Answer(Protocol):
    """What has come of a reply. `ended`: it is whole; `over`: nothing can follow that is needed; `broken`: why the
    server gave it up, "" when it did not."""

    @property
    def ended(self) -> bool: ...

    @property
    def over(self) -> bool: ...

    @property
    def broken(self) -> str: ...


@dataclass
class Call:
    """One request and what is known of its answer."""

    vendor: Vendor
    key: str = field(repr=False)
    deadline: asyncio.Timeout
    begun: bool = False
    """Something of the answer has come."""

    def headers(self, call_key: str) -> dict[str, str]:
        """The opaque key of the call: the same for the same try, so that a proxy can tell a duplicate; it names nothing
        of the project."""
        return {CALL_KEY: digest(call_key)} if call_key else {}

    def expect_events(self, content_type: str) -> None:
        """Raises ModelCallError when the answer is of another kind than a stream of events."""
        kind = content_type.partition(";")[0].strip().lower()
        if kind in NO_EVENTS:
            raise failures.no_stream(self.vendor, kind)

    async def read(self, stream: Stream, answer: Answer, take: Callable[[object], None]) -> None:
        """Give every event to `take`, until the answer is over. Raises ModelCallError when it is no stream of events.

        An answer that is whole stands, whatever becomes of the connection or of the time that the call may take: asking
        again would be paid again. So its rest is waited for a moment only, and fails quietly.
        """
        try:
            async with stream, asyncio.timeout(None) as rest:
                self.expect_events(stream.response.headers.get("content-type", ""))
                over = False
                async for event in stream:
                    if over:
                        continue
                    take(event)
                    if answer.broken:
                        break  # the server has said so: nothing that follows is waited for
                    over = answer.over
                    if over:
                        self._leave(END_SECONDS, rest)
                    elif answer.ended and rest.when() is None:
                        self._leave(REST_SECONDS, rest)
        except Exception as error:
            if not answer.ended:
                raise
            logger.debug("%s: the answer is whole, what followed it is not: %s", self.vendor, type(error).__name__)

    def _leave(self, seconds: float, rest: asyncio.Timeout) -> None:
        until = asyncio.get_running_loop().time() + seconds
        rest.reschedule(until)
        # The call's own deadline would throw the answer away.
        self.deadline.reschedule(max(self.deadline.when() or 0.0, until + REST_SECONDS))


@asynccontextmanager
async def one_call(vendor: Vendor, api_key: ApiKey, *, seconds: float) -> AsyncIterator[Call]:
    """The place for one request. Raises ModelCallError for everything the provider or the way to it did wrong; what is
    not of that kind is a defect and travels as it is."""
    key = await _key(vendor, api_key)
    call = Call(vendor, key, asyncio.timeout(seconds))
    try:
        async with call.deadline:
            yield call
    except TimeoutError as error:
        raise failures.out_of_time(
            vendor, f"no whole answer within {seconds:g} s (spec.callTimeout); raise it or ask for less"
        ) from error
    except ModelCallError as error:
        told = _without(call.key, error)
        if told is error:
            raise
        raise told from None
    except Exception as error:
        read = _told(error, call)
        if read is None:
            raise
        # The cause may quote headers: it is not shown beside our message.
        raise _without(call.key, read) from None


async def _key(vendor: Vendor, api_key: ApiKey) -> str:
    try:
        key = await api_key()
    except ServiceUnavailableError as error:
        raise ModelCallError(f"{vendor}: its key cannot be looked up: {error}", transient=True) from error
    if key and not (key.isascii() and key.isprintable()):
        raise failures.unusable_key(vendor)
    return key


def _told(error: Exception, call: Call) -> ModelCallError | None:
    vendor, causes = call.vendor, list(_causes(error))
    for cause in causes:
        if isinstance(cause, TooLongError):
            return failures.too_long(vendor, cause.limit)
        if isinstance(cause, RedirectedError):
            return failures.redirected(vendor, cause.status, cause.target)
    return _answered(error, call) or _not_answered(causes, call)


def _answered(error: Exception, call: Call) -> ModelCallError | None:
    status, response, body = (getattr(error, name, None) for name in ("status_code", "response", "body"))
    if isinstance(status, int) and status >= 400 and response is not None:
        headers = {name.lower(): value for name, value in response.headers.items()}
        return failures.refused(call.vendor, status, body, headers)
    return failures.broke_off(call.vendor, body, begun=call.begun) if body is not None else None


def _not_answered(causes: list[BaseException], call: Call) -> ModelCallError | None:
    import anyio
    import httpx2

    unsent = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
    vendor = call.vendor
    for cause in causes:
        said = str(cause) or type(cause).__name__
        if isinstance(cause, unsent):
            return failures.unreachable(vendor, said)
        if isinstance(cause, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
            return ModelCallError(f"{vendor}: spec.endpoint is no address: {said}", transient=False)
        if isinstance(cause, httpx2.ReadTimeout):
            when = "its answer came to a standstill" if call.begun else "not a byte of an answer came in time"
            return failures.out_of_time(vendor, when)
        if isinstance(cause, httpx2.HTTPError | httpx2.StreamError | OSError | anyio.EndOfStream):
            return failures.lost(vendor, said)
    # An event that is no JSON: what a connection leaves that ends within it.
    return failures.lost(vendor, "an event is no JSON") if isinstance(causes[0], ValueError) else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__


def _without(key: str, error: ModelCallError) -> ModelCallError:
    if not key or key not in str(error):
        return error
    return ModelCallError(
        str(error).replace(key, "[the key]"),
        transient=error.transient,
        retry_after=error.retry_after,
        maybe_charged=error.maybe_charged,
    )
