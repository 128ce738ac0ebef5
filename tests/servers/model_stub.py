"""A model provider on loopback that does what a test tells it to, and keeps every request: a ledger that is
independent of our journal.

What it does is told in words of no protocol (Say, Refuse, Cut ...); a Dialect spells them the way one vendor's API
does. It runs in a thread with a loop of its own, so that a client under test may block, be cancelled or be killed.
"""

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web

from aios.tasks.attempt_events import ToolCall, Usage

READY_SECONDS = 20.0


@dataclass(frozen=True)
class Asked:
    """One request as it came; header names in lower case. `peer`: the client's end of the connection."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    peer: object = None


@dataclass(frozen=True)
class Say:
    """A whole answer. `written` replaces the arguments of the tool calls by any text; `counted` False states no
    usage."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=lambda: Usage(input_tokens=11, output_tokens=7))
    stop: str = ""
    written: str | None = None
    counted: bool = True


@dataclass(frozen=True)
class Refuse:
    """An error status instead of an answer. `body` replaces the dialect's own."""

    status: int
    said: str = "no"
    kind: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


@dataclass(frozen=True)
class Cut:
    """The connection is torn after so many frames of `say`; with `half` in the middle of the next frame, with `clean`
    in good order, as if the answer were whole."""

    frames: int = 3
    say: Say = field(default_factory=lambda: Say("one two three four five six"))
    half: bool = False
    clean: bool = False


@dataclass(frozen=True)
class Trouble:
    """An error within the stream, after so many frames."""

    kind: str
    said: str = "trouble"
    frames: int = 3


@dataclass(frozen=True)
class Stall:
    """Silence after so many frames, until the client goes away; None: not even headers."""

    frames: int | None = None


@dataclass(frozen=True)
class Late:
    """The whole answer, after some seconds of silence."""

    seconds: float
    say: Say = field(default_factory=lambda: Say("late"))


@dataclass(frozen=True)
class Huge:
    """A well-formed answer of so many bytes of text; `single`: as one event without an end."""

    size: int
    single: bool = False


@dataclass(frozen=True)
class Plain:
    """Any body of any type, and any status."""

    body: str
    content_type: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Act = Say | Refuse | Cut | Trouble | Stall | Late | Huge | Plain


class Dialect(Protocol):
    """How one vendor's API spells it."""

    name: str
    chat_path: str
    content_type: str

    def frames(self, say: Say, asked: Asked) -> Sequence[bytes]:
        """The stream of an answer."""
        ...

    def endless(self, size: int) -> Iterator[bytes]:
        """One event of more than `size` bytes, in pieces, that never ends."""
        ...

    def refusal(self, refuse: Refuse) -> str:
        """The body of an error."""
        ...

    def trouble(self, trouble: Trouble) -> bytes:
        """An error within a stream."""
        ...

    def aside(self, asked: Asked) -> object | None:
        """The answer to what is no chat, such as a list of models; None: there is no such thing."""
        ...


class ModelStub:
    """Does the acts of `script` one after the other, then `always`."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.script: list[Act] = []
        self.always: Act = Say("ok")
        self.requests: list[Asked] = []
        self.gone = 0
        """Clients that went away before the end of their answer."""
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"stub-{dialect.name}", daemon=True)

    @property
    def chats(self) -> list[Asked]:
        """The requests that a provider would charge for."""
        return [asked for asked in self.requests if asked.path == self.dialect.chat_path and asked.method == "POST"]

    def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        self._thread.start()
        if not self._ready.wait(READY_SECONDS):
            raise TimeoutError("the stub does not start")

    def stop(self) -> None:
        """Tear what is open."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(READY_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        # Cancelled handlers are how a client that went away is noticed while nothing is written.
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._over.wait()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        headers = {name.lower(): value for name, value in request.headers.items()}
        peer = request.transport.get_extra_info("peername") if request.transport else None
        asked = Asked(request.method, request.path, headers, json.loads(text) if text else None, peer)
        self.requests.append(asked)
        if asked.path != self.dialect.chat_path:
            answer = self.dialect.aside(asked)
            if isinstance(answer, Refuse | Plain):
                return await self._act(answer, request, asked)
            return web.json_response(answer, status=200 if answer is not None else 404)
        act = self.script.pop(0) if self.script else self.always
        try:
            return await self._act(act, request, asked)
        except (asyncio.CancelledError, ConnectionResetError):
            self.gone += 1
            raise

    async def _act(self, act: Act, request: web.Request, asked: Asked) -> web.StreamResponse:
        match act:
            case Refuse():
                return self._refusal(act)
            case Plain():
                return web.Response(
                    text=act.body, content_type=act.content_type, status=act.status, headers=dict(act.headers)
                )
            case Late():
                await asyncio.sleep(act.seconds)
                return await self._stream(request, self.dialect.frames(act.say, asked))
            case Stall(frames=None):
                await asyncio.Event().wait()
        response = await self._opened(request)
        for frame in self._until_the_end(act, asked):
            await response.write(frame)
        match act:
            case Stall():
                await asyncio.Event().wait()
            case Cut(clean=False):
                await asyncio.sleep(0.05)  # what was written leaves before the connection is torn
                assert request.transport is not None
                request.transport.abort()
            case _:
                await response.write_eof()
        return response

    def _until_the_end(self, act: Act, asked: Asked) -> Iterator[bytes]:
        """What is streamed of an act."""
        spell = self.dialect.frames
        match act:
            case Say():
                yield from spell(act, asked)
            case Huge(single=True):
                yield from self.dialect.endless(act.size)
            case Huge():
                yield from spell(Say("x" * act.size), asked)
            case Trouble():
                yield from spell(Say("one two three four five six"), asked)[: act.frames]
                yield self.dialect.trouble(act)
            case Stall():
                yield from spell(Say("one two three four five six"), asked)[: act.frames]
            case Cut():
                frames = spell(act.say, asked)
                yield from frames[: act.frames]
                if act.half:
                    yield frames[act.frames][: len(frames[act.frames]) // 2]

    async def _stream(self, request: web.Request, frames: Sequence[bytes]) -> web.StreamResponse:
        response = await self._opened(request)
        for frame in frames:
            await response.write(frame)
        await response.write_eof()
        return response

    async def _opened(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": self.dialect.content_type})
        await response.prepare(request)
        return response

    def _refusal(self, refuse: Refuse) -> web.Response:
        body = self.dialect.refusal(refuse) if refuse.body is None else refuse.body
        return web.Response(
            text=body, status=refuse.status, content_type="application/json", headers=dict(refuse.headers)
        )


@contextmanager
def stub(dialect: Dialect) -> Iterator[ModelStub]:
    """A running stub."""
    server = ModelStub(dialect)
    server.start()
    try:
        yield server
    finally:
        server.stop()
