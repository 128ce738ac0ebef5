"""What an API server does to an object when it is written, as pure functions on its JSON form.

Only as much of it as our reconciler relies on, and that exactly: generation, finalizers, who manages
`spec.replicas`, and that a write which changes nothing is none.
"""

import base64
import json
from collections.abc import Mapping
from typing import cast

from pydantic import ValidationError

from aios.errors import InvalidSpecError
from aios.naming import FIELD_MANAGER
from aios.ports.resources import AnyResource
from aios.spec.agent import Agent
from aios.spec.base import ConfigMap, Kind, Ref, Resource, Secret
from aios.spec.model import Model
from aios.spec.project import Project
from aios.spec.team import AgentTeam

Document = dict[str, object]

_TYPES: Mapping[Kind, type[AnyResource]] = {
    Kind.MODEL: Model,
    Kind.TEAM: AgentTeam,
    Kind.AGENT: Agent,
    Kind.PROJECT: Project,
    Kind.CONFIG_MAP: ConfigMap,
    Kind.SECRET: Secret,
}
_STATED = ("labels", "annotations", "ownerReferences")


def to_resource(document: Document) -> AnyResource:
    """The object. Raises InvalidSpecError when what is stored is none that this version can read."""
    try:
        return _TYPES[Kind(str(document["kind"]))].model_validate(document)
    except ValidationError as error:
        metadata = metadata_of(document)
        where = f"{document['kind']}/{metadata['namespace']}/{metadata['name']}"
        raise InvalidSpecError(f"{where} as stored cannot be read: {error}") from error


def ref_of(document: Document) -> Ref:
    """The object's key."""
    metadata = metadata_of(document)
    return Ref(Kind(str(document["kind"])), str(metadata["namespace"]), str(metadata["name"]))


def metadata_of(document: Document) -> Document:
    """The object's metadata, to be read."""
    return cast("Document", document["metadata"])


def finalizers_of(document: Document) -> tuple[str, ...]:
    """What still holds the object."""
    return tuple(cast("list[str]", metadata_of(document).get("finalizers", [])))


def owners_of(document: Document) -> frozenset[str]:
    """The uids of the objects that own this one."""
    owners = cast("list[Mapping[str, str]]", metadata_of(document).get("ownerReferences", []))
    return frozenset(owner["uid"] for owner in owners if owner["uid"])


def applied(resource: Resource, live: Document | None, *, uid: str, now: str) -> Document:
    """What stands there after our manager applied `resource` over `live`; equal to `live` when nothing changed.

    `uid` and `now` are for an object that is new. Finalizers are only added: `without_finalizer` takes one away.
    """
    wanted = cast("Document", resource.model_dump(mode="json", by_alias=True, exclude={"status"}))
    stated = metadata_of(wanted)
    before = metadata_of(live) if live is not None else {"uid": uid, "creationTimestamp": now, "generation": 0}
    kept = finalizers_of(live) if live is not None else ()
    added = () if "deletionTimestamp" in before else finalizers_of(wanted)
    metadata = {
        **before,
        "name": stated["name"],
        "namespace": stated["namespace"],
        **{field: stated[field] for field in _STATED},
        "finalizers": list(dict.fromkeys((*kept, *added))),
    }
    document = {**_body(wanted, live), "metadata": metadata}
    if live is not None and "status" in live:
        document["status"] = live["status"]
    return _managed(_counted(document, live))


def scaled(live: Document, replicas: int, manager: str) -> Document:
    """What stands there after `manager` set `spec.replicas`, which it manages from then on."""
    if _spec(live).get("replicas") == replicas:
        return live
    others = [entry for entry in _managers(live) if entry["manager"] == FIELD_MANAGER]
    theirs = {
        "manager": manager,
        "operation": "Update",
        "subresource": "scale",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
    }
    document = {
        **live,
        "spec": {**_spec(live), "replicas": replicas},
        "metadata": {**metadata_of(live), "managedFields": [*others, theirs]},
    }
    return _managed(_counted(document, live))


def with_status(live: Document, status: Document) -> Document:
    """With another status, whose `run` is kept: that part is the engine's."""
    old = cast("Document", live.get("status", {}))
    kept = {"run": old["run"]} if "run" in old else {}
    return {**live, "status": {**{key: value for key, value in status.items() if key != "run"}, **kept}}


def with_run(live: Document, run: Document) -> Document:
    """With another `status.run`."""
    return {**live, "status": {**cast("Document", live.get("status", {})), "run": run}}


def with_finalizer(live: Document, finalizer: str) -> Document:
    """Held by one more finalizer, unless it is being deleted already."""
    held = finalizers_of(live)
    if finalizer in held or "deletionTimestamp" in metadata_of(live):
        return live
    return _with_metadata(live, finalizers=[*held, finalizer])


def without_finalizer(live: Document, finalizer: str) -> Document:
    """Held by one finalizer less."""
    if finalizer not in finalizers_of(live):
        return live
    return _with_metadata(live, finalizers=[one for one in finalizers_of(live) if one != finalizer])


def doomed(live: Document, now: str) -> Document:
    """Marked for deletion; it stays until its last finalizer is gone."""
    metadata = metadata_of(live)
    if "deletionTimestamp" in metadata:
        return live
    return _with_metadata(live, deletionTimestamp=now, generation=cast("int", metadata["generation"]) + 1)


def _body(wanted: Document, live: Document | None) -> Document:
    body = {key: value for key, value in wanted.items() if key != "metadata"}
    if wanted["kind"] == Kind.SECRET:
        # As the API server does: what was written as text is read as data.
        text = cast("Mapping[str, str]", body.pop("stringData"))
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in text.items()}
        body["data"] = {**cast("Mapping[str, str]", body["data"]), **encoded}
    if live is not None and wanted["kind"] == Kind.AGENT and _foreign(live):
        body["spec"] = {**_spec(wanted), "replicas": _spec(live)["replicas"]}
    return body


def _counted(document: Document, live: Document | None) -> Document:
    """`generation` counts changes of spec; kinds without one are not counted."""
    if "spec" not in document or (live is not None and live["spec"] == document["spec"]):
        return document
    return _with_metadata(document, generation=cast("int", metadata_of(document)["generation"]) + 1)


def _managed(document: Document) -> Document:
    """Book-keeping of who set what, as far as `spec.replicas` of an Agent needs it."""
    if document["kind"] != Kind.AGENT:
        return document
    foreign = _foreign(document)
    ours: Document = {f"f:{name}": {} for name in _spec(document) if not (foreign and name == "replicas")}
    entry = {"manager": FIELD_MANAGER, "operation": "Apply", "subresource": "", "fieldsV1": {"f:spec": ours}}
    return _with_metadata(document, managedFields=[entry, *foreign])


def _managers(document: Document) -> list[Document]:
    return cast("list[Document]", metadata_of(document).get("managedFields", []))


def _foreign(document: Document) -> list[Document]:
    return [entry for entry in _managers(document) if entry["manager"] != FIELD_MANAGER]


def _spec(document: Document) -> Document:
    return cast("Document", document["spec"])


def _with_metadata(document: Document, **fields: object) -> Document:
    return {**document, "metadata": {**metadata_of(document), **fields}}


def to_text(document: Document) -> str:
    """Canonical: equal objects are equal texts."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
