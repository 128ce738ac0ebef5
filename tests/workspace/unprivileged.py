"""Work in a process that modes bind: root, who runs the tests in containers, may read and enter everything."""

import concurrent.futures.thread  # noqa: F401 - asyncio loads it late, when nobody may read our Python any more
import multiprocessing
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from aios.workspace.removal import remove

NOBODY = 65534


def unprivileged(work: Callable[[Path], None]) -> None:
    """Call `work`, a module's function, with a folder of its own that is empty. Raises what it raises."""
    place = Path(tempfile.mkdtemp(prefix="aios-unprivileged-"))
    try:
        if os.getuid() == 0:
            os.chown(place, NOBODY, NOBODY)
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            process.submit(_bound, work, place).result(timeout=60)
    finally:
        remove(place)


def _bound(work: Callable[[Path], None], place: Path) -> None:
    """Rights are given up here and not sooner: by now `work` is imported."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    work(place)
