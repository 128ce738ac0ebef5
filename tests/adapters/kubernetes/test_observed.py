"""Deployments and Pods, read as workers; shapes as a real API server gives them."""

from typing import Any

import pytest

from aios.adapters.kubernetes.observed import agent_of, is_rolled_out, observe_workers
from aios.naming import ANNOTATION_CONFIG_DIGEST, labels

LABELS = dict(labels("software", "developer"))


def deployment(generation: int = 1, **status: Any) -> dict[str, Any]:
    filled = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, **status}
    return {
        "metadata": {"name": "software-developer", "namespace": "n", "labels": LABELS, "generation": generation},
        "spec": {"replicas": 2, "template": {"metadata": {"annotations": {ANNOTATION_CONFIG_DIGEST: "abc"}}}},
        "status": filled,
    }


def pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "namespace": "n", "labels": LABELS}, "status": status}


def waiting(reason: str) -> dict[str, Any]:
    return pod(containerStatuses=[{"state": {"waiting": {"reason": reason, "message": "why"}}}])


def test_a_rolled_out_deployment_tells_replicas_and_configuration() -> None:
    (seen,) = observe_workers([deployment()], [])
    assert (seen.namespace, seen.agent, seen.replicas, seen.ready) == ("n", "software-developer", 2, 2)
    assert (seen.config_digest, seen.reason) == ("abc", "")


@pytest.mark.parametrize("status", [{"updatedReplicas": 1}, {"replicas": 3}, {"observedGeneration": 0}])
def test_no_configuration_is_named_while_replicas_are_replaced(status: dict[str, Any]) -> None:
    found = deployment(**status)
    assert not is_rolled_out(found)
    assert observe_workers([found], [])[0].config_digest == ""


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (waiting("ErrImagePull"), "ImagePullBackOff"),
        (waiting("CrashLoopBackOff"), "CrashLoopBackOff"),
        (waiting("ContainerCreating"), ""),
        (pod(conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]), "Unschedulable"),
        (pod(phase="Running"), ""),
    ],
)
def test_the_pod_tells_why(told: dict[str, Any], reason: str) -> None:
    assert observe_workers([deployment(readyReplicas=0)], [told])[0].reason == reason


def test_a_pod_that_is_going_away_tells_nothing() -> None:
    going = waiting("CrashLoopBackOff")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert observe_workers([deployment()], [going])[0].reason == ""


def test_a_quota_is_told_by_the_deployment() -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
    (seen,) = observe_workers([deployment(conditions=[failure])], [])
    assert (seen.reason, seen.message) == ("FailedCreate", "exceeded quota")


def test_what_carries_no_label_of_ours_is_left_alone() -> None:
    other = deployment()
    other["metadata"]["labels"] = {"app": "web"}
    assert agent_of(other) is None
    assert observe_workers([other], [waiting("CrashLoopBackOff")]) == ()
