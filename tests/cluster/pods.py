"""What runs in an installation's pods, as processes: the same words, the same files, the same environment."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aios.adapters.kubernetes.render import CONFIG_FILE
from tests.servers.control_plane import ControlPlane
from tests.servers.waiting import eventually

HERE = {"AIOS_METRICS_PORT": "0", "AIOS_METRICS_ADDRESS": "127.0.0.1"}
"""Pods have an address each, processes share one."""


class Process:
    """`aios WORDS` with an environment of its own and nothing else of ours, its output in a file."""

    def __init__(self, log: Path, *words: str, environment: Mapping[str, str]) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AIOS_")}
        kept.pop("KUBECONFIG")
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "aios", *words], env={**kept, **environment}, stdout=output, stderr=output
            )

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def start_worker(plane: ControlPlane, namespace: str, agent: str, folder: Path) -> Process:
    """A replica as its Deployment describes it."""
    config = folder / f"{agent}.json"
    config.write_text(configuration(plane, namespace, agent))
    words = ("worker", "--config", str(config), "--id", f"{agent}-0")
    return Process(folder / f"{agent}.log", *words, environment={**environment(plane, namespace, agent), **HERE})


def configuration(plane: ControlPlane, namespace: str, agent: str) -> str:
    """What its pods read from their ConfigMap."""
    deployment(plane, namespace, agent)
    listed = plane.kubectl_json("get", "configmaps", "-n", namespace)["items"]
    return str(next(one for one in listed if one["metadata"]["name"].startswith(f"{agent}-"))["data"][CONFIG_FILE])


def environment(plane: ControlPlane, namespace: str, agent: str) -> Mapping[str, str]:
    """What the kubelet would give its pods: the last Secret counts, and before it what is stated."""
    container = deployment(plane, namespace, agent)["spec"]["template"]["spec"]["containers"][0]
    found: dict[str, str] = {}
    for source in container["envFrom"]:
        found.update(secret(plane, namespace, source["secretRef"]["name"]))
    # What says neither a value nor where it comes from is empty.
    found.update({one["name"]: one.get("value", "") for one in container["env"] if "valueFrom" not in one})
    for key in (one["valueFrom"].get("secretKeyRef") for one in container["env"] if "valueFrom" in one):
        if key is not None and key["key"] in (stated := secret(plane, namespace, key["name"])):
            found[key["key"]] = stated[key["key"]]
    return {**found, "POD_NAME": f"{agent}-0"}


def read_secret(plane: ControlPlane, namespace: str, agent: str) -> str:
    """The name of the Secret that the agent's pods take their services from before any other."""
    (container,) = deployment(plane, namespace, agent)["spec"]["template"]["spec"]["containers"]
    return str(container["envFrom"][0]["secretRef"]["name"])


def secret(plane: ControlPlane, namespace: str, name: str) -> Mapping[str, str]:
    """The entries of a Secret; none when there is no such Secret."""
    told = plane.kubectl("get", "secret", name, "-n", namespace, "--ignore-not-found", "-o", "json").stdout
    data = json.loads(told)["data"] if told.strip() else {}
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def deployment(plane: ControlPlane, namespace: str, agent: str) -> dict[str, Any]:
    """The agent's Deployment, once there is one."""

    def found() -> dict[str, Any] | None:
        told = plane.kubectl("get", "deployment", agent, "-n", namespace, "--ignore-not-found", "-o", "json").stdout
        return json.loads(told) if told.strip() else None

    return eventually(found, what=f"the Deployment of {agent}", within_seconds=60)
