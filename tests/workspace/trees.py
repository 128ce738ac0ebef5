"""Folders as commands leave them."""

import os
from pathlib import Path


def nested(folder: Path, levels: int, name: str = "d") -> Path:
    """Make `levels` folders in each other below `folder`, with a file in the last; made by no path but step by step."""
    folder.mkdir(parents=True, exist_ok=True)
    here = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    return folder


def lock(folder: Path, mode: int) -> None:
    """What `chmod -R MODE` does to the folders; the innermost first, as long as they can be reached."""
    for place, _, _ in os.walk(folder, topdown=False):
        Path(place).chmod(mode)
