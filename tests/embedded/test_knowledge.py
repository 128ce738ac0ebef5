"""What only the shared folder does: handing over, and surviving its own first moments."""

import asyncio
from pathlib import Path

from aios.embedded.file_lock import try_lock
from aios.embedded.knowledge import QdrantKnowledge
from aios.ports.knowledge import Memory
from aios.spec.vocabulary import Privacy


def _memory(text: str) -> Memory:
    return Memory(text, Privacy.PUBLIC, "test")


async def test_folder_is_handed_to_whoever_waits(tmp_path: Path) -> None:
    one, other = QdrantKnowledge(tmp_path), QdrantKnowledge(tmp_path)
    async with asyncio.timeout(60):
        for number in range(3):
            await one.remember("default", "red", _memory(f"one {number}"))
            await other.remember("default", "red", _memory(f"other {number}"))
        assert len(await one.search("default", "red", Privacy.PUBLIC, "one other", limit=10)) == 6
    await one.close()
    await other.close()


async def test_folder_stays_open_for_the_next_call_and_is_free_after_close(tmp_path: Path) -> None:
    knowledge = QdrantKnowledge(tmp_path)
    await knowledge.remember("default", "red", _memory("text"))
    assert try_lock(tmp_path / "open") is None
    await knowledge.close()
    assert try_lock(tmp_path / "open") is not None


async def test_what_a_kill_left_of_the_first_moment_is_no_obstacle(tmp_path: Path) -> None:
    half = tmp_path / "new-0123"
    half.mkdir()
    (half / "meta.json").write_text('{"collec')
    knowledge = QdrantKnowledge(tmp_path)
    assert list(await knowledge.search("default", "red", Privacy.PUBLIC, "text")) == []
    await knowledge.remember("default", "red", _memory("text"))
    assert len(await knowledge.search("default", "red", Privacy.PUBLIC, "text")) == 1
    await knowledge.close()
    assert not half.exists()


async def test_memories_outlive_the_client(tmp_path: Path) -> None:
    for number in range(2):
        knowledge = QdrantKnowledge(tmp_path)
        await knowledge.remember("default", "red", _memory(f"text {number}"))
        found = await knowledge.search("default", "red", Privacy.PUBLIC, "text")
        assert len(found) == number + 1
        await knowledge.close()
