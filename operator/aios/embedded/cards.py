"""Small files of a state folder that are replaced at once: neither a reader nor a crash ever sees half of one."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from aios.errors import DiskFullError, EnvironmentProblemError, disk_of

_BEFORE, _AFTER = ".aios-", ".tmp"


def write_card(path: Path, text: str) -> None:
    """The whole text, on disk when this returns. Raises EnvironmentProblemError when there is no room."""
    with room(path), _aside(path.parent) as aside:
        aside.write(text)
        aside.flush()
        os.fsync(aside.fileno())
        Path(aside.name).replace(path)


def is_unfinished(name: str) -> bool:
    """Whether a file of this name is a card that a crash kept from its place."""
    return name.startswith(_BEFORE) and name.endswith(_AFTER)


@contextlib.contextmanager
def _aside(folder: Path) -> Iterator[IO[str]]:
    with tempfile.NamedTemporaryFile(
        "w", dir=folder, prefix=_BEFORE, suffix=_AFTER, delete=False, encoding="utf-8"
    ) as file:
        try:
            yield file
        except OSError:
            Path(file.name).unlink()
            raise


@contextlib.contextmanager
def room(path: Path) -> Iterator[None]:
    """Around what is written at `path` before anything runs that could wait for room. Raises EnvironmentProblemError
    when there is none."""
    try:
        with disk_of(path):
            yield
    except DiskFullError as error:
        raise EnvironmentProblemError(str(error)) from error
