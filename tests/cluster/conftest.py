"""What tests on a real API server share: our CRDs, an installed operator, and its process."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from aios.naming import digest
from tests.cluster.operator_process import OperatorProcess
from tests.servers.control_plane import ControlPlane
from tests.servers.rabbitmq import RabbitProcess, made_vhost
from tests.servers.redis import made_database

ROOT = Path(__file__).parents[2]
OPERATOR_NAMESPACE = "aios-system"
OPERATOR_USER = f"system:serviceaccount:{OPERATOR_NAMESPACE}:aios-operator"


@pytest.fixture(scope="session")
def installed(control_plane: ControlPlane) -> ControlPlane:
    """A control plane with `crds/` and `specs/install` applied, as the README says; its Deployment has no node."""
    control_plane.kubectl("apply", "-k", str(ROOT / "crds"))
    control_plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    control_plane.kubectl("apply", "-k", str(ROOT / "specs" / "install"))
    return control_plane


@pytest.fixture
def operator(installed: ControlPlane, tmp_path: Path) -> Iterator[OperatorProcess]:
    """The operator as its own service account, with exactly the rights of specs/install; started, not yet ready."""
    kubeconfig = installed.kubeconfig_for(namespace=OPERATOR_NAMESPACE, service_account="aios-operator")
    process = OperatorProcess(kubeconfig, tmp_path / "operator.log")
    process.start()
    yield process
    process.stop()


@pytest.fixture
def services(rabbitmq: RabbitProcess, minio: str, redis_server: str, tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """What the Secret aios-services would say; in the environment, since the operator's fixture takes it from there."""
    name = digest(str(tmp_path))[:12]
    stated = {
        "AIOS_BROKER_URL": made_vhost(rabbitmq.url, rabbitmq.admin_url, name),
        "AIOS_BROKER_ADMIN_URL": rabbitmq.admin_url,
        "AIOS_OBJECTS_URL": f"{minio}?prefix={name}-",
        "AIOS_SESSIONS_URL": made_database(redis_server, name),
    }
    os.environ.update(stated)
    yield stated
    for variable in stated:
        del os.environ[variable]
