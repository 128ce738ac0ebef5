"""The control plane of the tests is a real one: proven here once, so that other tests may rely on it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.servers.binaries import Program
from tests.servers.control_plane import ADMIN_USER, ControlPlane, ControlPlaneError, KubectlError
from tests.servers.waiting import eventually

DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "localhost/web:1"}]},
        },
    },
}


def config_map(name: str, value: str) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": value}})


def test_an_applied_config_map_is_stored(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=config_map("greeting", "hello"))

    stored = control_plane.kubectl_json("get", "configmap", "greeting", "-n", namespace)

    assert stored["data"] == {"key": "hello"}


def test_the_server_is_the_program_that_was_found(
    control_plane: ControlPlane, control_plane_programs: dict[Program, Path]
) -> None:
    """A program built without its version says v0.0.0, and then refuses feature gates."""
    program = control_plane_programs[Program.API_SERVER]
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout

    served = control_plane.kubectl_json("version")["serverVersion"]

    assert said.split() == ["Kubernetes", served["gitVersion"]]
    assert int(served["major"]) >= 1


def test_a_deployment_gets_replica_set_and_pods_and_deletion_collects_them(
    control_plane: ControlPlane, namespace: str
) -> None:
    def pods() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = control_plane.kubectl_json("get", "pods", "-n", namespace)["items"]
        return found

    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(DEPLOYMENT))
    eventually(lambda: len(pods()) == 2, what="two pods of deployment web")
    owner = pods()[0]["metadata"]["ownerReferences"][0]
    assert owner["kind"] == "ReplicaSet"

    control_plane.kubectl("delete", "deployment", "web", "-n", namespace)
    eventually(lambda: not pods(), what="garbage collection of the pods of web")


def test_the_audit_log_counts_writes_after_a_mark_only(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=config_map("before", "1"))
    mark = control_plane.mark()
    assert control_plane.writes(mark, user=ADMIN_USER, namespace=namespace) == []

    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=config_map("after", "1"))
    control_plane.kubectl("get", "configmaps", "-n", namespace)

    (write,) = control_plane.writes(mark, user_agent="kubectl", namespace=namespace)
    assert (write.verb, write.resource, write.name, write.code) == ("create", "configmaps", "after", 201)
    assert write.body is not None
    assert write.body["data"] == {"key": "1"}


def test_the_audit_log_never_misses_a_write_that_was_answered(control_plane: ControlPlane, namespace: str) -> None:
    for number in range(10):
        mark = control_plane.mark()
        control_plane.kubectl("create", "configmap", f"c{number}", "-n", namespace)
        names = [write.name for write in control_plane.writes(mark, user=ADMIN_USER, namespace=namespace)]
        assert names == [f"c{number}"]


def test_a_service_account_may_do_only_what_rbac_allows(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.kubectl("create", "serviceaccount", "reader", "-n", namespace)
    role = ("reader", "-n", namespace)
    control_plane.kubectl("create", "role", *role, "--verb=get,list", "--resource=configmaps")
    control_plane.kubectl("create", "rolebinding", *role, "--role=reader", f"--serviceaccount={namespace}:reader")
    reader = control_plane.kubeconfig_for(namespace=namespace, service_account="reader")

    control_plane.kubectl("get", "configmaps", kubeconfig=reader)
    with pytest.raises(KubectlError, match="cannot create resource"):
        control_plane.kubectl("create", "configmap", "mine", kubeconfig=reader)


def test_blocking_an_owner_needs_the_right_to_update_its_finalizers(
    control_plane: ControlPlane, namespace: str
) -> None:
    """What OwnerReferencesPermissionEnforcement does on hardened clusters."""
    control_plane.kubectl("create", "serviceaccount", "maker", "-n", namespace)
    role = ("maker", "-n", namespace)
    control_plane.kubectl("create", "role", *role, "--verb=create", "--resource=configmaps")
    control_plane.kubectl("create", "rolebinding", *role, "--role=maker", f"--serviceaccount={namespace}:maker")
    maker = control_plane.kubeconfig_for(namespace=namespace, service_account="maker")
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(DEPLOYMENT))
    owner = control_plane.kubectl_json("get", "deployment", "web", "-n", namespace)
    child = json.loads(config_map("child", "1"))
    child["metadata"]["ownerReferences"] = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "web",
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": True,
        }
    ]

    with pytest.raises(KubectlError, match="cannot set blockOwnerDeletion"):
        control_plane.kubectl("create", "-f", "-", kubeconfig=maker, input=json.dumps(child))


def test_stop_leaves_no_process_and_no_data(tmp_path: Path, control_plane_programs: dict[Program, Path]) -> None:
    with ControlPlane(control_plane_programs, tmp_path) as second:
        pids = second.pids
        assert len(pids) == 3
        assert all(is_running(pid) for pid in pids)

    assert not any(is_running(pid) for pid in pids)
    assert not (tmp_path / "etcd").exists()


def test_a_server_that_ends_at_once_is_named_with_its_last_words(
    tmp_path: Path, control_plane_programs: dict[Program, Path]
) -> None:
    broken = tmp_path / "kube-apiserver"
    broken.write_text("#!/bin/sh\necho no such flag >&2\nexit 7\n")
    broken.chmod(0o755)
    plane = ControlPlane({**control_plane_programs, Program.API_SERVER: broken}, tmp_path / "data")

    with pytest.raises(ControlPlaneError, match=r"exit code 7(.|\n)*no such flag"):
        plane.start()

    assert plane.pids == []


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
