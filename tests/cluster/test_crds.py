"""The CRDs in a real API server: they are accepted, and they judge as the loader judges.

What only the loader can know is one explicit list, `LOADER_ONLY`; anything else on which the two differ is a bug.
"""

import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from aios.naming import API_VERSION
from aios.spec.crd import DEFINITIONS
from tests.servers.control_plane import ControlPlane
from tests.spec.verdicts import AGENT, INVALID, LOADER_ONLY, UPDATES, VALID, Case

CRDS = Path(__file__).parents[2] / "crds"
PLURALS = {definition.kind: definition.plural for definition in DEFINITIONS}


class Server:
    """Requests with fieldValidation=Strict, one connection, as the administrator of `plane`."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self.namespace = namespace
        config = json.loads(plane.kubeconfig.read_text())
        self._token = config["users"][0]["user"]["token"]
        context = ssl.create_default_context(cafile=str(plane.folder / "ca.crt"))
        self._connection = http.client.HTTPSConnection(urlsplit(plane.url).netloc, timeout=30, context=context)

    def create(self, case: Case, *, dry_run: bool = False) -> tuple[int, dict[str, Any]]:
        query = "?fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        return self._request("POST", f"{self._path(case.kind)}{query}", case.to_object(self.namespace))

    def replace(self, case: Case, resource_version: str) -> tuple[int, dict[str, Any]]:
        body = case.to_object(self.namespace)
        body["metadata"]["resourceVersion"] = resource_version
        return self._request("PUT", f"{self._path(case.kind)}/{case.object_name}?fieldValidation=Strict", body)

    def delete(self, case: Case) -> None:
        self._request("DELETE", f"{self._path(case.kind)}/{case.object_name}", None)

    def close(self) -> None:
        self._connection.close()

    def _path(self, kind: str) -> str:
        return f"/apis/{API_VERSION}/namespaces/{self.namespace}/{PLURALS[kind]}"

    def _request(self, method: str, path: str, body: object) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        self._connection.request(method, path, json.dumps(body), headers)
        response = self._connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        return response.status, answer


@pytest.fixture(scope="module")
def installed(control_plane: ControlPlane) -> ControlPlane:
    """The control plane with our CRDs, applied the way the README says."""
    control_plane.kubectl("apply", "-k", str(CRDS))
    names = [f"crd/{definition.plural}.aios.dev" for definition in DEFINITIONS]
    control_plane.kubectl("wait", "--for=condition=Established", *names, "--timeout=30s")
    return control_plane


@pytest.fixture
def server(installed: ControlPlane, namespace: str) -> Iterator[Server]:
    server = Server(installed, namespace)
    yield server
    server.close()


def test_api_server_accepts_what_the_loader_accepts(server: Server) -> None:
    refused = {
        case.name: answer["message"]
        for case in (*VALID, *LOADER_ONLY)
        for status, answer in [server.create(case, dry_run=True)]
        if status != 201
    }

    assert refused == {}


def test_api_server_refuses_what_the_loader_refuses(server: Server) -> None:
    statuses = {case.name: server.create(case, dry_run=True)[0] for case in INVALID}

    assert {name: status for name, status in statuses.items() if status not in {400, 422}} == {}


@pytest.mark.parametrize(
    ("before", "after", "allowed"), [update[1:] for update in UPDATES], ids=[update[0] for update in UPDATES]
)
def test_api_server_judges_an_update(before: Case, after: Case, allowed: bool, server: Server) -> None:
    status, created = server.create(before)
    assert status == 201, created

    status, answer = server.replace(after, created["metadata"]["resourceVersion"])

    assert (status == 200) is allowed, answer
    assert status in {200, 422}


def test_refusal_by_a_rule_says_what_to_do(server: Server) -> None:
    unpriced = next(case for case in INVALID if case.name == "a Cloud model without prices")

    _, answer = server.create(unpriced, dry_run=True)

    assert 'a Cloud model states its prices: {inputPerMTok: "3.00"' in answer["message"]


def test_stored_object_holds_the_defaults_of_the_models(server: Server) -> None:
    bare = next(case for case in VALID if case.name == "a project without tasks")

    _, answer = server.create(bare, dry_run=True)

    assert answer["spec"] | {"privacy": "Internal", "timeout": "1h", "deletionPolicy": "Retain"} == answer["spec"]


def test_short_names_category_and_columns_work(installed: ControlPlane, server: Server) -> None:
    server.create(Case("", "Agent", AGENT, "software-developer"))

    for name in ("mdl", "at", "ag", "proj", "aios"):
        installed.kubectl("get", name, "-n", server.namespace)
    wide = installed.kubectl("get", "ag", "-n", server.namespace, "-o", "wide").stdout.splitlines()

    columns = ["NAME", "TEAM", "TIER", "MODEL", "PHASE", "READY", "BUSY", "DONE", "AGE", "REASON", "TOKENS"]
    assert wide[0].split() == columns
    assert wide[1].split()[:2] == ["software-developer", "software"]


def test_agent_is_scaled_by_kubectl(installed: ControlPlane, server: Server) -> None:
    server.create(Case("", "Agent", AGENT, "software-developer"))

    installed.kubectl("scale", "agents.aios.dev/software-developer", "-n", server.namespace, "--replicas=4")

    agent = installed.kubectl_json("get", "ag", "software-developer", "-n", server.namespace)
    assert agent["spec"]["replicas"] == 4
    scale = "/apis/aios.dev/v1alpha1/namespaces/{}/agents/software-developer/scale"
    status = json.dumps({"status": {"replicas": 3, "selector": "aios.dev/member=developer"}})
    arguments = ("patch", "ag", "software-developer", "-n", server.namespace, "--subresource=status")
    installed.kubectl(*arguments, "--type=merge", "-p", status)
    answer = json.loads(installed.kubectl("get", "--raw", scale.format(server.namespace)).stdout)
    assert answer["status"] == {"replicas": 3, "selector": "aios.dev/member=developer"}
