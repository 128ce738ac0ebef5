"""Watching that ends, for whatever reason, begins again; a stop ends it."""

import threading

import pytest

from aios.controller import kopf_thread
from aios.controller.kopf_thread import KopfThread
from aios.controller.watching import WATCHED, Told


class Deaf:
    """Remembers only what was lost."""

    def __init__(self) -> None:
        self.missed: set[str] = set()

    def told(self, told: Told) -> None:
        pass

    def answered(self, plural: str) -> None:
        pass

    def lost(self, plural: str) -> None:
        self.missed.add(plural)


def made(monkeypatch: pytest.MonkeyPatch, watch: object, listener: Deaf | None = None) -> KopfThread:
    monkeypatch.setattr(kopf_thread, "_watch", watch)
    monkeypatch.setattr(kopf_thread, "_FIRST_PAUSE", 0.005)
    return KopfThread(Deaf() if listener is None else listener)


def test_a_watch_error_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = threading.Semaphore(0)

    def watch(_listener: object, _context: object, _stop: threading.Event) -> None:
        attempts.release()
        raise RuntimeError("Error in the watch-stream: 500")

    listener = Deaf()
    thread = made(monkeypatch, watch, listener)
    thread.start()
    try:
        for _ in range(3):
            assert attempts.acquire(timeout=10), "watching did not begin again"
        assert thread.is_alive
        assert listener.missed == set(WATCHED), "what happened in between was told by nobody"
        assert thread.restarts >= 2
    finally:
        thread.stop()
    assert not thread.is_alive


def test_a_stop_reaches_the_watch_and_nothing_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def watch(_listener: object, _context: object, stop: threading.Event) -> None:
        begun.set()
        assert stop.wait(10)

    thread = made(monkeypatch, watch)
    thread.start()
    assert begun.wait(10)
    thread.stop()
    assert (thread.is_alive, thread.restarts) == (False, 0)
