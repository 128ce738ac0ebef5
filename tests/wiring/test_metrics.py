"""A process that cannot serve its metrics says which port it is, and which variable to set."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from aios.errors import EnvironmentProblemError
from aios.telemetry import LOOPBACK
from aios.wiring.metrics import open_metrics
from tests.cli.console import EXAMPLES, aios
from tests.desired.building import worker_file

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: nobody, user: {}}]
"""


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else has."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_named_with_its_variable(taken: int) -> None:
    with pytest.raises(EnvironmentProblemError, match=f"port {taken}: Address already in use.*AIOS_METRICS_PORT"):
        open_metrics("test", port=taken, address=LOOPBACK)


@pytest.mark.parametrize(
    "words",
    [
        ("up", EXAMPLES / "01-hello", "--once", "-C", ".aios"),
        ("engine", EXAMPLES / "01-hello", "--once", "-C", ".aios"),
        ("worker", "--config", "worker.json", "--state", ".aios"),
        ("engine", "--cluster"),
        ("operator",),
    ],
)
def test_every_process_says_so(words: tuple[str | Path, ...], taken: int, tmp_path: Path) -> None:
    worker_file(tmp_path)
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    variables = {"AIOS_METRICS_PORT": str(taken), "KUBECONFIG": "kubeconfig", "POD_NAME": "t-developer-0"}
    refused = aios(*words, cwd=tmp_path, env=variables)
    assert refused.code == 3
    assert f"cannot serve /metrics at 127.0.0.1 port {taken}: Address already in use" in refused.err
    assert "Traceback" not in refused.err
