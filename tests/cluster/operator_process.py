"""The operator as a process of its own, told apart from the tests by its account."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from tests.servers.process import free_ports
from tests.servers.waiting import eventually


class OperatorProcess:
    """`aios operator`, started and stopped at will; its log is appended to."""

    def __init__(self, kubeconfig: Path, log: Path) -> None:
        self.log = log
        self._kubeconfig = kubeconfig
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns at once."""
        self._port = free_ports(1)[0]
        environment = {
            **os.environ,
            "KUBECONFIG": str(self._kubeconfig),
            "AIOS_METRICS_PORT": str(self._port),
            "AIOS_WORKER_IMAGE": "aios:test",
        }
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "aios", "operator"], env=environment, stdout=output, stderr=output
            )

    def stop(self) -> int:
        """SIGTERM, as Kubernetes sends it; the exit code. Harmless when it has ended."""
        process = self._process
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def wait_until_ready(self) -> None:
        """Until /readyz says that everything was listed and is watched."""
        eventually(lambda: self.status("/readyz") == 200, what=f"the operator is ready\n{self.log}", within_seconds=60)

    def status(self, path: str) -> int:
        """The HTTP status of a probe; 0 while nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0
