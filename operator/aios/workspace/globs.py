"""Which paths a glob means: `*` and `?` stay within a folder, `**` crosses folders. Pure."""

from collections.abc import Sequence
from fnmatch import fnmatchcase


def matches(glob: str, path: str) -> bool:
    """Whether the whole `path` matches: `*.py` means the top folder only, `**/*.py` any, `docs/**` all below docs."""
    return _parts_match(glob.split("/"), path.split("/"))


def _parts_match(globs: Sequence[str], parts: Sequence[str]) -> bool:
    """Row by row as in an edit distance: linear in glob times path, however many `**` there are."""
    row = [True] + [False] * len(parts)
    for glob in globs:
        if glob == "**":
            first = row.index(True) if True in row else len(row)
            row = [index >= first for index in range(len(row))]
        else:
            row = [False] + [row[index] and fnmatchcase(part, glob) for index, part in enumerate(parts)]
    return row[-1]
