"""The Kubernetes API as this package uses it: plain JSON objects, few verbs, errors of our own.

lightkube brings configuration, credentials, TLS and HTTP. What it knows of types is not used: we compare what is
stored field by field, so we read what is stored. `Any` stops in the modules of this package.
"""

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from lightkube import ApiError, AsyncClient
from lightkube.config.client_adapter import user_auth, verify_cluster
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError
from lightkube.core.resource import ApiInfo, NamespacedResource, ResourceDef
from lightkube.generic_resource import GenericNamespacedResource, create_api_info
from lightkube.types import PatchType

from aios.desired.changes import FieldChange
from aios.desired.compare import differences
from aios.errors import AiosError, EnvironmentProblemError, ServiceUnavailableError
from aios.naming import FIELD_MANAGER, GROUP, VERSION

Manifest = Mapping[str, Any]
"""An object as it stands in YAML."""

_CONNECTIONS = httpx2.Limits(max_connections=40, max_keepalive_connections=20)
_TIMEOUT = httpx2.Timeout(15.0)
_ALL_NAMESPACES = "*"

_KINDS: Mapping[str, tuple[str, str, str]] = {
    "Model": (GROUP, VERSION, "models"),
    "AgentTeam": (GROUP, VERSION, "agentteams"),
    "Agent": (GROUP, VERSION, "agents"),
    "Project": (GROUP, VERSION, "projects"),
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
    """One connection pool to one API server. `connect` makes it."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """The object, or None."""
        try:
            return dict(await self._client.get(_class_of(kind), name, namespace=namespace))
        except ApiError as error:
            if error.status.code == 404:
                return None
            raise _translated(error, f"get {kind} {namespace}/{name}") from error
        except httpx2.TransportError as error:
            raise _unreachable(error) from error

    async def list(
        self, kind: str, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[Manifest]:
        """Every object of the kind, sorted by namespace and name; None: in all namespaces."""
        items, _ = await self.list_with_version(kind, namespace, labels)
        return items

    async def list_with_version(
        self, kind: str, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> tuple[Sequence[Manifest], str]:
        """The objects, and the resourceVersion from which a watch goes on."""
        found = self._client.list(
            _class_of(kind), namespace=namespace or _ALL_NAMESPACES, labels=dict(labels or {}), chunk_size=500
        )
        group, version, _ = _KINDS[kind]
        head = {"apiVersion": f"{group}/{version}" if group else version, "kind": kind}
        try:
            items: Sequence[Manifest] = [{**head, **item} async for item in found]
        except ApiError as error:
            raise _translated(error, f"list {kind}") from error
        except httpx2.TransportError as error:
            raise _unreachable(error) from error
        return sorted(items, key=name_of), found.resourceVersion

    async def apply(self, manifest: Manifest, *, manager: str = FIELD_MANAGER, subresource: str = "") -> Manifest:
        """Server-side apply: we own what `manifest` states, and what we stated before and no longer do goes."""
        kind, (namespace, name) = manifest["kind"], name_of(manifest)
        try:
            answer = await self._client.patch(
                _class_of(kind, subresource),
                name,
                dict(manifest),
                namespace=namespace,
                patch_type=PatchType.APPLY,
                field_manager=manager,
                force=True,
            )
        except ApiError as error:
            raise _translated(error, f"apply {kind} {namespace}/{name}") from error
        except httpx2.TransportError as error:
            raise _unreachable(error) from error
        return dict(answer)

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
        try:
            await self._client.patch(
                _class_of(kind),
                name,
                dict(patch),
                namespace=namespace,
                patch_type=PatchType.MERGE,
                field_manager=FIELD_MANAGER,
            )
        except ApiError as error:
            if error.status.code == 404:
                return False
            raise _translated(error, f"patch {kind} {namespace}/{name}") from error
        except httpx2.TransportError as error:
            raise _unreachable(error) from error
        return True

    async def create(self, manifest: Manifest) -> None:
        """Raises ConflictingWriteError when it exists."""
        kind, (namespace, name) = manifest["kind"], name_of(manifest)
        try:
            body: NamespacedResource = _class_of(kind)(manifest)
            await self._client.create(body, field_manager=FIELD_MANAGER)
        except ApiError as error:
            raise _translated(error, f"create {kind} {namespace}/{name}") from error
        except httpx2.TransportError as error:
            raise _unreachable(error) from error

    async def replace(self, manifest: Manifest) -> None:
        """PUT, if the object still has the manifest's resourceVersion; else ConflictingWriteError."""
        kind, (namespace, name) = manifest["kind"], name_of(manifest)
        try:
            await self._client.replace(
                _class_of(kind)(manifest), name, namespace=namespace, field_manager=FIELD_MANAGER
            )
        except ApiError as error:
            raise _translated(error, f"replace {kind} {namespace}/{name}") from error
        except httpx2.TransportError as error:
            raise _unreachable(error) from error

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        """In the background: what it owns goes with it. No error when it does not exist."""
        try:
            await self._client.delete(_class_of(kind), name, namespace=namespace)
        except ApiError as error:
            if error.status.code != 404:
                raise _translated(error, f"delete {kind} {namespace}/{name}") from error
        except httpx2.TransportError as error:
            raise _unreachable(error) from error

    async def watch(self, kind: str, version: str) -> AsyncIterator[tuple[str, Manifest]]:
        """Events (ADDED, MODIFIED, DELETED, with the object) after `version`, in all namespaces, until the server
        ends the stream. Raises ServiceUnavailableError when `version` is too old or the connection is lost."""
        events = self._client.watch(
            _class_of(kind), namespace=_ALL_NAMESPACES, resource_version=version, server_timeout=300
        )
        try:
            async for event, item in events:
                yield event, dict(item)
        except ApiError as error:
            raise ServiceUnavailableError(f"watching {kind} ended: {error}") from error
        except httpx2.HTTPError as error:
            raise _unreachable(error) from error


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where the API server is and how to speak to it, for a client that is not this one. Read anew when refused."""

    server: str
    ssl: ssl.SSLContext
    authorization: str | None
    namespace: str


def credentials(context: str | None = None) -> Credentials:
    """What `connect` would use now. Raises EnvironmentProblemError. May run the kubeconfig's credential plug-in."""
    config, user = _configuration(context)
    request = httpx2.Request("GET", config.cluster.server)
    auth = user_auth(user)
    if auth is not None:
        request = next(auth.sync_auth_flow(request))
    context_ssl = verify_cluster(config.cluster, user, config.abs_file)
    return Credentials(config.cluster.server, context_ssl, request.headers.get("Authorization"), config.namespace)


@asynccontextmanager
async def connect(context: str | None = None) -> AsyncIterator[Api]:
    """The API server of the pod's service account, else of KUBECONFIG's `context` (default: its current one).

    Raises EnvironmentProblemError when there is no configuration.
    """
    config, user = _configuration(context)
    verify = verify_cluster(config.cluster, user, config.abs_file)
    transport = httpx2.AsyncHTTPTransport(verify=verify, limits=_CONNECTIONS, retries=1)
    api = Api(AsyncClient(config, timeout=_TIMEOUT, transport=transport, lazy=False))
    try:
        yield api
    finally:
        await api.close()


def _configuration(context: str | None) -> tuple[SingleConfig, User]:
    try:
        config = KubeConfig.from_env().get(context_name=context)
    except (ConfigError, OSError, KeyError) as error:
        raise EnvironmentProblemError(f"no usable Kubernetes configuration: {error}; set KUBECONFIG") from error
    if config is None or config.user is None:
        raise EnvironmentProblemError("the kubeconfig's context names no user; choose another with --context")
    return config, config.user


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


def _class_of(kind: str, subresource: str = "") -> type[Any]:
    """lightkube finds URLs by class. Ours are not in its registry, where typed twins of the core kinds live."""
    if (kind, subresource) not in _classes:
        group, version, plural = _KINDS[kind]
        info = create_api_info(group, version, kind, plural)
        if subresource:
            head = ResourceDef(group, version, kind)
            info = ApiInfo(head, parent=head, plural=plural, verbs=["get", "patch", "put"], action=subresource)
        _classes[kind, subresource] = type(
            f"{kind}{subresource.title()}", (GenericNamespacedResource,), {"_api_info": info}
        )
    return _classes[kind, subresource]


_classes: dict[tuple[str, str], type[Any]] = {}


def _translated(error: ApiError, what: str) -> AiosError:
    code = error.status.code or 0
    message = f"{what}: {error.status.message or error}"
    if code == 409:
        return ConflictingWriteError(message)
    if code in {408, 410, 429} or code >= 500:
        return ServiceUnavailableError(message)
    if code in {401, 403}:
        hint = "; compare the operator's rights with specs/install" if " cannot " in message else ""
        return EnvironmentProblemError(message + hint)
    return RefusedError(message, code)


def _unreachable(error: Exception) -> ServiceUnavailableError:
    return ServiceUnavailableError(f"the API server does not answer: {type(error).__name__}: {error}")
