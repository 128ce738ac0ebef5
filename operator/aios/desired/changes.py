"""ChangeSet: the difference between what should be and what is, as values that can be shown, counted and tested.

An empty one is the proof that a reconcile has nothing to do.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from aios.spec.base import Kind

WORKER = "Worker"
"""What a Worker's subject starts with: `Worker/NAMESPACE/AGENT`."""

_ORDER = (Kind.CONFIG_MAP, Kind.SECRET, Kind.MODEL, Kind.TEAM, Kind.AGENT, WORKER, Kind.PROJECT)
_NOUNS: Mapping[str, str] = {
    Kind.CONFIG_MAP: "config map",
    Kind.SECRET: "secret",
    Kind.MODEL: "model",
    Kind.TEAM: "team",
    Kind.AGENT: "agent",
    WORKER: "worker",
    Kind.PROJECT: "project",
}


class Action(StrEnum):
    """What is to happen to a subject."""

    CREATE = "Create"
    UPDATE = "Update"
    DELETE = "Delete"

    @property
    def sign(self) -> str:
        """One character, as diffs have it."""
        return {Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "-"}[self]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field, before and after; None means absent. Paths are as in YAML: `spec.members[0].tier`."""

    path: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is to be made, changed or removed. `subject` is KIND/NAMESPACE/NAME."""

    action: Action
    subject: str
    fields: tuple[FieldChange, ...] = ()

    @property
    def kind(self) -> str:
        """The subject's kind: one of ours, ConfigMap, Secret or `WORKER`."""
        return self.subject.partition("/")[0]


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Changes in the order in which they are applied: what is referred to first; deletions last, backwards."""

    changes: tuple[Change, ...] = ()

    @classmethod
    def of(cls, changes: Iterable[Change]) -> "ChangeSet":
        """Sort `changes` into the order of applying."""
        return cls(tuple(sorted(changes, key=_position)))

    @property
    def is_empty(self) -> bool:
        """Nothing to do."""
        return not self.changes

    def to_json(self) -> dict[str, object]:
        """`{"changes": [{"action", "subject", "fields": [{"path", "before", "after"}]}]}`."""
        return {"changes": [_json(change) for change in self.changes]}

    def summary(self) -> str:
        """One line: `+ 2 models  + 1 team  + 4 agents (5 workers)  + 1 project`, or `no changes`."""
        counts = Counter((change.action, change.kind) for change in self.changes)
        workers = {action: _replicas(self.changes, action) for action in Action}
        parts = [
            _part(action, kind, counts[action, kind], workers[action])
            for action in Action
            for kind in _ORDER
            if counts[action, kind] and not _told_with_agents(counts, action, kind)
        ]
        return "  ".join(parts) or "no changes"


def _position(change: Change) -> tuple[bool, int, str]:
    place = _ORDER.index(change.kind) if change.kind in _ORDER else len(_ORDER)
    deleted = change.action is Action.DELETE
    return deleted, -place if deleted else place, change.subject


def _json(change: Change) -> dict[str, object]:
    fields = [{"path": field.path, "before": field.before, "after": field.after} for field in change.fields]
    return {"action": change.action.value, "subject": change.subject, "fields": fields}


def _told_with_agents(counts: Counter[tuple[Action, str]], action: Action, kind: str) -> bool:
    return kind == WORKER and action is not Action.UPDATE and counts[action, Kind.AGENT] > 0


def _replicas(changes: Sequence[Change], action: Action) -> int:
    fields = [
        field for change in changes if (change.kind, change.action) == (WORKER, action) for field in change.fields
    ]
    values = [field.before if action is Action.DELETE else field.after for field in fields if field.path == "replicas"]
    return sum(value for value in values if isinstance(value, int))


def _part(action: Action, kind: str, count: int, workers: int) -> str:
    inside = f" ({_counted(workers, WORKER)})" if kind == Kind.AGENT and action is not Action.UPDATE and workers else ""
    return f"{action.sign} {_counted(count, kind)}{inside}"


def _counted(count: int, kind: str) -> str:
    return f"{count} {_NOUNS[kind]}{'' if count == 1 else 's'}"
