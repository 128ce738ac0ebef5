"""Turns the rules' problems into findings: over all documents of a command, each with its place in its file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aios.naming import agent_name
from aios.spec.base import Kind, Ref, Resource
from aios.spec.catalogue import Declared
from aios.spec.conditions import Reason
from aios.spec.faults import Fault
from aios.spec.findings import Finding
from aios.spec.metadata_rules import metadata_problems
from aios.spec.model import Model
from aios.spec.positions import Path, Place, Positions, format_path, parse_path
from aios.spec.project import Project
from aios.spec.rules import Problem, model_problems, project_problems, team_problems
from aios.spec.scripts import parse_script
from aios.spec.suggestions import hint
from aios.spec.team import AgentTeam

_SECRET_FIELDS = ("data", "stringData")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One document of a kind we read. `value` is None when it has faults of its own; `guess` may stand in then."""

    file: str
    kind: Kind
    name: str
    positions: Positions
    value: Declared | None
    guess: Declared | None
    dropped: frozenset[Path]

    @property
    def subject(self) -> str:
        return f"{self.kind}/{self.name}" if self.name else str(self.kind)

    @property
    def place(self) -> Place:
        """Where it says its name."""
        return self.positions.of_value(("metadata", "name"))

    def finding(self, fault: Fault) -> Finding:
        """The fault as a finding. A secret's value is never repeated."""
        message = fault.message
        if self.kind is Kind.SECRET and len(fault.path) > 1 and fault.path[0] in _SECRET_FIELDS:
            message = "a text is wanted; quote it"
        place = fault.place
        return Finding(self.file, place.line, place.column, self.subject, format_path(fault.path), message)


def cross_findings(entries: Sequence[Entry], *, complete: bool) -> Iterator[Finding]:
    """What is wrong within and between documents that were read. `complete`: no document was unreadable."""
    yield from _twice(entries)
    yield from _same_agents(entries)
    view = _View(entries, complete=complete)
    for entry in entries:
        for problem in _problems(entry.guess, view):
            yield from view.findings(entry, problem)


def _problems(resource: Declared | None, view: "_View") -> tuple[Problem, ...]:
    if resource is None:
        return ()
    head = metadata_problems(resource)
    match resource:
        case Model():
            return (*head, *model_problems(resource, view.lookup))
        case AgentTeam():
            return (*head, *team_problems(resource, view.lookup))
        case Project():
            return (*head, *project_problems(resource, view.lookup))
        case _:
            return head


def _twice(entries: Sequence[Entry]) -> Iterator[Finding]:
    first: dict[Ref, Entry] = {}
    for entry in entries:
        if entry.guess is None:
            continue
        before = first.setdefault(entry.guess.ref, entry)
        if before is not entry:
            message = f"declared twice; the first is at {before.file}:{before.place.line}:{before.place.column}"
            yield entry.finding(Fault(("metadata", "name"), message, entry.place))


def _same_agents(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Team a-b with member c and team a with member b-c would both own the Agent a-b-c."""
    owners: dict[tuple[str, str], AgentTeam] = {}
    for entry in entries:
        if not isinstance(team := entry.guess, AgentTeam):
            continue
        for index, member in enumerate(team.spec.members):
            agent = agent_name(team.metadata.name, member.name)
            owner = owners.setdefault((team.metadata.namespace, agent), team)
            if owner.metadata.name != team.metadata.name:
                path: Path = ("spec", "members", index, "name")
                message = f'its Agent would be "{agent}", as one of AgentTeam "{owner.metadata.name}" is; rename one'
                yield entry.finding(Fault(path, message, entry.positions.of_value(path)))


class _View:
    """All documents as a `Lookup`, and what is known about those that cannot be looked up."""

    def __init__(self, entries: Sequence[Entry], *, complete: bool) -> None:
        self._complete = complete
        self._entries: dict[Ref, Entry] = {}
        for entry in entries:
            if entry.guess is not None:
                self._entries.setdefault(entry.guess.ref, entry)
        self._hopeless = {(entry.kind, entry.name) for entry in entries if entry.guess is None}
        self._scripts: set[tuple[Ref, str]] = set()

    def lookup(self, ref: Ref) -> Resource | None:
        entry = self._entries.get(ref)
        return entry.guess if entry else None

    def findings(self, entry: Entry, problem: Problem) -> Iterator[Finding]:
        path = parse_path(problem.path)
        if any(dropped[: len(path)] == path for dropped in entry.dropped):
            return  # it misses what another finding says is wrong
        if problem.missing is not None and self.lookup(problem.missing) is None and self._excused(problem.missing):
            return
        if problem.reason is Reason.INVALID_SCRIPT and problem.missing is not None and isinstance(entry.guess, Model):
            yield from self._script(entry.guess, problem.missing)
            return
        yield entry.finding(Fault(path, self._message(problem, path, entry), _place(entry, problem, path)))

    def _excused(self, ref: Ref) -> bool:
        """It may be in a document that could not be read, which is reported already."""
        return not self._complete or (ref.kind, ref.name) in self._hopeless

    def _message(self, problem: Problem, path: Path, entry: Entry) -> str:
        message = problem.message
        if problem.line and entry.positions.inside(path, problem.line) is None:
            message = f"{message} (line {problem.line} of the text)"
        ref = problem.missing
        if ref is None or self.lookup(ref) is not None or ref.kind not in {Kind.MODEL, Kind.TEAM}:
            return message
        same = [known for known in self._entries if known.kind is ref.kind]
        elsewhere = sorted({known.namespace for known in same if known.name == ref.name})
        if elsewhere:
            return f"{message}; there is one in namespace {elsewhere[0]}, this is namespace {ref.namespace}"
        return f"{message}; {hint(ref.name, (known.name for known in same if known.namespace == ref.namespace))}"

    def _script(self, model: Model, ref: Ref) -> Iterator[Finding]:
        """A script's faults where they stand: in the ConfigMap, once for all models that play it."""
        source, holder = model.spec.script_from, self._entries.get(ref)
        if source is None or holder is None:
            return
        key = source.config_map_key_ref.key
        if (ref, key) in self._scripts:
            return
        self._scripts.add((ref, key))
        path: Path = ("data", key)
        text = getattr(holder.guess, "data", {}).get(key, "")
        for fault in parse_script(text).faults:
            place = holder.positions.inside(path, fault.place.line, fault.place.column)
            message = fault.message if place else f"{fault.message} (line {fault.place.line} of the text)"
            where = place or holder.positions.of_value(path)
            yield holder.finding(Fault((*path, *fault.path), message, where))


def _place(entry: Entry, problem: Problem, path: Path) -> Place:
    spot = entry.positions.get(path)
    if problem.line and spot is not None and spot.raw is not None:
        lines = spot.raw.split("\n")
        brace = lines[problem.line - 1].find("{") if problem.line <= len(lines) else 0
        inside = entry.positions.inside(path, problem.line, max(brace, 0) + 1)
        if inside is not None:
            return inside
    return entry.positions.of_value(path)
