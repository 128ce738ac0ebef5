"""The Kubernetes API as this package uses it: plain JSON objects, few verbs, errors of our own.

Nothing is converted into typed objects: we compare what is stored field by field, so we read what is stored. `Any`
stops in the modules of this package.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aios.adapters.kubernetes.connection import Connection, Request, open_connection
from aios.desired.changes import FieldChange
from aios.desired.compare import differences
from aios.errors import AiosError, EnvironmentProblemError, ServiceUnavailableError
from aios.naming import FIELD_MANAGER, GROUP, VERSION

Manifest = Mapping[str, Any]
"""An object as it stands in YAML."""

_CHUNK = 500
_WATCH_SECONDS = 300
_NOT_FOUND = 404

_KINDS: Mapping[str, tuple[str, str, str]] = {
    "Model": (GROUP, VERSION, "models"),
    "AgentTeam": (GROUP, VERSION, "agentteams"),
    "Agent": (GROUP, VERSION, "agents"),
    "Project": (GROUP, VERSION, "projects"),
    "Namespace": ("", "v1", "namespaces"),
    "ConfigMap": ("", "v1", "configmaps"),
    "Secret": ("", "v1", "secrets"),
    "Pod": ("", "v1", "pods"),
    "ServiceAccount": ("", "v1", "serviceaccounts"),
    "Deployment": ("apps", "v1", "deployments"),
    "NetworkPolicy": ("networking.k8s.io", "v1", "networkpolicies"),
    "Event": ("events.k8s.io", "v1", "events"),
    "Lease": ("coordination.k8s.io", "v1", "leases"),
}


class RefusedError(AiosError):
    """The API server refused a request for what it says; asking again does not help unless something changes."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class ConflictingWriteError(ServiceUnavailableError):
    """Somebody else wrote the object in between; look again and decide anew."""


