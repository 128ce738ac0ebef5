"""specs/platform/kustomize on a real API server: accepted as it is, under Pod Security `restricted`."""

import base64
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aios.adapters.kubernetes.render import LABEL_SERVICES
from aios.naming import LABEL_MANAGED_BY, labels
from tests.cli.console import ROOT
from tests.servers.control_plane import ControlPlane
from tests.servers.waiting import eventually

NAMESPACE = "aios-platform"
SERVERS = {"rabbitmq", "minio", "valkey", "qdrant"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with fresh credentials."""
    copy = tmp_path_factory.mktemp("platform") / "platform"
    shutil.copytree(ROOT / "specs" / "platform", copy, ignore=shutil.ignore_patterns("*.env"))
    subprocess.run(["sh", copy / "credentials", "kubernetes"], check=True, capture_output=True, timeout=30)
    return copy


@pytest.fixture(scope="module")
def platform(control_plane: ControlPlane, folder: Path) -> Iterator[ControlPlane]:
    """A control plane with the services applied; there is no node to run them."""
    applied = control_plane.kubectl("apply", "--server-side", "-k", str(folder / "kustomize"))
    assert "Warning" not in applied.stderr
    yield control_plane
    control_plane.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def items(plane: ControlPlane, kind: str) -> dict[str, Any]:
    """By name."""
    listed = plane.kubectl_json("get", kind, "-n", NAMESPACE)["items"]
    return {item["metadata"]["name"]: item for item in listed}


def test_without_credentials_nothing_is_applied(control_plane: ControlPlane, tmp_path: Path) -> None:
    copy = tmp_path / "platform"
    shutil.copytree(ROOT / "specs" / "platform", copy, ignore=shutil.ignore_patterns("*.env"))
    done = control_plane.kubectl("kustomize", str(copy / "kustomize"), check=False)
    assert done.returncode != 0
    assert "servers.env" in done.stderr


def test_pod_security_lets_every_pod_in(platform: ControlPlane) -> None:
    eventually(lambda: len(items(platform, "pods")) == len(SERVERS), what="a pod of each server")
    assert not [event["message"] for event in items(platform, "events").values() if event["type"] == "Warning"
                and "violates PodSecurity" in event["message"]]  # fmt: skip
    namespace = platform.kubectl_json("get", "namespace", NAMESPACE)["metadata"]["labels"]
    assert namespace["pod-security.kubernetes.io/enforce"] == "restricted"
    assert namespace[LABEL_SERVICES] == "true"


def test_applied_twice_nothing_changes(platform: ControlPlane, folder: Path) -> None:
    before = {name: one["metadata"]["generation"] for name, one in items(platform, "statefulsets").items()}
    platform.kubectl("apply", "--server-side", "-k", str(folder / "kustomize"))
    assert {name: one["metadata"]["generation"] for name, one in items(platform, "statefulsets").items()} == before
    assert before.keys() == SERVERS


@pytest.mark.parametrize("name", sorted(SERVERS))
def test_a_server_is_probed_bounded_and_keeps_its_data(platform: ControlPlane, name: str) -> None:
    spec = items(platform, "statefulsets")[name]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
    assert container["resources"]["limits"]["memory"]
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert [claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]] == ["data"]
    assert "data" in {mount["name"] for mount in container["volumeMounts"]}


@pytest.mark.parametrize("name", sorted(SERVERS))
def test_a_service_leads_to_ports_that_its_server_opens(platform: ControlPlane, name: str) -> None:
    service, server = items(platform, "services")[name]["spec"], items(platform, "statefulsets")[name]["spec"]
    assert service["selector"].items() <= server["template"]["metadata"]["labels"].items()
    (container,) = server["template"]["spec"]["containers"]
    assert {port["targetPort"] for port in service["ports"]} == {port["name"] for port in container["ports"]}


def test_every_password_a_server_wants_is_in_the_secret(platform: ControlPlane) -> None:
    secret = platform.kubectl_json("get", "secret", "aios-platform", "-n", NAMESPACE)["data"]
    wanted = {
        variable["valueFrom"]["secretKeyRef"]["key"]
        for server in items(platform, "statefulsets").values()
        for variable in server["spec"]["template"]["spec"]["containers"][0]["env"]
        if "valueFrom" in variable
    }
    assert wanted == secret.keys()


def test_only_aios_gets_in_and_nothing_gets_out(platform: ControlPlane) -> None:
    policies = items(platform, "networkpolicies")
    silent = policies["nothing-else"]["spec"]
    assert (silent["podSelector"], set(silent["policyTypes"])) == ({}, {"Ingress", "Egress"})
    assert not silent.keys() & {"ingress", "egress"}
    (rule,) = policies["from-aios"]["spec"]["ingress"]
    system, workers = rule["from"]
    assert system == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "aios-system"}}}
    assert workers["podSelector"]["matchLabels"].items() <= dict(labels("team", "member")).items()
    assert workers["podSelector"]["matchLabels"].keys() == {LABEL_MANAGED_BY}
    opened = {port["port"] for port in rule["ports"]}
    served = {port["port"] for service in items(platform, "services").values() for port in service["spec"]["ports"]}
    (management,) = policies["management"]["spec"]["ingress"]
    assert opened == served - {15672}
    assert management["from"] == [system]


def test_the_variables_of_aios_become_the_secret_of_the_namespace_named(
    platform: ControlPlane, namespace: str, folder: Path
) -> None:
    platform.kubectl("apply", "-k", str(folder / "kustomize" / "clients"), "-n", namespace)
    secret = platform.kubectl_json("get", "secret", "aios-services", "-n", namespace)["data"]
    hosts = {base64.b64decode(value).decode().rpartition("@")[2].partition(".")[0] for value in secret.values()}
    assert hosts == SERVERS
