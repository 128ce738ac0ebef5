"""`aios workspace cat`: what a model wrote is passed on whole, and steers no terminal."""

import asyncio
import contextlib
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aios.embedded.state_folder import StateFolder
from aios.naming import bucket_name, workspace_prefix
from aios.wiring.ports import open_ports
from aios.workspace.head import CommitIntent
from aios.workspace.store import Workspace
from tests.cli.console import command, environment

HOSTILE = b"a\x1b]52;c;aGk=\x07\x1b[2J\tb\n"


async def _committed(state: StateFolder, scratch: Path) -> None:
    state.open()
    ports = open_ports(state)
    try:
        await ports.bucket_admin.ensure_bucket(bucket_name("default"))
        workspace = Workspace(ports.objects(bucket_name("default")), workspace_prefix("default", "p"))
        head = await workspace.head()
        base = await workspace.manifest(head.manifest)
        await workspace.checkout(base, scratch)
        (scratch / "notes.txt").write_bytes(HOSTILE)
        mine = await workspace.snapshot(scratch, base=base)
        await workspace.commit(CommitIntent("c", "k", head.manifest, mine.digest, "dev", "notes"))
    finally:
        await ports.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    asyncio.run(_committed(StateFolder(tmp_path / ".aios"), tmp_path / "scratch"))
    return tmp_path


def test_a_file_is_passed_on_byte_for_byte(folder: Path) -> None:
    words = command("workspace", "cat", "p", "notes.txt")
    assert subprocess.run(words, cwd=folder, env=environment(), capture_output=True, check=True).stdout == HOSTILE


def test_on_a_terminal_a_file_steers_nothing(folder: Path) -> None:
    ours, theirs = pty.openpty()
    words = command("workspace", "cat", "p", "notes.txt")
    subprocess.run(words, cwd=folder, env=environment(), stdout=theirs, stderr=subprocess.DEVNULL, check=True)
    os.close(theirs)
    shown = b"".join(everything(ours))
    os.close(ours)
    assert not set(shown) & {0x1B, 0x07}
    assert rb"a\x1b]52;c;aGk=\x07\x1b[2J" in shown


def everything(terminal: int) -> Iterator[bytes]:
    """What was written to it, piece by piece, once nobody has its other end: then Linux answers EIO."""
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 4_096):
            yield piece
