"""Resources: our custom resources wherever they live, in an API server or in the laptop's store."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from aios.spec.agent import Agent, AgentStatus
from aios.spec.base import ConfigMap, Kind, Ref, Resource, Secret
from aios.spec.model import Model, ModelStatus
from aios.spec.project import Project, ProjectStatus, RunStatus
from aios.spec.team import AgentTeam, TeamStatus

AnyResource = Model | AgentTeam | Agent | Project | ConfigMap | Secret
AnyStatus = ModelStatus | TeamStatus | AgentStatus | ProjectStatus


class Resources(Protocol):
    """Read and write resources.

    Promises: `apply` of what is already there writes nothing and moves no resourceVersion; `generation` counts
    changes of spec; deleting an object with finalizers only marks it until the last finalizer is gone; deleting an
    owner deletes what it owns.
    """

    async def get(self, ref: Ref) -> AnyResource | None: ...

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[AnyResource]:
        """Sorted by namespace and name; None lists all namespaces, `labels` only what carries all of them. What this
        version cannot read is left out and logged: one object must not hide the others."""
        ...

    async def apply(self, resource: Resource) -> None:
        """Make metadata (labels, annotations, owners, finalizers) and spec what `resource` says, as our manager.
        A foreign manager of `spec.replicas` of an Agent keeps its value. Finalizers are only added: `remove_finalizer`
        takes them away. The resource's status is not looked at. An object whose owners are all gone does not stay."""
        ...

    async def write_status(self, ref: Ref, status: AnyStatus) -> bool:
        """Replace the status but for `run`, which is the engine's; writes nothing when equal. False: no such object."""
        ...

    async def write_run(self, ref: Ref, run: RunStatus) -> bool:
        """Replace a Project's `status.run`; writes nothing when equal. False: no such object."""
        ...

    async def add_finalizer(self, ref: Ref, finalizer: str) -> None:
        """Hold the object until `remove_finalizer`; writes nothing when it is there, or when the object is being
        deleted or is gone. Touches nothing else: the spec stays its author's."""
        ...

    async def remove_finalizer(self, ref: Ref, finalizer: str) -> None:
        """Let it go; writes nothing when the finalizer or the object is not there."""
        ...

    async def delete(self, ref: Ref) -> None:
        """No error when it does not exist."""
        ...

    async def record_event(self, ref: Ref, *, kind: str, reason: str, message: str) -> None:
        """Tell the object's readers once; `kind` is Normal or Warning. Repeats of the same are counted, not added."""
        ...

    def changes(self) -> AsyncIterator[Ref]:
        """First every object there is, then the ref of each that is added, changed or deleted, as long as read."""
        ...
