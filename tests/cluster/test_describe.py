"""What `aios describe --context` shows of a Project: the API server's part, and what the services know of its run."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.console import EXAMPLES, Ran, aios
from tests.servers.control_plane import ControlPlane

EXAMPLE = EXAMPLES / "01-hello"


@pytest.fixture
def declared(services: Mapping[str, str], installed: ControlPlane, namespace: str, tmp_path: Path) -> Mapping[str, str]:
    """The variables of an installation on whose services the project ran, and whose API server tells of that run."""
    stated = {**services, "AIOS_NAMESPACE": namespace}
    assert aios("up", EXAMPLE, "--once", "-C", "state", cwd=tmp_path, env=stated).code == 0
    listed = aios("get", "project", "greeting", "-o", "json", "-C", "state", cwd=tmp_path, env=stated)
    run = json.loads(listed.out)["status"]["run"]
    installed.kubectl("apply", "-n", namespace, "-f", str(EXAMPLE))
    installed.kubectl(
        *("patch", "project/greeting", "-n", namespace, "--subresource=status", "--type=merge"),
        *("-p", json.dumps({"status": {"run": {"id": run["id"], "phase": run["phase"]}}})),
    )
    return stated


def describe(plane: ControlPlane, folder: Path, variables: Mapping[str, str]) -> Ran:
    words = ("describe", "project", "greeting", "--context", "aios-tests")
    return aios(*words, cwd=folder, env={**variables, "KUBECONFIG": str(plane.kubeconfig)})


def test_where_there_is_nothing_get_says_what_brings_it_in(
    installed: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    words = ("get", "projects", "-n", namespace, "--context", "aios-tests")
    told = aios(*words, cwd=tmp_path, env={"KUBECONFIG": str(installed.kubeconfig)})
    assert (told.code, told.out) == (0, "")
    assert told.err.strip() == "nothing here yet: `kubectl apply -f PATH` brings it in"


def test_tasks_and_routes_are_shown_where_the_services_are_stated(
    declared: Mapping[str, str], installed: ControlPlane, tmp_path: Path
) -> None:
    told = describe(installed, tmp_path, declared)
    assert (told.code, told.err) == (0, "")
    for words in ("goal: A greeting in a file.", "last routes", "greet: greeter/hello", "in all: 2 calls"):
        assert words in told.out


def test_the_clusters_part_is_shown_whatever_the_services_say(
    declared: Mapping[str, str], installed: ControlPlane, tmp_path: Path
) -> None:
    objects = declared["AIOS_OBJECTS_URL"]
    unstated = describe(installed, tmp_path, {"AIOS_NAMESPACE": declared["AIOS_NAMESPACE"]})
    assert unstated.err == ""
    away = describe(installed, tmp_path, {**declared, "AIOS_OBJECTS_URL": "s3+http://k:s@127.0.0.1:1"})
    assert "tasks and routes are not known: " in away.err
    assert "AIOS_OBJECTS_URL" in away.err
    others = describe(installed, tmp_path, {**declared, "AIOS_OBJECTS_URL": objects.replace("prefix=", "prefix=no-")})
    assert "is not on record at the services stated here" in others.err
    for told in (unstated, away, others):
        assert told.code == 0, told.err
        assert "goal: A greeting in a file." in told.out
        assert "last routes" not in told.out
