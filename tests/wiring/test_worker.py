"""`aios worker` where it cannot work yet: in a pod it waits visibly, elsewhere it says what to do. Where it looks for
its models' keys."""

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

from aios.settings import read_settings
from aios.spec.base import SecretKeyRef
from aios.wiring import worker
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
            with urllib.request.urlopen(f"{found[1]}/healthz", timeout=30) as answer:
                assert answer.status == 200
            with pytest.raises(urllib.error.HTTPError, match="503"):
                urllib.request.urlopen(f"{found[1]}/readyz", timeout=30)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


def test_worker_outside_a_pod_without_a_state_folder_says_what_to_do(config: Path) -> None:
    with start(config) as process:
        assert process.wait(timeout=60) == 3
        assert process.stderr
        assert "--state DIR" in process.stderr.read()


REF = SecretKeyRef(name="anthropic", key="api-key")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose `.aios` holds a key, with the process two folders below it."""
    key = tmp_path / ".aios" / "secrets" / "anthropic" / "api-key"
    key.parent.mkdir(parents=True)
    key.write_text("of the project")
    below = tmp_path / "src" / "part"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    for name in ("AIOS_STATE_DIR", "ANTHROPIC_API_KEY", "POD_NAME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


async def test_a_key_is_in_the_state_folder_that_any_command_would_take_here(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await worker._credentials(read_settings()).find("default", REF, "")
    assert found is not None
    assert (found.value, found.source) == ("of the project", f"{project}/.aios/secrets/anthropic/api-key")
    monkeypatch.setenv("AIOS_STATE_DIR", str(project / "elsewhere"))
    credentials = worker._credentials(read_settings())
    assert await credentials.find("default", REF, "") is None
    told = credentials.places("default", REF, "ANTHROPIC_API_KEY")
    assert tuple(told) == (f"{project}/elsewhere/secrets/anthropic/api-key", "the environment's ANTHROPIC_API_KEY")


async def test_a_pod_takes_no_key_from_files_that_lie_about(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAME", "t-developer-0")
    credentials = worker._credentials(read_settings())
    assert await credentials.find("default", REF, "") is None
    assert not any(str(project) in place for place in credentials.places("default", REF, "ANTHROPIC_API_KEY"))
