"""What only folders do: tidy up, and lie open for a person to look at."""

import os
import time
from pathlib import Path

from aios.embedded.object_store import STALE_SECONDS, FolderObjects


async def test_what_a_killed_process_left_aside_is_removed_in_time(tmp_path: Path) -> None:
    aside = tmp_path / "bucket" / "aside"
    aside.mkdir(parents=True)
    old, young = aside / "old", aside / "young"
    for path in (old, young):
        path.write_bytes(b"half")
    long_ago = time.time() - STALE_SECONDS - 10
    os.utime(old, (long_ago, long_ago))
    objects = FolderObjects(tmp_path / "bucket")
    await objects.put("key", b"data")
    await objects.close()
    assert list(aside.iterdir()) == [young]


async def test_object_is_a_file_that_a_person_finds(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path / "bucket")
    await objects.put("workspaces/default/job/HEAD", b"{}")
    await objects.close()
    assert (tmp_path / "bucket/data/workspaces+/default+/job+/HEAD").read_bytes() == b"{}"
