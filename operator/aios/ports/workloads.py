"""Workloads: the running agents, as processes, tasks or Deployments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aios.desired.nouns import Worker


@dataclass(frozen=True, slots=True)
class ObservedWorker:
    """What runs for an agent. `config_digest` is of what the replicas were started with."""

    namespace: str
    agent: str
    replicas: int
    ready: int
    config_digest: str
    reason: str = ""
    """Why replicas are not ready: CrashLoopBackOff, ImagePullBackOff, Unschedulable ...; empty when all is well."""
    message: str = ""


class Workloads(Protocol):
    """Apply, observe and delete workers.

    Promises: applying what runs already changes nothing; a changed configuration replaces replicas without
    cancelling the tasks they have in flight, up to the task timeout; a replica that dies is started again with
    back-off.
    """

    async def apply(self, worker: Worker) -> None: ...

    async def observe(self, namespace: str, agent: str | None = None) -> Sequence[ObservedWorker]:
        """Every worker of ours in the namespace, sorted by agent, or that of one `agent`, if there is one."""
        ...

    async def delete(self, namespace: str, agent: str) -> None:
        """Stop it; what it had in flight is found by the engine's sweep. No error when it does not exist."""
        ...
