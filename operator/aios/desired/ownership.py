"""Who set which field, by server-side apply's book-keeping (`metadata.managedFields`)."""

from collections.abc import Mapping

from aios.naming import FIELD_MANAGER
from aios.spec.agent import Agent
from aios.spec.base import ManagedFields, ObjectMeta

_REPLICAS = ("spec", "replicas")


def foreign_scaler(agent: Agent) -> str | None:
    """The manager besides us that set the Agent's `spec.replicas` (kubectl scale, an autoscaler, a person), or None."""
    entries = agent.metadata.managed_fields
    return next((entry.manager for entry in entries if not _is_ours(entry) and owns(entry.fields_v1, _REPLICAS)), None)


def wanted_replicas(seed: int, live: Agent | None) -> int:
    """The replicas an Agent should state: the team's `seed`, unless somebody else scaled the one that is there."""
    return live.spec.replicas if live is not None and foreign_scaler(live) else seed


def owned_fields(metadata: ObjectMeta, *, manager: str = FIELD_MANAGER, subresource: str = "") -> Mapping[str, object]:
    """The `fieldsV1` that `manager` applied to the object or to its `subresource`; empty when it never did."""
    for entry in metadata.managed_fields:
        if (entry.manager, entry.operation, entry.subresource) == (manager, "Apply", subresource):
            return entry.fields_v1
    return {}


def owns(fields: Mapping[str, object], path: tuple[str, ...]) -> bool:
    """Whether `fieldsV1` holds the field at `path`."""
    below: object = fields
    for name in path:
        if not isinstance(below, Mapping) or f"f:{name}" not in below:
            return False
        below = below[f"f:{name}"]
    return True


def _is_ours(entry: ManagedFields) -> bool:
    return entry.manager == FIELD_MANAGER and entry.subresource != "scale"
