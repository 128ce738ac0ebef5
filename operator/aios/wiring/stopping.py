"""How a process that runs for long is told to stop, and that it then ends, whoever does not answer.

SIGINT or SIGTERM once: finish what is in flight. Twice: give everything up. A request to a server that is frozen may
sit in a library's thread for a minute, and the interpreter waits for its threads; so a thread of ours watches, and
ends the process where it stands when its time is over. That loses nothing: what is told was recorded before, and
children die with their parent, as after a kill.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import Thread
from types import FrameType
from typing import Any, Generic, TypeVar

from aios.cancellation import cancelled

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)
AT_ONCE_SECONDS = 1.5
"""What the second signal leaves for giving up in order."""
CLOSE_SECONDS = 3.0
"""What the loop may wait for tasks that go on although they were cancelled."""
GONE_SECONDS = 0.7
"""What the interpreter may wait for threads."""
FLUSH_SECONDS = 0.2
GIVEN_UP = "stopped at once: what was not shown is on record, and the next start goes on from there"
_SHOW_CURSOR = "\x1b[?25h"


class Stoppable(Generic[T]):
    """Runs one piece of work in a loop of its own until it is done or told to stop."""

    def __init__(self, *, code: int, longest: float | None = None, insistent: bool = True) -> None:
        """`code`: the exit code of who was told to stop. `longest`: seconds from the first signal to the end.
        `insistent`: whether a second signal means more than the first."""
        self.told = 0
        self.gave_up = False
        self._code, self._longest, self._insistent = code, longest, insistent
        # Its `put` may be called by a signal handler that interrupts another one.
        self._alarms: SimpleQueue[tuple[float, str]] = SimpleQueue()

    def run(self, work: Callable[[asyncio.Event], Awaitable[T]]) -> T | None:
        """The result of `work(stop)`; None when the second signal ended it. Raises what it raises."""
        Thread(target=self._watch, name="stopping", daemon=True).start()
        runner, threads = asyncio.Runner(), ThreadPoolExecutor(thread_name_prefix="asyncio")
        runner.get_loop().set_default_executor(threads)
        try:
            return runner.run(self._inside(work))
        except asyncio.CancelledError:
            if self.told < 2:
                raise
            self.gave_up = True
            return None
        finally:
            if self.told:
                if self.told == 1:
                    self._alarms.put((CLOSE_SECONDS, GIVEN_UP))
                # The loop's end waits for its threads; those that are stuck are waited for by the interpreter instead,
                # after the last word is said, and no longer than `_watch` lets it.
                threads.shutdown(wait=False)
                runner.get_loop().set_default_executor(ThreadPoolExecutor())
            runner.close()
            self._closed()

    async def _inside(self, work: Callable[[asyncio.Event], Awaitable[T]]) -> T:
        stop, loop, me = asyncio.Event(), asyncio.get_running_loop(), asyncio.current_task()

        def heed() -> None:
            stop.set()
            if self.told > 1 and me is not None:
                me.cancel()

        for number in SIGNALS:
            loop.add_signal_handler(number, heed)
            # The loop is woken all the same; a handler of the interpreter is called even when the loop is busy.
            signal.signal(number, self._tell)
        return await work(stop)

    def _tell(self, _number: int, _frame: FrameType | None) -> None:
        self.told = self.told + 1 if self._insistent else 1
        if self.told == 1 and self._longest is not None:
            self._alarms.put((self._longest, GIVEN_UP))
        elif self.told > 1:
            self._alarms.put((AT_ONCE_SECONDS if self.told == 2 else 0.0, GIVEN_UP))

    def _closed(self) -> None:
        """The loop has ended, and has taken its signal handlers along."""
        if not self.told:
            return
        for number in SIGNALS:
            # The end is bounded by now, and near it the interpreter gives its handlers up: a signal would kill.
            signal.signal(number, signal.SIG_IGN)
        if sys.exc_info()[0] is None or self.gave_up:
            self._alarms.put((GONE_SECONDS, ""))

    def _watch(self) -> None:
        left, words = None, ""
        while True:
            try:
                left, words = self._alarms.get(timeout=left)
            except Empty:
                self._leave(words)

    def _leave(self, words: str) -> None:
        # In a thread: who holds a stream's lock, or does not read the pipe, must not keep us.
        try:
            flushing = Thread(target=_last_line, args=(words,), daemon=True)
            flushing.start()
            flushing.join(FLUSH_SECONDS)
        finally:
            os._exit(self._code)


def _last_line(words: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # a stream that is closed has nobody who reads
        if sys.stderr.isatty():
            sys.stderr.write(_SHOW_CURSOR)
        if words:
            sys.stderr.write(f"{words}\n")
        sys.stderr.flush()
        sys.stdout.flush()


async def before(stop: asyncio.Event, work: Coroutine[Any, Any, None], *, patience: float = 0.0) -> bool:
    """Whether `work` was done before `stop` was set, or within `patience` seconds after; if not, it is given up."""

    async def over() -> None:
        await stop.wait()
        await asyncio.sleep(patience)

    working, stopping = asyncio.create_task(work), asyncio.create_task(over())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        return working.done()
    finally:
        await cancelled(working, stopping)
