"""A lock dies with its holder, and looking at one changes nothing."""

import os
from pathlib import Path

from aios.embedded.file_lock import is_locked, try_lock


def test_a_lock_is_seen_while_it_is_held_alone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    held = try_lock(path)
    assert held is not None
    assert is_locked(path)
    os.close(held)
    assert not is_locked(path)


def test_a_lock_that_is_shared_is_nobodys_alone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    held = try_lock(path, shared=True)
    assert held is not None
    assert not is_locked(path)
    assert try_lock(path) is None
    os.close(held)


def test_looking_makes_no_file_and_hinders_nobody_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    assert not path.exists()
    held = try_lock(path)
    assert held is not None
    os.close(held)
