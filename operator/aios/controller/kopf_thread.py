"""Kopf's own thread and event loop, started again when it ends.

`kopf.operator()` cancels every task of its loop when it stops, and it stops at any watch error other than 410: so it
gets a loop of its own, and somebody who starts it again.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable

import kopf

from aios.controller.watching import WATCHED, Listener, build_registry, build_settings

log = logging.getLogger(__name__)
# It warns at each start that it does not handle signals outside of the main thread: as intended.
logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_STABLE_SECONDS = 60.0
"""Having watched this long, the next pause is the first one again."""


class KopfThread:
    """`start` and `stop` from any one thread; it calls back from its own."""

    def __init__(self, listener: Listener, context: str | None = None) -> None:
        self._watch: Callable[[threading.Event], None] = lambda stop: _watch(listener, context, stop)
        self._listener = listener
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)
        self.restarts = 0

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self, wait: float = 10.0) -> None:
        """End watching; returns when the thread has ended, or after `wait` seconds."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(wait)

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs, watching or pausing before it watches again."""
        return self._thread.is_alive()

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                self._watch(self._stop)
            except Exception:
                # Whatever ended it, there is one answer: list and watch again.
                log.warning("watching ended", exc_info=True)
            if self._stop.is_set():
                return
            for plural in WATCHED:
                self._listener.lost(plural)
            pause = _FIRST_PAUSE if time.monotonic() - started > _STABLE_SECONDS else min(pause * 2, _LONGEST_PAUSE)
            self.restarts += 1
            log.warning("watching begins again in %.0f s", pause)
            self._stop.wait(pause)


def _watch(listener: Listener, context: str | None, stop: threading.Event) -> None:
    asyncio.run(
        kopf.operator(
            registry=build_registry(listener, context),
            settings=build_settings(),
            clusterwide=True,
            standalone=True,
            stop_flag=stop,
        )
    )
