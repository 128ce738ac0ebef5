"""Our custom resources in an API server: the Resources port.

Writes are server-side applies under our field manager, after a comparison with what is stored over the fields that
are ours: what is there already is not sent. Statuses go to the status subresource; `status.run` belongs to the
engine's manager, the rest to the operator's.
"""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from aios.adapters.kubernetes.api import Api, ConflictingWriteError, Manifest, owned_by
from aios.adapters.kubernetes.changes import watch_all
from aios.adapters.kubernetes.events import record
from aios.desired.compare import differences
from aios.desired.ownership import foreign_scaler
from aios.errors import InvalidSpecError
from aios.naming import FIELD_MANAGER
from aios.ports.resources import AnyResource, AnyStatus
from aios.spec.agent import Agent
from aios.spec.base import ConfigMap, Kind, Ref, Resource, Secret
from aios.spec.model import Model
from aios.spec.project import Project, RunStatus
from aios.spec.team import AgentTeam

ENGINE_MANAGER = "aios-engine"
"""The field manager of `status.run`."""

_MODELS: Mapping[Kind, type[AnyResource]] = {
    Kind.MODEL: Model,
    Kind.TEAM: AgentTeam,
    Kind.AGENT: Agent,
    Kind.PROJECT: Project,
    Kind.CONFIG_MAP: ConfigMap,
    Kind.SECRET: Secret,
}

log = logging.getLogger(__name__)


class KubernetesResources:
    """The API server's objects, read as our models."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def get(self, ref: Ref) -> AnyResource | None:
        """Raises InvalidSpecError when what is stored cannot be read, as a newer version might store it."""
        found = await self._api.get(ref.kind, ref.namespace, ref.name)
        return _parse(found, ref.kind) if found is not None else None

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[AnyResource]:
        """Objects that cannot be read are left out and logged: one must not hide the others."""
        parsed = []
        for found in await self._api.list(kind, namespace, labels):
            try:
                parsed.append(_parse(found, kind))
            except InvalidSpecError as error:
                log.warning("left out of a listing: %s", error)
        return parsed

    async def apply(self, resource: Resource) -> None:
        """Server-side apply of metadata and spec, if it changes anything. `replicas` of an Agent is left out while
        somebody else owns it."""
        found = await self._api.get(resource.kind, resource.metadata.namespace, resource.metadata.name)
        stated = to_manifest(resource)
        if found is not None and isinstance(resource, Agent):
            live = _parse(found, Kind.AGENT)
            if isinstance(live, Agent) and foreign_scaler(live):
                del stated["spec"]["replicas"]
        await self._api.apply_if_different(stated, found)

    async def write_status(self, ref: Ref, status: AnyStatus) -> bool:
        """Apply the status as the operator, if it differs."""
        return await self._write(ref, _dump(status, exclude={"run"}), FIELD_MANAGER)

    async def write_run(self, ref: Ref, run: RunStatus) -> bool:
        """Apply `status.run` as the engine, if it differs."""
        return await self._write(ref, {"run": _dump(run)}, ENGINE_MANAGER)

    async def add_finalizer(self, ref: Ref, finalizer: str) -> None:
        """By a patch that is refused when somebody wrote meanwhile: the list is replaced as a whole."""
        found = await self._api.get(ref.kind, ref.namespace, ref.name)
        if found is None or found["metadata"].get("deletionTimestamp"):
            return
        present = found["metadata"].get("finalizers", [])
        if finalizer not in present:
            await self._set_finalizers(ref, found, [*present, finalizer])

    async def remove_finalizer(self, ref: Ref, finalizer: str) -> None:
        """By a patch that is refused when somebody wrote meanwhile."""
        found = await self._api.get(ref.kind, ref.namespace, ref.name)
        present = found["metadata"].get("finalizers", []) if found is not None else []
        if found is not None and finalizer in present:
            await self._set_finalizers(ref, found, [name for name in present if name != finalizer])

    async def delete(self, ref: Ref) -> None:
        await self._api.delete(ref.kind, ref.namespace, ref.name)

    async def record_event(self, ref: Ref, *, kind: str, reason: str, message: str) -> None:
        """As an events.k8s.io Event about the object; the same again counts in its series."""
        about = await self._api.get(ref.kind, ref.namespace, ref.name)
        if about is not None:
            await record(self._api, about, kind=kind, reason=reason, message=message, now=datetime.now(UTC))

    def changes(self) -> AsyncIterator[Ref]:
        """By list and watch of our kinds, in all namespaces."""
        return watch_all(self._api, (Kind.MODEL, Kind.TEAM, Kind.AGENT, Kind.PROJECT))

    async def _write(self, ref: Ref, status: Manifest, manager: str) -> bool:
        found = await self._api.get(ref.kind, ref.namespace, ref.name)
        if found is None:
            return False
        owned = owned_by(found, manager=manager, subresource="status").get("f:status", {})
        if not differences(status, found.get("status", {}), owned):
            return True
        head = {"namespace": ref.namespace, "name": ref.name, "uid": found["metadata"]["uid"]}
        body = {"apiVersion": found["apiVersion"], "kind": ref.kind.value, "metadata": head, "status": status}
        try:
            await self._api.apply(body, manager=manager, subresource="status")
        except ConflictingWriteError:
            # The uid makes it so: the object was deleted and made anew since we read it.
            return await self._api.get(ref.kind, ref.namespace, ref.name) is not None
        return True

    async def _set_finalizers(self, ref: Ref, found: Manifest, finalizers: Sequence[str]) -> None:
        head = {"finalizers": list(finalizers), "resourceVersion": found["metadata"]["resourceVersion"]}
        await self._api.merge(ref.kind, ref.namespace, ref.name, {"metadata": head})


def to_manifest(resource: Resource) -> dict[str, Any]:
    """What our manager states of a resource: the metadata that is ours, and what was stated of everything else."""
    head = resource.metadata
    metadata: dict[str, Any] = {"name": head.name, "namespace": head.namespace}
    if head.labels:
        metadata["labels"] = dict(head.labels)
    if head.annotations:
        metadata["annotations"] = dict(head.annotations)
    if head.owner_references:
        metadata["ownerReferences"] = [_dump(owner) for owner in head.owner_references]
    if head.finalizers:
        metadata["finalizers"] = list(head.finalizers)
    leave_out = {"api_version", "kind", "metadata", "status"}
    rest = resource.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude=leave_out)
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **rest}


def _dump(part: BaseModel, exclude: set[str] | None = None) -> dict[str, Any]:
    return part.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=exclude)


def _parse(found: Manifest, kind: Kind) -> AnyResource:
    head = {"apiVersion": "v1", "kind": kind.value} if kind in {Kind.CONFIG_MAP, Kind.SECRET} else {}
    try:
        return _MODELS[kind].model_validate({**head, **found})
    except ValidationError as error:
        metadata = found["metadata"]
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidSpecError(
            f"{kind}/{metadata.get('namespace', '')}/{metadata['name']}: {where}: {first['msg']}"
        ) from error
