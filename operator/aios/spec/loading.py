"""Reads a user's YAML: every resource of ours that is right, and every mistake with its place, all at once.

It never raises for what stands in a file and never stops at the first mistake. Other API groups are counted and left
alone. Rules between objects are judged over everything that was read, so all sources of one command belong together.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TextIO

from aios.errors import InvalidSpecError
from aios.spec.base import ConfigMap, Kind, Ref, Secret
from aios.spec.catalogue import Catalogue, Declared
from aios.spec.checking import check
from aios.spec.composing import SyntaxFaultError
from aios.spec.cross_checks import Entry, cross_findings
from aios.spec.documents import EncodingFaultError, RawDocument, decode, split
from aios.spec.faults import Fault
from aios.spec.findings import Finding, format_findings
from aios.spec.identity import CORE, Foreign, Mistaken, identify, looks_like_ours
from aios.spec.model import Model
from aios.spec.plain import MAX_CORE_BYTES, MAX_RESOURCE_BYTES, Document, read
from aios.spec.positions import Path, Place, format_path
from aios.spec.project import Project
from aios.spec.sources import Source, Unreadable, read_sources
from aios.spec.team import AgentTeam

SHAPES: Mapping[Kind, type[Declared]] = {
    Kind.MODEL: Model,
    Kind.TEAM: AgentTeam,
    Kind.PROJECT: Project,
    Kind.CONFIG_MAP: ConfigMap,
    Kind.SECRET: Secret,
}
MAX_FAULTS = 100
MAX_DOCUMENTS = 10_000
SERVER_WRITTEN = (
    "managedFields",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "ownerReferences",
)
"""Metadata that an API server wrote: ignored, so that `kubectl get -o yaml` can be read back."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What some sources hold.

    `catalogue`: the resources without a fault. `ignored`: how many resources of other API groups were left alone, by
    group ("core" for Kubernetes' own). `files`: what was read, stdin not among them.
    """

    catalogue: Catalogue
    findings: tuple[Finding, ...]
    ignored: Mapping[str, int]
    files: tuple[FilePath, ...]

    def require(self) -> Catalogue:
        """The catalogue, if nothing at all is wrong. Raises InvalidSpecError, whose message is every finding."""
        if self.findings:
            raise InvalidSpecError(format_findings(self.findings))
        return self.catalogue

    @property
    def ignored_line(self) -> str:
        """One line on what was left alone; empty when nothing was."""
        total = sum(self.ignored.values())
        groups = ", ".join(f"{group} {number}" for group, number in sorted(self.ignored.items()))
        noun = "resource" if total == 1 else "resources"
        return f"left alone: {total} {noun} of other API groups ({groups})" if total else ""


def load(
    sources: Sequence[str],
    *,
    stdin: TextIO | None = None,
    cwd: FilePath,
    context: Sequence[str] = (),
    namespace: str = "default",
) -> Loaded:
    """Reads files, folders (recursively, *.yaml and *.yml) and "-" (stdin), relative to `cwd`.

    `context`: more sources, where references may lead; neither their resources nor their faults are reported.
    `namespace`: where resources that state none live.
    """
    reading = _Reading(namespace)
    seen: set[FilePath] = set()
    for source in read_sources(sources, stdin=stdin, cwd=cwd, seen=seen):
        reading.add(source)
    for source in read_sources(context, stdin=None, cwd=cwd, seen=seen):
        reading.add_context(source)
    return reading.result()


class _Reading:
    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._findings: list[Finding] = []
        self._ignored: Counter[str] = Counter()
        self._entries: list[Entry] = []
        self._files: list[FilePath] = []
        self._order: dict[str, int] = {}
        self._context: set[str] = set()
        self._unknown_content = False
        """Some document could not be read: what it declares may be what others miss."""

    def add(self, source: Source | Unreadable) -> None:
        self._order.setdefault(source.label, len(self._order))
        if isinstance(source, Unreadable):
            self._unreadable(source.label, source.message)
            return
        if source.path is not None:
            self._files.append(source.path)
        try:
            documents = list(split(decode(source.content)))
        except EncodingFaultError as error:
            self._unreadable(source.label, str(error), error.place)
            return
        if len(documents) > MAX_DOCUMENTS:
            message = f"{len(documents):,} documents; at most {MAX_DOCUMENTS:,} are read from one file"
            self._unreadable(source.label, message, Place(documents[MAX_DOCUMENTS].line, 1))
        for document in documents[:MAX_DOCUMENTS]:
            self._document(source.label, document)

    def add_context(self, source: Source | Unreadable) -> None:
        ignored, files = Counter(self._ignored), list(self._files)
        self.add(source)
        self._ignored, self._files = ignored, files
        self._context.add(source.label)

    def result(self) -> Loaded:
        crossing = cross_findings(self._entries, complete=not self._unknown_content)
        findings = sorted(
            {finding for finding in (*self._findings, *crossing) if finding.file not in self._context},
            key=lambda finding: (self._order[finding.file], finding.line, finding.column, finding.sentence),
        )
        wrong = {(finding.file, finding.subject) for finding in findings}
        resources: dict[Ref, Declared] = {}
        for entry in self._entries:
            if entry.file in self._context:
                continue
            if entry.value is not None and (entry.file, entry.subject) not in wrong:
                resources.setdefault(entry.value.ref, entry.value)
        return Loaded(Catalogue(tuple(resources.values())), tuple(findings), dict(self._ignored), tuple(self._files))

    def _unreadable(self, file: str, message: str, place: Place | None = None) -> None:
        line, column = (place.line, place.column) if place else (0, 0)
        self._findings.append(Finding(file, line, column, "", "", message))
        self._unknown_content = True

    def _document(self, file: str, document: RawDocument) -> None:
        version = document.api_version
        if version is not None and version != CORE and not looks_like_ours(version):
            self._ignored[version.partition("/")[0]] += 1
            return
        is_ours = version not in {None, CORE}  # JSON's version is not seen before it is read
        if is_ours and len(document.text.encode()) > MAX_RESOURCE_BYTES:
            limit = f"larger than {MAX_RESOURCE_BYTES // 1024} KiB; a resource must fit into Kubernetes' store"
            self._unreadable(file, limit, Place(document.line, 1))
            return
        try:
            parsed = read(document.text, document.line, bound=_bound)
        except SyntaxFaultError as error:
            self._unreadable(file, str(error), error.place)
            return
        if parsed.data is not None or parsed.faults:
            self._resource(file, parsed)

    def _resource(self, file: str, document: Document) -> None:
        data, positions = document.data, document.positions
        if not isinstance(data, dict):
            place = positions.of_key(())
            self._unreadable(file, "a resource has apiVersion, kind, metadata and spec; this is none", place)
            return
        match identify(data):
            case Foreign(group):
                self._ignored[group] += 1
            case Mistaken(path, message):
                place = positions.of_value(path)
                name = _name(data)
                subject = f"{data['kind']}/{name}" if isinstance(data.get("kind"), str) and name else ""
                self._findings.append(Finding(file, place.line, place.column, subject, format_path(path), message))
                self._unknown_content = True
            case None:
                for part in _items(document):
                    self._resource(file, part)
            case Kind() as kind:
                self._entries.append(self._entry(file, kind, data, document))

    def _entry(self, file: str, kind: Kind, data: dict[str, object], document: Document) -> Entry:
        metadata = data.get("metadata")
        if isinstance(metadata, dict):
            kept = {key: metadata[key] for key in metadata if key not in SERVER_WRITTEN}
            data = {**data, "metadata": {"namespace": self._namespace, **kept}}
        data.pop("status", None)
        checked = check(SHAPES[kind], data, document.positions)
        entry = Entry(
            file=file,
            kind=kind,
            name=_name(data),
            positions=document.positions,
            value=checked.value,
            guess=checked.guess,
            dropped=checked.dropped,
        )
        stated = {fault.path for fault in document.faults}
        faults = [*document.faults, *(fault for fault in checked.faults if fault.path not in stated)]
        self._findings.extend(entry.finding(fault) for fault in _capped(faults))
        return entry


def _bound(version: str | None) -> int:
    """How large a resource of that apiVersion may be. Whoever else's it is in a List: Kubernetes took it."""
    return MAX_RESOURCE_BYTES if version is not None and looks_like_ours(version) else MAX_CORE_BYTES


def _capped(faults: Sequence[Fault]) -> Sequence[Fault]:
    """A resource that is wrong in thousands of places is mostly wrong in one way: its first faults show it."""
    if len(faults) <= MAX_FAULTS:
        return faults
    last = faults[MAX_FAULTS - 1]
    more = Fault((), f"and {len(faults) - MAX_FAULTS + 1:,} more errors in this resource", last.place)
    return [*faults[: MAX_FAULTS - 1], more]


def _name(data: Mapping[str, object]) -> str:
    metadata = data.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""


def _items(document: Document) -> Iterator[Document]:
    """The documents within a List, as `kubectl get -o yaml` prints them, each with its own paths."""
    items = document.data.get("items") if isinstance(document.data, dict) else None
    for index, item in enumerate(items if isinstance(items, list) else []):
        prefix: Path = ("items", index)
        inner = [
            Fault(fault.path[2:], fault.message, fault.place) for fault in document.faults if fault.path[:2] == prefix
        ]
        yield Document(item, document.positions.below(prefix), tuple(inner))
