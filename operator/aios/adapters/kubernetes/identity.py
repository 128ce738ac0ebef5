"""What tells this cluster from every other one."""

from aios.adapters.kubernetes.api import Api
from aios.errors import EnvironmentProblemError

OLDEST = "kube-system"
"""A namespace that every cluster has from its first to its last day."""


async def cluster_identity(api: Api) -> str:
    """The uid of the namespace kube-system, as OpenTelemetry's `k8s.cluster.uid` has it. Raises
    EnvironmentProblemError when we may not read it, ServiceUnavailableError when the API server does not answer."""
    found = await api.get_cluster_wide("Namespace", OLDEST)
    if found is None:
        raise EnvironmentProblemError(f"this cluster has no namespace {OLDEST}: is it a Kubernetes?")
    return str(found["metadata"]["uid"])
