"""What a document says it is: one of our kinds, a core kind we read, somebody else's, or a mistake."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from aios.naming import API_VERSION, GROUP
from aios.spec.base import Kind
from aios.spec.positions import Path
from aios.spec.suggestions import nearest

CORE = "v1"
CORE_KINDS = (Kind.CONFIG_MAP, Kind.SECRET)
OUR_KINDS = (Kind.MODEL, Kind.TEAM, Kind.PROJECT)
LIST = "List"


@dataclass(frozen=True, slots=True)
class Foreign:
    """Another API group's resource: counted, not read."""

    group: str


@dataclass(frozen=True, slots=True)
class Mistaken:
    """Meant for us, or for nobody: `path` is the field to correct."""

    path: Path
    message: str


def identify(data: Mapping[str, object]) -> Kind | Foreign | Mistaken | None:
    """What the head of a document says; None for a List of other documents."""
    version, kind = data.get("apiVersion"), data.get("kind")
    if not isinstance(version, str):
        return _without_version(kind, stated="apiVersion" in data)
    if version != API_VERSION and looks_like_ours(version):
        return Mistaken(("apiVersion",), f'"{version}" is not known here; write {API_VERSION}')
    if not isinstance(kind, str):
        return Mistaken(("kind",), f"required: {', '.join(OUR_KINDS)}" if version == API_VERSION else "required")
    if version == CORE:
        return _core(kind)
    return _ours(kind) if version == API_VERSION else Foreign(version.partition("/")[0])


def looks_like_ours(version: str) -> bool:
    """Whether an apiVersion is of our group, or a slip of the pen for it."""
    group = version.partition("/")[0]
    return group == GROUP or SequenceMatcher(None, version, API_VERSION).ratio() >= 0.85


def _without_version(kind: object, *, stated: bool) -> Mistaken:
    if stated:
        return Mistaken(("apiVersion",), f"a text is wanted, such as {API_VERSION}")
    if kind in CORE_KINDS:
        return Mistaken(("apiVersion",), f"required: {CORE}")
    if isinstance(kind, str) and nearest(kind, OUR_KINDS):
        return Mistaken(("apiVersion",), f"required: {API_VERSION}")
    return Mistaken((), "not a Kubernetes resource: it has no apiVersion")


def _core(kind: str) -> Kind | Foreign | Mistaken | None:
    if kind == LIST:
        return None
    exact = next((known for known in CORE_KINDS if known.casefold() == kind.casefold()), None)
    if exact is None:
        return Foreign("core")
    return exact if exact == kind else Mistaken(("kind",), f'unknown kind "{kind}", did you mean "{exact}"?')


def _ours(kind: str) -> Kind | Mistaken:
    if kind == Kind.AGENT:
        message = "Agents are made from the members of an AgentTeam; remove this one, and set replicas in the team"
        return Mistaken(("kind",), message)
    if kind in OUR_KINDS:
        return Kind(kind)
    near = nearest(kind, OUR_KINDS)
    meant = f'did you mean "{near}"?' if near else f"kinds of {GROUP}: {', '.join(OUR_KINDS)}"
    return Mistaken(("kind",), f'unknown kind "{kind}", {meant}')
