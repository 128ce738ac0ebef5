"""A project on a real API server over real services: the operator accepts it, an engine drives it, workers with the
configuration that their pods would have do it. Every process has exactly the rights and files that it would have."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cluster.conftest import OPERATOR_NAMESPACE
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.pods import Process, start_worker
from tests.servers.control_plane import ControlPlane
from tests.servers.waiting import eventually

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "02-software-team"


@pytest.mark.timeout(400)
def test_a_project_runs_on_kubernetes_over_real_services(
    services: Mapping[str, str], installed: ControlPlane, namespace: str, tmp_path: Path, operator: OperatorProcess
) -> None:
    kubeconfig = installed.kubeconfig_for(namespace=OPERATOR_NAMESPACE, service_account="aios-engine")
    installed.kubectl("apply", "-n", namespace, "-f", str(EXAMPLE))
    operator.wait_until_ready()
    with ExitStack() as stack:
        environment = {**services, "KUBECONFIG": str(kubeconfig)}
        engine = Process(tmp_path / "engine.log", "engine", "--cluster", environment=environment)
        stack.callback(engine.stop)
        for agent in ("architect", "developer", "tester", "writer"):
            worker = start_worker(installed, namespace, f"software-{agent}", tmp_path)
            stack.callback(worker.stop)

        def succeeded() -> bool:
            return (
                "Succeeded"
                in installed.kubectl(
                    "get", "project/word-count", "-n", namespace, "-o", "jsonpath={.status.phase}"
                ).stdout
            )

        eventually(succeeded, what=f"the project succeeds: {tmp_path}", within_seconds=150)
    installed.kubectl("wait", "--for=condition=Complete", "project/word-count", "-n", namespace, "--timeout=60s")