class Api:
    """One API server. `connect` makes it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """The object, or None."""
        return await self.get_now(kind, namespace, name)

    async def get_now(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """As `get`, and always the API server's own answer: a mirror is not told of objects that are not ours."""
        return await self._find(Request("GET", _path(kind, namespace, name), {}), f"get {kind} {namespace}/{name}")

    async def get_cluster_wide(self, kind: str, name: str) -> Manifest | None:
        """An object that is in no namespace, or None."""
        return await self._find(Request("GET", _path(kind, None, name), {}), f"get {kind} {name}")

    async def list(
        self, kind: str, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[Manifest]:
        """Every object of the kind, sorted by namespace and name; None: in all namespaces."""
        items, _ = await self.list_with_version(kind, namespace, labels)
        return items

    async def list_with_version(
        self, kind: str, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> tuple[Sequence[Manifest], str]:
        """The objects, and the resourceVersion from which a watch goes on. Raises ServiceUnavailableError when the
        answer is none: a proxy in between has pages of its own."""
        query = {"limit": str(_CHUNK)}
        if labels:
            query["labelSelector"] = ",".join(f"{key}={value}" for key, value in labels.items())
        items: list[Manifest] = []
        head = {"apiVersion": _api_version(kind), "kind": kind}
        while True:
            answer = await self._ask(Request("GET", _path(kind, namespace), query), f"list {kind}")
            if not _is_list(answer):
                said = " ".join(str(answer.get("message") or answer).split())[:300]
                raise ServiceUnavailableError(f"list {kind}: the answer is no list; does a proxy send it? {said}")
            items += [{**head, **item} for item in answer["items"]]
            if not answer["metadata"].get("continue"):
                return sorted(items, key=name_of), answer["metadata"]["resourceVersion"]
            query["continue"] = answer["metadata"]["continue"]

    async def apply(self, manifest: Manifest, *, manager: str = FIELD_MANAGER, subresource: str = "") -> Manifest:
        """Server-side apply: we own what `manifest` states, and what we stated before and no longer do goes."""
        kind, (namespace, name) = manifest["kind"], name_of(manifest)
        path, query = _path(kind, namespace, name, subresource), {"fieldManager": manager, "force": "true"}
        request = Request("PATCH", path, query, manifest, "application/apply-patch+yaml")
        return await self._ask(request, f"apply {kind} {namespace}/{name}")

    async def apply_if_different(self, manifest: Manifest, live: Manifest | None) -> tuple[FieldChange, ...]:
        """Apply `manifest` unless `live` says it all already; returns what differed (also when `live` is None)."""
        if live is None:
            await self.apply(manifest)
            return (FieldChange("", None, manifest["kind"]),)
        changes = differences(manifest, live, owned_by(live))
        if changes:
            await self.apply(manifest)
        return changes

    async def merge(self, kind: str, namespace: str, name: str, patch: Manifest) -> bool:
        """JSON merge patch; False: no such object. Raises ConflictingWriteError when `patch` names a
        resourceVersion that is no longer current."""
        query = {"fieldManager": FIELD_MANAGER}
        request = Request("PATCH", _path(kind, namespace, name), query, patch, "application/merge-patch+json")
        return await self._find(request, f"patch {kind} {namespace}/{name}") is not None

    async def create(self, manifest: Manifest) -> None:
        """Raises ConflictingWriteError when it exists."""
        kind, (namespace, name) = manifest["kind"], name_of(manifest)
        request = Request("POST", _path(kind, namespace), {"fieldManager": FIELD_MANAGER}, manifest)
        await self._ask(request, f"create {kind} {namespace}/{name}")

    async def replace(self, manifest: Manifest) -> None:
        """PUT, if the object still has the manifest's resourceVersion; else ConflictingWriteError."""
        kind, (namespace, name) = manifest["kind"], name_of(manifest)
        request = Request("PUT", _path(kind, namespace, name), {"fieldManager": FIELD_MANAGER}, manifest)
        await self._ask(request, f"replace {kind} {namespace}/{name}")

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        """In the background: what it owns goes with it. No error when it does not exist."""
        query = {"propagationPolicy": "Background"}
        await self._find(Request("DELETE", _path(kind, namespace, name), query), f"delete {kind} {namespace}/{name}")

    async def watch(self, kind: str, version: str) -> AsyncIterator[tuple[str, Manifest]]:
        """Events (ADDED, MODIFIED, DELETED, with the object) after `version`, in all namespaces, until the server
        ends the stream. Raises ServiceUnavailableError when `version` is too old or the connection is lost."""
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(_WATCH_SECONDS)}
        async for event in self._connection.stream(Request("GET", _path(kind), query), _WATCH_SECONDS):
            if event.get("type") not in {"ADDED", "MODIFIED", "DELETED"}:
                said = event.get("object", event).get("message", event)
                raise ServiceUnavailableError(f"watching {kind} ended: {said}")
            yield event["type"], event["object"]

    async def _ask(self, request: Request, what: str) -> Manifest:
        code, body = await self._connection.send(request)
        if code >= 400:
            raise _refusal(code, what, body)
        return body

    async def _find(self, request: Request, what: str) -> Manifest | None:
        code, body = await self._connection.send(request)
        if code == _NOT_FOUND:
            return None
        if code >= 400:
            raise _refusal(code, what, body)
        return body


@asynccontextmanager
async def connect(context: str | None = None) -> AsyncIterator[Api]:
    """The API server of the pod's service account, else of KUBECONFIG's `context` (default: its current one).

    Raises EnvironmentProblemError when there is no configuration.
    """
    async with open_connection(context) as connection:
        yield Api(connection)


def name_of(manifest: Manifest) -> tuple[str, str]:
    """Namespace and name."""
    head = manifest["metadata"]
    return head.get("namespace", ""), head["name"]


def owned_by(live: Manifest, *, manager: str = FIELD_MANAGER, subresource: str = "") -> Manifest:
    """The `fieldsV1` that `manager` applied; empty when it never did."""
    for entry in live["metadata"].get("managedFields", ()):
        found = entry.get("manager"), entry.get("operation"), entry.get("subresource", "")
        if found == (manager, "Apply", subresource):
            fields: Manifest = entry.get("fieldsV1", {})
            return fields
    return {}


def _path(kind: str, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
    group, version, plural = _KINDS[kind]
    parts = ["apis", group, version] if group else ["api", version]
    parts += ["namespaces", namespace] if namespace is not None else []
    return "/" + "/".join([*parts, plural, *filter(None, (name, subresource))])


def _api_version(kind: str) -> str:
    group, version, _ = _KINDS[kind]
    return f"{group}/{version}" if group else version


def _is_list(answer: Manifest) -> bool:
    head = answer.get("metadata")
    return isinstance(answer.get("items"), list) and isinstance(head, dict) and "resourceVersion" in head


def _refusal(code: int, what: str, body: Manifest) -> AiosError:
    message = f"{what}: {body.get('message') or f'HTTP {code}'}"
    if code == 409:
        return ConflictingWriteError(message)
    if code in {408, 410, 429} or code >= 500:
        return ServiceUnavailableError(message)
    if code in {401, 403}:
        hint = "; compare the operator's rights with specs/install" if " cannot " in message else ""
        return EnvironmentProblemError(message + hint)
    return RefusedError(message, code)
