"""Whatever becomes of the folder or of the thread that reads it: nobody waits for ever, the next call starts anew."""

import asyncio
import errno
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from qdrant_client import QdrantClient

from aios.embedded import qdrant_folder as module
from aios.embedded.file_lock import try_lock
from aios.embedded.knowledge import QdrantKnowledge
from aios.embedded.qdrant_folder import COLLECTION, QdrantFolder
from aios.errors import EnvironmentProblemError, ServiceUnavailableError
from aios.ports.knowledge import Memory
from aios.spec.vocabulary import Privacy
from tests.contract.waiting import eventually

LOOKS = 4 * module.LOOK_SECONDS
"""Seconds in which the thread has looked whether others wait."""


async def _remember(knowledge: QdrantKnowledge, text: str = "text") -> None:
    async with asyncio.timeout(30):
        await knowledge.remember("default", "red", Memory(text, Privacy.PUBLIC, "test"))


async def _found(knowledge: QdrantKnowledge, query: str = "text") -> list[str]:
    async with asyncio.timeout(30):
        found = await knowledge.search("default", "red", Privacy.PUBLIC, query)
    return sorted(one.memory.text for one in found)


async def _close(knowledge: QdrantKnowledge) -> None:
    async with asyncio.timeout(30):
        await knowledge.close()


def _cannot(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.EMFILE, "Too many open files")


async def test_who_cannot_look_whether_others_wait_lets_go_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def others_get_it() -> bool:
        lock = try_lock(tmp_path / "open")
        if lock is not None:
            os.close(lock)
        return lock is not None

    knowledge = QdrantKnowledge(tmp_path)
    await _remember(knowledge, "text 1")
    with monkeypatch.context() as broken:
        broken.setattr(module, "is_locked", _cannot)
        await eventually(others_get_it)
    assert "Too many open files" in caplog.text
    await _remember(knowledge, "text 2")
    assert await _found(knowledge) == ["text 1", "text 2"]
    await _close(knowledge)


async def test_a_folder_that_is_removed_is_begun_anew(tmp_path: Path) -> None:
    folder = tmp_path / "knowledge"
    knowledge = QdrantKnowledge(folder)
    await _remember(knowledge, "text 1")
    shutil.rmtree(folder)
    await asyncio.sleep(LOOKS)
    await _remember(knowledge, "text 2")
    await _close(knowledge)
    again = QdrantKnowledge(folder)
    assert await _found(again) == ["text 2"]
    await _close(again)


async def test_looking_whether_others_wait_fills_no_folder_that_is_being_removed(tmp_path: Path) -> None:
    knowledge = QdrantKnowledge(tmp_path)
    await _remember(knowledge)
    turn = tmp_path / "turn"
    turn.unlink()
    await asyncio.sleep(LOOKS)
    assert not turn.exists()
    await _close(knowledge)


async def test_nothing_is_stored_where_a_folder_was_that_others_have_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "knowledge"
    one, other = QdrantKnowledge(folder), QdrantKnowledge(folder)
    await _remember(one, "text 1")
    shutil.rmtree(folder)
    await _remember(other, "text 2")
    await _remember(one, "text 3")
    assert await _found(other) == ["text 2", "text 3"]
    await _close(one)
    await _close(other)


async def test_a_store_that_does_not_close_properly_ends_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    knowledge = QdrantKnowledge(tmp_path)
    await _remember(knowledge, "text 1")
    close = QdrantClient.close

    def close_badly(client: QdrantClient) -> None:
        close(client)
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(QdrantClient, "close", close_badly)
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.0)
    await eventually(lambda: asyncio.sleep(0, "not closed properly" in caplog.text))
    await _remember(knowledge, "text 2")
    assert await _found(knowledge) == ["text 1", "text 2"]
    await _close(knowledge)


@pytest.fixture
def defects(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What threads ended of, which is told on stderr otherwise."""
    found: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: found.append(str(told.exc_value)))
    return found


async def _ended() -> None:
    for thread in threading.enumerate():
        if thread.name == "qdrant":
            await asyncio.to_thread(thread.join, 30)


async def test_whoever_waits_for_a_thread_that_ends_of_a_defect_is_told_and_the_next_call_starts_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defects: list[str]
) -> None:
    folder, may_go_on = QdrantFolder(tmp_path), threading.Event()
    with monkeypatch.context() as broken:
        broken.setattr(folder, "_perhaps_hand_over", _cannot)
        calls = [asyncio.create_task(folder.run(lambda _: may_go_on.wait(30))) for _ in range(3)]
        await asyncio.sleep(0)
        may_go_on.set()
        async with asyncio.timeout(30):
            first, *others = await asyncio.gather(*calls, return_exceptions=True)
        await _ended()
    assert first is True
    assert [type(other) for other in others] == [ServiceUnavailableError] * 2
    assert defects == ["[Errno 24] Too many open files"]
    async with asyncio.timeout(30):
        assert await folder.run(lambda client: client.collection_exists(COLLECTION))
        await folder.close()


async def test_closing_does_not_wait_for_a_thread_that_ended_of_a_defect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defects: list[str]
) -> None:
    folder = QdrantFolder(tmp_path)
    monkeypatch.setattr(folder, "_perhaps_hand_over", _cannot)
    async with asyncio.timeout(30):
        await folder.run(lambda _: None)
        await folder.close()
    await _ended()
    assert len(defects) == 1


def _empty_list(store: Path) -> None:
    (store / "meta.json").write_text("")


def _other_list(store: Path) -> None:
    (store / "meta.json").write_text('{"collections": {}, "aliases": {}}')


def _bad_page(store: Path) -> None:
    file = store / "collection" / COLLECTION / "storage.sqlite"
    file.write_bytes(file.read_bytes()[:4096] + b"\xff" * (file.stat().st_size - 4096))


def _bad_point(store: Path) -> None:
    with sqlite3.connect(store / "collection" / COLLECTION / "storage.sqlite") as sqlite:
        sqlite.execute("UPDATE points SET point = ?", (b"no pickle",))
    sqlite.close()


@pytest.mark.parametrize("damage", [_empty_list, _other_list, _bad_page, _bad_point])
async def test_a_damaged_store_is_named_with_what_to_do(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    folder = tmp_path / "knowledge"
    before = QdrantKnowledge(folder)
    await _remember(before)
    await _close(before)
    damage(folder / "store")
    knowledge = QdrantKnowledge(folder)
    for call in (_found, _remember):
        with pytest.raises(EnvironmentProblemError, match=rf"{folder}/store, is damaged .*restore it .* or remove it"):
            await call(knowledge)
    shutil.rmtree(folder / "store")
    await _remember(knowledge)
    assert await _found(knowledge) == ["text"]
    await _close(knowledge)


async def test_a_folder_that_cannot_be_opened_now_is_a_service_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowledge = QdrantKnowledge(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(module, "wait_for_lock", _cannot)
        with pytest.raises(ServiceUnavailableError, match="Too many open files"):
            await _remember(knowledge)
    await _remember(knowledge)
    await _close(knowledge)
