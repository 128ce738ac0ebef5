"""One loaded model and the thread it computes in. Every replica in the process shares it; calls take turns.

One call at a time has the processor and the whole context to itself: side by side each would be slower, and what one
says could depend, in the last digit, on who else was computing. Nothing is kept from call to call for that reason too.
"""

import asyncio
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from aios.errors import MissingExtraError, ModelCallError

BATCH = 256
"""Tokens of the prompt that are read between two looks at whether anybody still waits for the answer."""
SILENT = -1

Event = Mapping[str, Any]


class Cancelled(Exception):  # noqa: N818 - no failure: nobody waits any more
    """Nobody waits for this call any more; it ended before its answer did."""


class Engine:
    """A GGUF file in memory. Loaded with the first call, for as long as the process lives."""

    def __init__(self, path: Path, context: int) -> None:
        self._path, self._context = path, context
        self._turns = ThreadPoolExecutor(max_workers=1, thread_name_prefix="llama-cpp")
        self._server: Any = None

    async def ask(self, body: Mapping[str, object], *, seconds: float) -> list[Event]:
        """llama.cpp's answer to an OpenAI chat completion request, as its stream of events.

        `seconds` count from when its turn comes, loading not included. Raises ModelCallError. Cancelling ends the
        computation at the next token, or after at most `BATCH` tokens of a prompt.
        """
        gone = threading.Event()
        turn = self._turns.submit(self._take_turn, body, seconds, gone)
        try:
            return await asyncio.wrap_future(turn)
        finally:
            gone.set()

    @property
    def listens_at(self) -> str:
        """Where the library serves HTTP; empty before the first call."""
        return str(self._server.listening_address) if self._server else ""

    def _take_turn(self, body: Mapping[str, object], seconds: float, gone: threading.Event) -> list[Event]:
        if gone.is_set():
            raise Cancelled
        if self._server is None:
            self._server = _load(self._path, self._context)
        deadline = time.monotonic() + seconds
        events: list[Event] = []

        def heard(event: Event) -> bool:
            """Returns whether to stop."""
            events.append(event)
            return gone.is_set() or time.monotonic() > deadline

        try:
            self._server.handle_chat_completions(_streamed(body), heard)
        except (ValueError, RuntimeError) as error:
            raise ModelCallError(f"llama.cpp refuses the request: {error}", transient=False) from error
        if gone.is_set():
            raise Cancelled
        if time.monotonic() > deadline and not _finished(events):
            raise ModelCallError(
                f"{self._path.name} did not finish within {seconds:g} s: raise spec.callTimeout, lower "
                "spec.maxOutputTokens or take a smaller model",
                transient=True,
            )
        return events


@cache
def engine(path: Path, context: int) -> Engine:
    """The one engine of this process for a file and a context size. Its memory is given back with the process, because
    letting go of a server of llama.cpp's that has not answered anything yet hangs now and then."""
    return Engine(path, context)


def _streamed(body: Mapping[str, object]) -> dict[str, object]:
    """Only a stream can be stopped; progress events make reading a long prompt stoppable too."""
    stream = {"stream": True, "stream_options": {"include_usage": True}, "return_progress": True}
    return {**body, **stream, "cache_prompt": False}


def _finished(events: list[Event]) -> bool:
    return any("usage" in event or "error" in event for event in events[-2:])


def _load(path: Path, context: int) -> Any:
    try:
        import xllamacpp  # type: ignore[import-untyped]  # a compiled module without stubs
    except ImportError as error:
        raise MissingExtraError("local", "the provider LlamaCpp") from error
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx, params.n_parallel, params.n_batch = context, 1, BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = _threads()
    params.warmup, params.verbosity, params.cache_ram_mib = False, SILENT, 0
    # The library serves HTTP on a loopback port whether one wants it or not: nobody knows the key to this one.
    params.api_keys = [secrets.token_hex(32)]
    params.offline, params.endpoint_slots, params.endpoint_props = True, False, False
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise ModelCallError(f"llama.cpp cannot load {path}: {error}", transient=False) from error


def _threads() -> int:
    """Half the processors we may use: llama.cpp's threads wait for each other by spinning, and one that has to share
    its processor holds up all (2 threads on 2 busy processors: 3 tokens/s, 1 thread: 69)."""
    available: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    processors = len(available(0)) if available else os.cpu_count() or 1
    return max(1, processors // 2)
