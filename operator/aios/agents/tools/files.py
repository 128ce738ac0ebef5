"""Files: look at and change the working copy, path by path."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import Field

from aios.agents.tools.contract import Answer, Arguments, Effect, Moment, Tool
from aios.agents.working_copy import WorkingCopy
from aios.errors import disk_of
from aios.workspace.globs import matches
from aios.workspace.paths import UnsafePathError, locate, safe_path

MAX_LISTED = 500
MAX_CONTENT = 1_000_000

FilePath = Annotated[str, Field(min_length=1, max_length=512, description="Relative to the workspace, such as a/b.py.")]


class ListFiles(Arguments):
    """Arguments of list_files."""

    glob: str = Field(default="**", max_length=256, description="Which files: *.py, tests/**, ** for all.")


class ReadFile(Arguments):
    """Arguments of read_file."""

    path: FilePath
    first_line: int = Field(default=1, ge=1, description="Where to begin; 1 is the first line.")
    lines: int = Field(default=2_000, ge=1, le=10_000, description="How many lines at most.")


class WriteFile(Arguments):
    """Arguments of write_file."""

    path: FilePath
    content: str = Field(max_length=MAX_CONTENT, description="The whole new content.")


class DeleteFile(Arguments):
    """Arguments of delete_file."""

    path: FilePath


def file_tools(copy: WorkingCopy) -> tuple[Tool[ListFiles], Tool[ReadFile], Tool[WriteFile], Tool[DeleteFile]]:
    """The four tools of a member that has Files."""
    files = _Files(copy)
    return (
        Tool("list_files", "List files in the workspace with their sizes.", Effect.READ, ListFiles, files.list),
        Tool("read_file", "Read a text file.", Effect.READ, ReadFile, files.read),
        Tool("write_file", "Create a file or replace its content.", Effect.WORKSPACE, WriteFile, files.write),
        Tool("delete_file", "Delete a file.", Effect.WORKSPACE, DeleteFile, files.delete),
    )


class _Files:
    def __init__(self, copy: WorkingCopy) -> None:
        self._copy = copy

    async def list(self, args: ListFiles, moment: Moment) -> Answer:
        """Names only up to the label the attempt has already: a list never makes it stricter."""
        found = {path: e for path, e in sorted(self._copy.manifest.files.items()) if matches(args.glob, path)}
        shown = [f"{path}  {e.size:,} bytes" for path, e in found.items() if moment.label.permits(e.privacy)]
        lines = shown[:MAX_LISTED]
        if len(shown) > MAX_LISTED:
            lines.append(f"... and {len(shown) - MAX_LISTED} more: use a narrower glob")
        if len(found) > len(shown):
            lines.append(f"({len(found) - len(shown)} files of a stricter privacy are not listed)")
        return Answer("\n".join(lines) or "no files")

    async def read(self, args: ReadFile, _moment: Moment) -> Answer:
        """The text with the file's label: reading a stricter file makes the attempt stricter."""
        try:
            entry = self._copy.manifest.files.get(safe_path(args.path))
        except UnsafePathError as error:
            return Answer(str(error), failed=True)
        if entry is None:
            return Answer(f"{args.path!r} does not exist; list_files shows what there is", failed=True)
        try:
            text = (await self._copy.read(entry)).decode()
        except UnicodeDecodeError:
            return Answer(f"{args.path!r} is not text ({entry.size:,} bytes)", failed=True)
        lines = text.splitlines(keepends=True)
        part = "".join(lines[args.first_line - 1 : args.first_line - 1 + args.lines])
        rest = len(lines) - (args.first_line - 1 + args.lines)
        return Answer(part + (f"\n[{rest:,} more lines]" if rest > 0 else ""), privacy=entry.privacy)

    async def write(self, args: WriteFile, _moment: Moment) -> Answer:
        return await self._change(args.path, lambda place: _write(place, args.content), f"wrote {args.path}")

    async def delete(self, args: DeleteFile, _moment: Moment) -> Answer:
        return await self._change(args.path, Path.unlink, f"deleted {args.path}")

    async def _change(self, path: str, change: Callable[[Path], object], said: str) -> Answer:
        folder = await self._copy.open()
        try:
            with disk_of(folder):  # it may have written half of the file: nothing for the record
                await asyncio.to_thread(lambda: change(locate(folder, path)))
        except UnsafePathError as error:
            return Answer(str(error), failed=True)
        except OSError as error:
            return Answer(f"{path!r}: {error.strerror or error}", failed=True)
        return Answer(said)


def _write(place: Path, content: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content, encoding="utf-8", newline="")
