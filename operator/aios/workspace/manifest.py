"""Manifest: which files there are, by content. Equal files, equal digest, whoever made them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from aios.spec.vocabulary import Privacy
from aios.workspace.paths import safe_path


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file: its content's SHA-256, its size in bytes, whether it is executable, and its label."""

    sha256: str
    size: int
    executable: bool = False
    privacy: Privacy = Privacy.PUBLIC
    """The label of what the file was made from. A task that reads it carries this label from then on."""

    @property
    def content(self) -> tuple[str, bool]:
        """What makes two entries the same file; the label does not."""
        return self.sha256, self.executable


@dataclass(frozen=True)
class Manifest:
    """Files by path. Immutable."""

    files: Mapping[str, FileEntry] = field(default_factory=dict)

    @cached_property
    def data(self) -> bytes:
        """Canonical JSON, as stored."""
        files = {
            path: {"sha256": entry.sha256, "size": entry.size, "executable": entry.executable, "privacy": entry.privacy}
            for path, entry in self.files.items()
        }
        return json.dumps({"files": files}, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `data`."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def privacy(self) -> Privacy:
        """The strictest label of any file."""
        label = Privacy.PUBLIC
        for entry in self.files.values():
            label = label.stricter(entry.privacy)
        return label

    def changed_since(self, base: "Manifest") -> tuple[str, ...]:
        """Paths added or changed since `base`, sorted."""
        before = base.files
        return tuple(
            sorted(
                path
                for path, entry in self.files.items()
                if path not in before or before[path].content != entry.content
            )
        )

    @classmethod
    def from_data(cls, data: bytes) -> "Manifest":
        """The manifest that `data` spells. Raises UnsafePathError: a stored manifest is not trusted with paths."""
        files = {
            safe_path(path): FileEntry(
                sha256=entry["sha256"],
                size=entry["size"],
                executable=entry["executable"],
                privacy=Privacy(entry["privacy"]),
            )
            for path, entry in json.loads(data)["files"].items()
        }
        return cls(files)


EMPTY = Manifest()
"""No files: where every workspace begins."""
