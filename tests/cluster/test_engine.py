"""A project on a real API server over real services: the operator accepts it, an engine drives it, workers with the
configuration that their pods would have do it. Every process has exactly the rights and files that it would have."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from aios.adapters.kubernetes.render import CONFIG_FILE
from aios.naming import digest
from tests.cluster.conftest import OPERATOR_NAMESPACE
from tests.cluster.operator_process import OperatorProcess
from tests.servers.control_plane import ControlPlane
from tests.servers.rabbitmq import RabbitProcess, made_vhost
from tests.servers.waiting import eventually

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "02-software-team"


@pytest.fixture
def services(rabbitmq: RabbitProcess, minio: str, redis_server: str, tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """What the Secret aios-services would say; in the environment, since the operator's fixture takes it from there."""
    name = digest(str(tmp_path))[:12]
    stated = {
        "AIOS_BROKER_URL": made_vhost(rabbitmq.url, rabbitmq.admin_url, name),
        "AIOS_BROKER_ADMIN_URL": rabbitmq.admin_url,
        "AIOS_OBJECTS_URL": f"{minio}?prefix={name}-",
        "AIOS_SESSIONS_URL": redis_server.replace("/0", f"/{1 + int(name[:4], 16) % 15}"),
    }
    os.environ.update(stated)
    yield stated
    for variable in stated:
        del os.environ[variable]


class Process:
    """`aios WORDS` with an environment of its own, its output in a file."""

    def __init__(self, log: Path, *words: str, **environment: str) -> None:
        clean = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "aios", *words], env={**clean, **environment}, stdout=output, stderr=output
            )

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def test_a_project_runs_on_kubernetes_over_real_services(
    services: Mapping[str, str], installed: ControlPlane, namespace: str, tmp_path: Path, operator: OperatorProcess
) -> None:
    del services
    kubeconfig = installed.kubeconfig_for(namespace=OPERATOR_NAMESPACE, service_account="aios-engine")
    installed.kubectl("apply", "-n", namespace, "-f", str(EXAMPLE))
    operator.wait_until_ready()
    with ExitStack() as stack:
        engine = Process(tmp_path / "engine.log", "engine", "--cluster", KUBECONFIG=str(kubeconfig))
        stack.callback(engine.stop)
        for agent in ("architect", "developer", "tester", "writer"):
            config = tmp_path / f"{agent}.json"
            config.write_text(_configuration(installed, namespace, f"software-{agent}"))
            worker = Process(tmp_path / f"{agent}.log", "worker", "--config", str(config), "--id", f"{agent}-0")
            stack.callback(worker.stop)

        def succeeded() -> bool:
            return (
                "Succeeded"
                in installed.kubectl(
                    "get", "project/word-count", "-n", namespace, "-o", "jsonpath={.status.phase}"
                ).stdout
            )

        eventually(succeeded, what=f"the project succeeds: {tmp_path}", within_seconds=90)
    installed.kubectl("wait", "--for=condition=Complete", "project/word-count", "-n", namespace, "--timeout=20s")


def _configuration(plane: ControlPlane, namespace: str, agent: str) -> str:
    """What the Deployment's pods would read."""

    def found() -> str | None:
        listed = json.loads(plane.kubectl("get", "configmaps", "-n", namespace, "-o", "json").stdout)["items"]
        mine = [one for one in listed if one["metadata"]["name"].startswith(f"{agent}-")]
        return str(mine[0]["data"][CONFIG_FILE]) if mine else None

    return eventually(found, what=f"the configuration of {agent}", within_seconds=60)
