"""Deployments and Pods as our ObservedWorker: how many replicas answer, with which configuration, and why not.

Pure. Kubernetes tells the reason in four places (waiting containers, the scheduler's condition, the Deployment's
ReplicaFailure and its Progressing); the one nearest to the pod is the most telling.
"""

from collections.abc import Iterable, Mapping, Sequence

from aios.adapters.kubernetes.api import Manifest
from aios.naming import ANNOTATION_CONFIG_DIGEST, LABEL_MEMBER, LABEL_TEAM, agent_name
from aios.ports.workloads import ObservedWorker

_HARMLESS = frozenset({"ContainerCreating", "PodInitializing"})
_NORMALISED = {"ErrImagePull": "ImagePullBackOff"}


def agent_of(manifest: Manifest) -> str | None:
    """The Agent an object of ours belongs to, by its labels."""
    found = manifest["metadata"].get("labels", {})
    if LABEL_TEAM not in found or LABEL_MEMBER not in found:
        return None
    return agent_name(found[LABEL_TEAM], found[LABEL_MEMBER])


def observe_workers(deployments: Iterable[Manifest], pods: Iterable[Manifest]) -> tuple[ObservedWorker, ...]:
    """One ObservedWorker a Deployment of ours, sorted by agent."""
    by_agent: dict[str | None, list[Manifest]] = {}
    for pod in pods:
        by_agent.setdefault(agent_of(pod), []).append(pod)
    found = [
        _observe(deployment, agent, by_agent.get(agent, ()))
        for deployment in deployments
        if (agent := agent_of(deployment)) is not None and "deletionTimestamp" not in deployment["metadata"]
    ]
    return tuple(sorted(found, key=lambda worker: (worker.namespace, worker.agent)))


def is_rolled_out(deployment: Manifest) -> bool:
    """Every replica runs the template that is stated now."""
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return False
    return bool(status.get("replicas", 0) == status.get("updatedReplicas", 0) == wanted)


def has_pods_to_explain(deployment: Manifest) -> bool:
    """Whether there are Pods, and any of them may say why it is not ready."""
    status = deployment.get("status", {})
    replicas = status.get("replicas", 0)
    return bool(replicas) and not (is_rolled_out(deployment) and status.get("readyReplicas", 0) == replicas)


def _observe(deployment: Manifest, agent: str, pods: Sequence[Manifest]) -> ObservedWorker:
    status = deployment.get("status", {})
    template = deployment["spec"]["template"]["metadata"].get("annotations", {})
    reason, message = _why_not(deployment, pods)
    return ObservedWorker(
        namespace=deployment["metadata"]["namespace"],
        agent=agent,
        replicas=status.get("replicas", 0),
        ready=status.get("readyReplicas", 0),
        # While old replicas run beside new ones there is no one configuration to name.
        config_digest=template.get(ANNOTATION_CONFIG_DIGEST, "") if is_rolled_out(deployment) else "",
        reason=reason,
        message=message,
    )


def _why_not(deployment: Manifest, pods: Sequence[Manifest]) -> tuple[str, str]:
    for pod in pods:
        if "deletionTimestamp" not in pod["metadata"] and (found := _of_pod(pod)):
            return found
    conditions = {entry["type"]: entry for entry in deployment.get("status", {}).get("conditions", ())}
    if (failure := conditions.get("ReplicaFailure")) and failure["status"] == "True":
        return failure.get("reason", "FailedCreate"), failure.get("message", "")
    if (progress := conditions.get("Progressing")) and progress["status"] == "False":
        return progress.get("reason", "ProgressDeadlineExceeded"), progress.get("message", "")
    return "", ""


def _of_pod(pod: Manifest) -> tuple[str, str] | None:
    status = pod.get("status", {})
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        waiting: Mapping[str, str] = container.get("state", {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        if reason and reason not in _HARMLESS:
            return _NORMALISED.get(reason, reason), waiting.get("message", "")
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return condition.get("reason", "Unschedulable"), condition.get("message", "")
    return None
