"""`aios worker` where it cannot work yet: in a pod it waits visibly, elsewhere it says what to do."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.desired.building import worker_file


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A worker's configuration, as a file."""
    return worker_file(tmp_path)


def start(config: Path, **environment: str) -> "subprocess.Popen[str]":
    """`aios worker --config FILE` without a state folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "aios", "worker", "--config", str(config)],
        env={**os.environ, **environment},
        cwd=config.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_pod_without_services_is_alive_and_not_ready_until_it_is_stopped(config: Path) -> None:
    with start(config, POD_NAME="t-developer-0") as process:
        try:
            assert process.stderr
            said = json.loads(process.stderr.readline())
            assert said["agent"] == "t-developer"
            found = re.search(r"(http://[^/]+)/", said["message"])
            assert found, said
            with urllib.request.urlopen(f"{found[1]}/healthz", timeout=5) as answer:
                assert answer.status == 200
            with pytest.raises(urllib.error.HTTPError, match="503"):
                urllib.request.urlopen(f"{found[1]}/readyz", timeout=5)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0
        finally:
            process.kill()


def test_worker_outside_a_pod_without_a_state_folder_says_what_to_do(config: Path) -> None:
    with start(config) as process:
        assert process.wait(timeout=20) == 3
        assert process.stderr
        assert "--state DIR" in process.stderr.read()
