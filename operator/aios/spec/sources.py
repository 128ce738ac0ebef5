"""The files behind what a user typed: files, folders and "-" become labelled bytes, in a stable order."""

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

STDIN = "-"
SUFFIXES = frozenset({".yaml", ".yml"})
NOT_RESOURCES = frozenset({"kustomization.yaml", "kustomization.yml"})
"""Found in folders of resources, and no resources themselves."""
MAX_FILE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """One file's bytes. `label` is its path as the user would write it; `path` is None for stdin."""

    label: str
    path: Path | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A source that gives nothing, and why."""

    label: str
    message: str


def read_sources(
    sources: Sequence[str], *, stdin: TextIO | None, cwd: Path, seen: set[Path]
) -> Iterator[Source | Unreadable]:
    """Every file once, however often it is named. Folders are read whole, without hidden files and folders.

    `seen`: files not to read again; what is read is added.
    """
    for source in dict.fromkeys(sources):
        if source == STDIN:
            yield _read_stdin(stdin)
            continue
        root = cwd / source
        files = [root] if not root.is_dir() else list(_files_below(root))
        if not files:
            yield Unreadable(source, "no *.yaml or *.yml file in this folder")
        for path in files:
            label = source if path == root else str(Path(source) / path.relative_to(root))
            resolved = path.resolve()
            if resolved not in seen:
                seen.add(resolved)
                yield _read_file(label, path)


def _files_below(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            hidden = name.startswith(".") or name.lower() in NOT_RESOURCES
            if not hidden and Path(name).suffix.lower() in SUFFIXES:
                yield Path(folder, name)


def _read_file(label: str, path: Path) -> Source | Unreadable:
    try:
        with path.open("rb") as file:
            return _bounded(label, path, file.read(MAX_FILE_BYTES + 1))
    except FileNotFoundError:
        return Unreadable(label, "no such file or folder")
    except (OSError, ValueError) as error:
        return Unreadable(label, f"cannot be read: {getattr(error, 'strerror', None) or error}")


def _read_stdin(stdin: TextIO | None) -> Source | Unreadable:
    if stdin is None:
        return Unreadable("stdin", "there is no standard input to read here")
    raw = getattr(stdin, "buffer", None)
    if isinstance(raw, io.BufferedIOBase):
        return _bounded("stdin", None, raw.read(MAX_FILE_BYTES + 1))
    return _bounded("stdin", None, stdin.read(MAX_FILE_BYTES + 1).encode(errors="surrogateescape"))


def _bounded(label: str, path: Path | None, content: bytes) -> Source | Unreadable:
    if len(content) > MAX_FILE_BYTES:
        return Unreadable(label, f"larger than {MAX_FILE_BYTES // 1024 // 1024} MiB; name the folder or file you mean")
    return Source(label, path, content)
