"""Following edits: everything that may change what is loaded is noticed, and nothing else wakes anybody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

from aios.reconcile.watch import edits, folders_to_watch, is_ours

QUIET = 1.5
"""Longer than the watch waits for more of the same."""


async def next_edit(found: AsyncIterator[None], wait: float = 20.0) -> bool:
    """Whether one was noticed within `wait` seconds."""
    try:
        async with asyncio.timeout(wait):
            await anext(found)
    except TimeoutError:
        return False
    return True


def test_only_yaml_that_is_not_hidden_is_ours() -> None:
    assert [is_ours(Path(name)) for name in ("a.yaml", "a.yml", ".a.yaml", "a.txt", "a.yaml~")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_a_file_is_watched_through_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    file.touch()
    assert folders_to_watch([file, tmp_path]) == (tmp_path,)


async def test_the_first_item_comes_without_an_edit_so_that_none_is_missed_before(tmp_path: Path) -> None:
    async with aclosing(edits([tmp_path])) as found:
        assert await next_edit(found)


async def test_new_changed_and_removed_files_are_noticed(tmp_path: Path) -> None:
    file = tmp_path / "below" / "team.yaml"
    file.parent.mkdir()
    async with aclosing(edits([tmp_path])) as found:
        assert await next_edit(found)
        file.write_text("a: 1\n", encoding="utf-8")
        assert await next_edit(found)
        file.write_text("a: 2\n", encoding="utf-8")
        assert await next_edit(found)
        file.unlink()
        assert await next_edit(found)


async def test_a_file_replaced_by_an_editor_is_still_followed_and_its_neighbours_are_not(tmp_path: Path) -> None:
    file, other = tmp_path / "team.yaml", tmp_path / "other.yaml"
    file.write_text("a: 1\n", encoding="utf-8")
    async with aclosing(edits([file])) as found:
        assert await next_edit(found)
        for number in range(2):
            (tmp_path / "swap.tmp").write_text(f"a: {number}\n", encoding="utf-8")
            (tmp_path / "swap.tmp").replace(file)
            assert await next_edit(found)
        other.write_text("b: 1\n", encoding="utf-8")
        assert not await next_edit(found, QUIET)
