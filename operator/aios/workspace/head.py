"""HEAD and the commits behind it, as they stand in the object store."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

MAX_APPLIED = 1_000
"""How many tasks' latest commits HEAD remembers: ten runs of the largest plan. An attempt older than that is over."""


@dataclass(frozen=True, slots=True)
class CommitIntent:
    """What is to be committed. `commit` is unique per attempt and the same whenever that attempt tries again;
    `applied_key` names the task, so that HEAD can tell whether its commit is in."""

    commit: str
    applied_key: str
    base_manifest: str
    manifest: str
    author: str
    message: str


@dataclass(frozen=True, slots=True)
class Commit:
    """One link of the chain. `parent` and `record` are the SHA-256 of commit records; "" before the first."""

    commit: str
    sequence: int
    parent: str
    manifest: str
    author: str
    message: str


@dataclass(frozen=True, slots=True)
class Head:
    """Where a workspace stands."""

    sequence: int = 0
    commit: str = ""
    record: str = ""
    """Where the commit's own record stands: `commits/<sha256>`. Several claimants may write a record of the same
    commit with different parents; only the one HEAD names counts."""
    manifest: str = ""
    applied: Mapping[str, str] = field(default_factory=dict)
    """The commit each task applied last, oldest first."""

    def advanced(self, intent: CommitIntent, *, record: str, manifest: str) -> "Head":
        """The head after `intent`."""
        applied = {key: commit for key, commit in self.applied.items() if key != intent.applied_key}
        applied[intent.applied_key] = intent.commit
        kept = dict(list(applied.items())[-MAX_APPLIED:])
        return Head(self.sequence + 1, intent.commit, record, manifest, kept)


def to_data(value: Head | Commit) -> bytes:
    """JSON. Keys keep their order: `applied` forgets its oldest entries first."""
    return json.dumps(asdict(value), separators=(",", ":"), ensure_ascii=False).encode()


def head_from(data: bytes) -> Head:
    """The head that `data` spells."""
    return Head(**json.loads(data))


def commit_from(data: bytes) -> Commit:
    """The commit that `data` spells."""
    return Commit(**json.loads(data))
