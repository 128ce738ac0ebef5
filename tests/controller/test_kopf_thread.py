"""Watching that ends, for whatever reason, begins again; a stop ends it."""

import threading

import pytest

from aios.controller import kopf_thread
from aios.controller.kopf_thread import KopfThread


def made(monkeypatch: pytest.MonkeyPatch, watch: object) -> KopfThread:
    monkeypatch.setattr(kopf_thread, "_watch", watch)
    monkeypatch.setattr(kopf_thread, "_FIRST_PAUSE", 0.005)
    return KopfThread(lambda _: None, lambda _: None)


def test_a_watch_error_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = threading.Semaphore(0)

    def watch(_tell: object, _answered: object, _context: object, _stop: threading.Event) -> None:
        attempts.release()
        raise RuntimeError("Error in the watch-stream: 500")

    thread = made(monkeypatch, watch)
    thread.start()
    try:
        for _ in range(3):
            assert attempts.acquire(timeout=10), "watching did not begin again"
        assert thread.is_alive
        assert thread.restarts >= 2
    finally:
        thread.stop()
    assert not thread.is_alive


def test_a_stop_reaches_the_watch_and_nothing_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def watch(_tell: object, _answered: object, _context: object, stop: threading.Event) -> None:
        begun.set()
        assert stop.wait(10)

    thread = made(monkeypatch, watch)
    thread.start()
    assert begun.wait(10)
    thread.stop()
    assert (thread.is_alive, thread.restarts) == (False, 0)
