"""The files behind what a user typed: files, folders and "-" become labelled bytes, in a stable order.

A folder is read whole, but for what agents wrote into it: configuration says which commands run, so what
`aios workspace export` made, and marked, is read only where a person names a file of it.
"""

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from aios.errors import InvalidSpecError

STDIN = "-"
SUFFIXES = frozenset({".yaml", ".yml"})
NOT_RESOURCES = frozenset({"kustomization.yaml", "kustomization.yml"})
"""Found in folders of resources, and no resources themselves."""
EXPORT_MARKER = ".aios-export"
"""Lies in a folder that `aios workspace export` wrote into; by that name, whatever it is and holds."""
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
    """Every file once, however often it is named. Folders are read whole, without hidden files and folders and without
    exported ones; an exported folder that is named itself, or one within it, gives nothing, and says so.

    `seen`: files not to read again; what is read is added.
    """
    for source in dict.fromkeys(sources):
        if source == STDIN:
            yield _read_stdin(stdin)
            continue
        root = cwd / source
        if root.is_dir() and (marked := exported_around(root)) is not None:
            yield Unreadable(source, _refusal(marked, cwd))
            continue
        files = [root] if not root.is_dir() else list(files_below(root))
        if not files:
            yield Unreadable(source, "no *.yaml or *.yml file in this folder")
        for path in files:
            label = source if path == root else str(Path(source) / path.relative_to(root))
            resolved = path.resolve()
            if resolved not in seen:
                seen.add(resolved)
                yield _read_file(label, path)


def standard_input(stdin: TextIO | None) -> str:
    """All of it, for who reads it more than once; bytes that are no UTF-8 are kept as surrogates, for `read_sources` to
    complain about. Raises InvalidSpecError when there is none (`<&-`), or too much."""
    found = _read_stdin(stdin)
    if isinstance(found, Unreadable):
        raise InvalidSpecError(f"{found.label}: {found.message}")
    return found.content.decode(errors="surrogateescape")


def exported_below(sources: Sequence[str], *, cwd: Path) -> Sequence[str]:
    """The exported folders within `sources` that `read_sources` leaves alone, as the user would write them."""
    found: dict[str, None] = {}
    for source in sources:
        root = cwd / source
        for folder, _, exported in _walk(root) if source != STDIN else ():
            if exported and folder != root:  # a source that is one itself is complained about
                found[str(Path(source) / folder.relative_to(root))] = None
    return tuple(found)


def left_alone(exported: Sequence[str]) -> str:
    """One line on them; empty when there are none."""
    folders = ", ".join(exported)
    return f"left alone: {folders} (what agents wrote: {EXPORT_MARKER} lies in it)" if exported else ""


def is_exported(folder: Path) -> bool:
    """Whether the marker lies directly in it."""
    return os.path.lexists(folder / EXPORT_MARKER)


def exported_around(folder: Path) -> Path | None:
    """The nearest folder with the marker: `folder`, links followed, or one that it lies in."""
    place = folder.resolve()
    return next((around for around in (place, *place.parents) if is_exported(around)), None)


def files_below(root: Path) -> Iterator[Path]:
    """The YAML in `root`, as `read_sources` finds it there."""
    for folder, names, exported in _walk(root):
        for name in sorted(names) if not exported else ():
            hidden = name.startswith(".") or name.lower() in NOT_RESOURCES
            if not hidden and Path(name).suffix.lower() in SUFFIXES:
                yield folder / name


def _walk(root: Path) -> Iterator[tuple[Path, list[str], bool]]:
    """`root` and each folder below that is not hidden, with its files and whether it is exported, which ends the way
    down. Links are not followed."""
    for place, folders, names in os.walk(root):
        exported = is_exported(Path(place))
        folders[:] = [] if exported else sorted(name for name in folders if not name.startswith("."))
        yield Path(place), names, exported


def _refusal(marked: Path, cwd: Path) -> str:
    marker = marked / EXPORT_MARKER
    shown = marker.relative_to(cwd.resolve()) if marker.is_relative_to(cwd.resolve()) else marker
    return (
        f"not read as YAML of yours: {shown} says that `aios workspace export` wrote what agents made there. "
        "If all of it is yours, or looked through, delete that file"
    )


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
