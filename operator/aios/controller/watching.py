"""Kopf, used for what it is best at: watching many kinds without losing events. It decides and writes nothing.

Handlers turn an event into the key that it concerns and hand it over, with the object as it was told.
There are no Kopf finalizers, timers, daemons or progress annotations, so Kopf sends no write at all.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import kopf

from aios.adapters.kubernetes.api import Manifest
from aios.adapters.kubernetes.connection import credentials
from aios.adapters.kubernetes.observed import agent_of
from aios.naming import FIELD_MANAGER, GROUP, LABEL_MANAGED_BY, VERSION
from aios.spec.base import Kind, Ref

CONNECTIONS = 40
"""Kopf's own connector has no limit: 1,500 objects once took 1,515 file descriptors."""
WATCH_SECONDS = 45
"""How long one watch request lasts. Each new one proves that the API server still answers: bookmarks, which a quiet
cluster lives on, never reach a handler."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event: which key may need a look, and the object as it is, or as it last was."""

    ref: Ref
    manifest: Manifest
    deleted: bool = False


class Listener(Protocol):
    """Whom Kopf's thread calls."""

    def told(self, told: Told) -> None:
        """Something was added, changed or deleted."""

    def answered(self, plural: str) -> None:
        """The API server has just opened a watch: from its list on, every change is told."""

    def lost(self, plural: str) -> None:
        """Watching it begins anew: changes, and above all deletions, may never be told."""


_OURS: Mapping[str, Kind] = {
    "models": Kind.MODEL,
    "agentteams": Kind.TEAM,
    "agents": Kind.AGENT,
    "projects": Kind.PROJECT,
}
_WORKLOADS: Mapping[str, tuple[str, str]] = {"deployments": ("apps", "v1"), "pods": ("", "v1")}
WATCHED: Mapping[str, str] = {
    **{plural: kind.value for plural, kind in _OURS.items()},
    "deployments": "Deployment",
    "pods": "Pod",
    "configmaps": "ConfigMap",
}
"""The kinds that are watched, by their plurals."""


def build_settings() -> kopf.OperatorSettings:
    """Quiet, bounded, and blind to what is not ours."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.process.ultimate_exiting_timeout = None  # it would kill the whole process, not this thread
    settings.queueing.idle_timeout = 0.5
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.chunk_size = 500
    for plural, (group, version) in _WORKLOADS.items():
        settings.watching.label_selectors[group, version, plural] = f"{LABEL_MANAGED_BY}={FIELD_MANAGER}"
    settings.persistence.diffbase_storage = _NoDiffs()
    settings.persistence.progress_storage = _NoProgress()
    return settings


class _NoDiffs(kopf.DiffBaseStorage):
    """Kopf copies every object to find out what changed in it, which nobody here asks."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        raise AssertionError("there is no handler whose work would be stored")


class _NoProgress(kopf.ProgressStorage):
    """No handler is ever tried again by Kopf, so none has a progress."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        raise AssertionError("there is no handler whose progress would be stored")

    def purge(self, **_: Any) -> None:
        return None

    def touch(self, **_: Any) -> None:
        return None

    def clear(self, *, essence: Any) -> Any:
        return essence


def build_registry(listener: Listener, context: str | None = None) -> kopf.OperatorRegistry:
    """Handlers for our kinds, for Deployments and Pods with our label, and for ConfigMaps."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return await _session(context, listener)

    for plural, kind in _OURS.items():
        _on_event(registry, listener, (GROUP, VERSION, plural), kind)
    for plural, (group, version) in _WORKLOADS.items():
        _on_event(registry, listener, (group, version, plural), None)
    _on_event(registry, listener, ("", "v1", "configmaps"), Kind.CONFIG_MAP)
    return registry


def _on_event(
    registry: kopf.OperatorRegistry, listener: Listener, resource: tuple[str, str, str], kind: Kind | None
) -> None:
    group, version, plural = resource

    @kopf.on.event(group=group, version=version, plural=plural, id=plural, registry=registry)
    async def seen(event: Mapping[str, Any], **_: Any) -> None:
        found = event["object"]
        ref = _concerned(found, kind)
        if ref is not None:
            listener.told(Told(ref, found, deleted=event["type"] == "DELETED"))


def _concerned(found: Manifest, kind: Kind | None) -> Ref | None:
    """What an agent consists of concerns the Agent; anything else of a `kind` concerns itself."""
    namespace, name = found["metadata"]["namespace"], found["metadata"]["name"]
    # A Deployment is named as its Agent, also when somebody took its labels away.
    agent = name if found["kind"] == "Deployment" else agent_of(found)
    if agent is not None and kind in {None, Kind.CONFIG_MAP}:
        return Ref(Kind.AGENT, namespace, agent)
    return Ref(kind, namespace, name) if kind is not None else None


async def _session(context: str | None, listener: Listener) -> kopf.AiohttpSession:
    """Kopf calls it again when the API server refuses a token, which is how a rotated one is picked up."""
    found = await asyncio.to_thread(credentials, context)
    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(_report_list(listener))
    trace.on_request_end.append(_report_watch(listener))
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=found.ssl),
        headers={"Authorization": found.authorization} if found.authorization else {},
        trace_configs=[trace],
        trust_env=True,
    )
    return kopf.AiohttpSession(aiohttp_session=session, server=found.server, default_namespace=found.namespace)


def _report_list(listener: Listener) -> Callable[..., Any]:
    async def on_request_start(_session: object, _context: object, params: aiohttp.TraceRequestStartParams) -> None:
        plural = params.url.path.rsplit("/", 1)[-1]
        if plural in WATCHED and params.url.query.get("watch") != "true":
            listener.lost(plural)

    return on_request_start


def _report_watch(listener: Listener) -> Callable[..., Any]:
    async def on_request_end(_session: object, _context: object, params: aiohttp.TraceRequestEndParams) -> None:
        if params.response.status == 200 and params.url.query.get("watch") == "true":
            listener.answered(params.url.path.rsplit("/", 1)[-1])

    return on_request_end
