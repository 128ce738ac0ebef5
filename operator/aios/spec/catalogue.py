"""What a set of YAML files declares, and how references between resources resolve.

Resolution is pure and takes a `lookup`, so that the loader (files), the laptop (its store) and the operator (an API
server's cache) give one answer. Nothing here reads files or reports positions: `loading` does.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from aios.errors import InvalidSpecError
from aios.spec.base import ConfigMap, Kind, Ref, Resource, Secret, TextSource
from aios.spec.conditions import Reason
from aios.spec.model import Model, ScriptRule
from aios.spec.project import Project
from aios.spec.scripts import parse_script
from aios.spec.team import AgentTeam, Member

Lookup = Callable[[Ref], Resource | None]
"""Where references are looked up; None: there is no such object."""
Declared = ConfigMap | Secret | Model | AgentTeam | Project
"""What a user may declare. Agents are made by their team."""

APPLY_ORDER = (Kind.CONFIG_MAP, Kind.SECRET, Kind.MODEL, Kind.TEAM, Kind.PROJECT)

D = TypeVar("D", bound=Declared)


class UnresolvedError(InvalidSpecError):
    """A reference leads nowhere, or to something unusable. `reason` is what a condition says about it.

    `missing` is the object or key that was looked for.
    """

    def __init__(self, message: str, *, reason: Reason, missing: Ref) -> None:
        super().__init__(message)
        self.reason, self.missing = reason, missing


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The valid resources of some files, by ref. Iterates and lists in apply order, then by namespace and name."""

    resources: tuple[Declared, ...] = ()
    _by_ref: Mapping[Ref, Declared] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ordered = sorted(self.resources, key=lambda item: (APPLY_ORDER.index(item.ref.kind), item.ref))
        object.__setattr__(self, "resources", tuple(ordered))
        object.__setattr__(self, "_by_ref", MappingProxyType({item.ref: item for item in ordered}))

    def get(self, ref: Ref) -> Declared | None:
        """The resource of that ref; a `Lookup`."""
        return self._by_ref.get(ref)

    @property
    def config_maps(self) -> Mapping[Ref, ConfigMap]:
        return _of(ConfigMap, self.resources)

    @property
    def secrets(self) -> Mapping[Ref, Secret]:
        return _of(Secret, self.resources)

    @property
    def models(self) -> Mapping[Ref, Model]:
        return _of(Model, self.resources)

    @property
    def teams(self) -> Mapping[Ref, AgentTeam]:
        return _of(AgentTeam, self.resources)

    @property
    def projects(self) -> Mapping[Ref, Project]:
        return _of(Project, self.resources)


def _of(kind: type[D], resources: Iterable[Declared]) -> Mapping[Ref, D]:
    return {item.ref: item for item in resources if isinstance(item, kind)}


def resolve_text(source: TextSource, namespace: str, lookup: Lookup) -> str:
    """The text that `source` points to. Raises UnresolvedError naming the ConfigMap and key."""
    reference = source.config_map_key_ref
    ref = Ref(Kind.CONFIG_MAP, namespace, reference.name)
    found = lookup(ref)
    if not isinstance(found, ConfigMap):
        message = f'no ConfigMap named "{reference.name}" in namespace {namespace}; apply it or correct the name'
        raise UnresolvedError(message, reason=Reason.CONFIG_MAP_KEY_NOT_FOUND, missing=ref)
    if reference.key not in found.data:
        keys = ", ".join(sorted(found.data)) or "none"
        message = f'ConfigMap "{reference.name}" has no key "{reference.key}"; its keys: {keys}'
        raise UnresolvedError(message, reason=Reason.CONFIG_MAP_KEY_NOT_FOUND, missing=ref)
    return found.data[reference.key]


def resolve_script(model: Model, lookup: Lookup) -> tuple[ScriptRule, ...]:
    """The rules of a Scripted model, stated in place or in a ConfigMap; empty when it states none.

    Raises UnresolvedError when the ConfigMap key is missing or is not a valid list of rules.
    """
    if model.spec.script is not None or model.spec.script_from is None:
        return model.spec.script or ()
    parsed = parse_script(resolve_text(model.spec.script_from, model.metadata.namespace, lookup))
    if not parsed.faults:
        return parsed.rules
    reference = model.spec.script_from.config_map_key_ref
    first = parsed.faults[0]
    more = f" (and {len(parsed.faults) - 1} more)" if len(parsed.faults) > 1 else ""
    raise UnresolvedError(
        f'ConfigMap "{reference.name}", key "{reference.key}", line {first.line}: {first}{more}',
        reason=Reason.INVALID_SCRIPT,
        missing=Ref(Kind.CONFIG_MAP, model.metadata.namespace, reference.name),
    )


def resolve_prompt(member: Member, namespace: str, lookup: Lookup) -> str:
    """The member's prompt template, stated in place or in a ConfigMap; empty when it states none.

    Raises UnresolvedError when the ConfigMap key is missing.
    """
    if member.prompt is not None or member.prompt_from is None:
        return member.prompt or ""
    return resolve_text(member.prompt_from, namespace, lookup)
