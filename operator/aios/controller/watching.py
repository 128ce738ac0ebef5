"""Kopf, used for what it is best at: watching many kinds without losing events. It decides and writes nothing.

Handlers turn an event into the ref of an object and hand it over. There are no Kopf finalizers, timers, daemons or
progress annotations, so Kopf sends no write at all.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import kopf

from aios.adapters.kubernetes.api import credentials
from aios.adapters.kubernetes.observed import agent_of
from aios.naming import FIELD_MANAGER, GROUP, LABEL_MANAGED_BY, VERSION
from aios.spec.base import Kind, Ref

CONNECTIONS = 40
"""Kopf's own connector has no limit: 1,500 objects once took 1,515 file descriptors."""
WATCH_SECONDS = 45
"""How long one watch request lasts. Each new one proves that the API server still answers: bookmarks, which a quiet
cluster lives on, never reach a handler."""

Tell = Callable[[Ref], None]
"""Called in Kopf's thread with each ref that may need a look."""
Answered = Callable[[str], None]
"""Called in Kopf's thread with a plural whose watch the API server has just opened."""

_OURS: Mapping[str, Kind] = {
    "models": Kind.MODEL,
    "agentteams": Kind.TEAM,
    "agents": Kind.AGENT,
    "projects": Kind.PROJECT,
}
_WORKLOADS: Mapping[str, tuple[str, str]] = {"deployments": ("apps", "v1"), "pods": ("", "v1")}
WATCHED = frozenset({*_OURS, *_WORKLOADS, "configmaps"})
"""The plurals that are watched."""


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
    settings.watching.label_selectors["", "v1", "configmaps"] = f"{LABEL_MANAGED_BY}!={FIELD_MANAGER}"
    return settings


def build_registry(tell: Tell, answered: Answered, context: str | None = None) -> kopf.OperatorRegistry:
    """Handlers for our kinds, for Deployments and Pods with our label, and for ConfigMaps that are not our own."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return await _session(context, answered)

    for plural, kind in _OURS.items():
        _on_event(registry, GROUP, VERSION, plural, _teller(tell, kind))
    for plural, (group, version) in _WORKLOADS.items():
        _on_event(registry, group, version, plural, _agent_teller(tell))
    _on_event(registry, "", "v1", "configmaps", _teller(tell, Kind.CONFIG_MAP))
    return registry


def _on_event(
    registry: kopf.OperatorRegistry, group: str, version: str, plural: str, tell: Callable[..., None]
) -> None:
    @kopf.on.event(group=group, version=version, plural=plural, id=plural, registry=registry)
    async def seen(body: kopf.Body, **_: Any) -> None:
        tell(body)


def _teller(tell: Tell, kind: Kind) -> Callable[[Mapping[str, Any]], None]:
    return lambda body: tell(Ref(kind, body["metadata"]["namespace"], body["metadata"]["name"]))


def _agent_teller(tell: Tell) -> Callable[[Mapping[str, Any]], None]:
    def tell_agent(body: Mapping[str, Any]) -> None:
        agent = agent_of(body)
        if agent is not None:
            tell(Ref(Kind.AGENT, body["metadata"]["namespace"], agent))

    return tell_agent


async def _session(context: str | None, answered: Answered) -> kopf.AiohttpSession:
    """Kopf calls it again when the API server refuses a token, which is how a rotated one is picked up."""
    found = await asyncio.to_thread(credentials, context)
    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(_report(answered))
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=found.ssl),
        headers={"Authorization": found.authorization} if found.authorization else {},
        trace_configs=[trace],
        trust_env=True,
    )
    return kopf.AiohttpSession(aiohttp_session=session, server=found.server, default_namespace=found.namespace)


def _report(answered: Answered) -> Callable[..., Any]:
    async def on_request_end(_session: object, _context: object, params: aiohttp.TraceRequestEndParams) -> None:
        if params.response.status == 200 and params.url.query.get("watch") == "true":
            answered(params.url.path.rsplit("/", 1)[-1])

    return on_request_end
