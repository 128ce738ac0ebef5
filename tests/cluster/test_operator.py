"""The operator on a real API server, with the rights it is installed with."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.cluster.conftest import OPERATOR_USER, ROOT
from tests.cluster.operator_process import OperatorProcess
from tests.servers.audit import AuditEvent, AuditMark
from tests.servers.control_plane import ControlPlane
from tests.servers.waiting import eventually

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/team.yaml"))

MODELS = """
apiVersion: aios.dev/v1alpha1
kind: Model
metadata: {name: strong}
spec:
  provider: Scripted
  capability: 9
  locality: Cloud
  prices: {inputPerMTok: "3.00", outputPerMTok: "15.00"}
  script: [{reply: done}]
---
apiVersion: aios.dev/v1alpha1
kind: Model
metadata: {name: local}
spec: {provider: Scripted, locality: Local, script: [{reply: done}]}
"""

TEAM = """
apiVersion: aios.dev/v1alpha1
kind: AgentTeam
metadata: {name: software}
spec:
  limits: {taskTimeout: 2m}
  members:
  - {name: architect, tier: Strategic, models: [strong], prompt: You plan.}
  - {name: developer, tier: Execution, replicas: 2, models: [local, strong], prompt: You write.}
  - name: writer
    tier: Support
    models: [local]
    clearance: Restricted
    promptFrom: {configMapKeyRef: {name: prompts, key: writer}}
"""

PROMPTS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: prompts}
data: {writer: You write the README.}
"""

PROJECT = """
apiVersion: aios.dev/v1alpha1
kind: Project
metadata: {name: word-count}
spec: {team: software, goal: A word counter.}
"""

WEB_TEAM = """
apiVersion: aios.dev/v1alpha1
kind: AgentTeam
metadata: {name: web}
spec:
  strategy: Sequential
  members:
  - {name: api, tier: Execution, models: [local], prompt: You write.}
"""

NAMESAKES = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: web-api, labels: {app.kubernetes.io/managed-by: Helm}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web-api}
spec: {podSelector: {matchLabels: {app: web-api}}}
"""

THEIRS = ("serviceaccount/web-api", "networkpolicy/web-api")


class Cluster:
    """kubectl in one namespace."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self.plane, self.namespace = plane, namespace

    def apply(self, *documents: str) -> None:
        self.plane.kubectl("apply", "-n", self.namespace, "-f", "-", input="\n---\n".join(documents))

    def run(self, *arguments: str) -> str:
        return self.plane.kubectl(*arguments, "-n", self.namespace).stdout

    def get(self, *what: str) -> dict[str, Any]:
        return self.plane.kubectl_json("get", *what, "-n", self.namespace)

    def find(self, what: str) -> dict[str, Any]:
        """Like `get`, and empty when it does not exist (yet)."""
        text = self.run("get", what, "-o", "json", "--ignore-not-found")
        found: dict[str, Any] = json.loads(text) if text.strip() else {}
        return found

    def names(self, kind: str) -> list[str]:
        return [item["metadata"]["name"] for item in self.get(kind)["items"]]

    def condition(self, what: str, kind: str) -> dict[str, Any]:
        conditions = self.find(what).get("status", {}).get("conditions", [])
        found: dict[str, Any] = next((entry for entry in conditions if entry["type"] == kind), {})
        return found

    def wait_for(self, what: str, kind: str, **fields: str) -> None:
        def holds() -> bool:
            found = self.condition(what, kind)
            return all(found.get(key) == value for key, value in fields.items())

        eventually(holds, what=f"{what}: condition {kind} with {fields}", within_seconds=90)

    def operator_writes(self, since: AuditMark) -> list[AuditEvent]:
        """Everything in this namespace, and everything that is in none, but the Lease it lives by. The namespaces of
        earlier tests are still being deleted, and the operator rightly says so in their objects' statuses."""
        events = self.plane.writes(since, user=OPERATOR_USER)
        mine = [event for event in events if event.namespace in {self.namespace, ""}]
        return [event for event in mine if event.resource != "leases.coordination.k8s.io"]


@pytest.fixture
def cluster(installed: ControlPlane, namespace: str) -> Cluster:
    return Cluster(installed, namespace)


@pytest.fixture
def settled(cluster: Cluster, request: pytest.FixtureRequest) -> Cluster:
    """The team is applied and reconciled; nothing changes any more (no node ever makes its pods ready)."""
    cluster.apply(PROMPTS, MODELS, TEAM, PROJECT)
    # Only now: one that runs may hear of the Project first, and rightly misses its team.
    operator: OperatorProcess = request.getfixturevalue("operator")
    operator.wait_until_ready()
    cluster.wait_for("project/word-count", "Ready", reason="ServicesNotConfigured")
    for agent in ("software-architect", "software-developer", "software-writer"):
        cluster.wait_for(f"agents.aios.dev/{agent}", "Ready", reason="WorkersNotReady")
    wait_for_quiet(cluster)
    return cluster


def wait_for_quiet(cluster: Cluster, looks: int = 20) -> None:
    """Until the operator wrote nothing between any two of so many looks at the audit log in a row."""
    mark = cluster.plane.mark()
    calm = 0

    def is_quiet() -> bool:
        nonlocal mark, calm
        calm = calm + 1 if not cluster.operator_writes(mark) else 0
        mark = cluster.plane.mark()
        return calm >= looks

    eventually(is_quiet, what="the operator has nothing more to write", within_seconds=60)


def table(text: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in text.strip().splitlines()]


def test_a_team_becomes_agents_and_deployments_with_the_columns_of_the_readme(settled: Cluster) -> None:
    rows = table(settled.run("get", "agents.aios.dev"))
    assert rows[0] == ["NAME", "TEAM", "TIER", "MODEL", "PHASE", "READY", "BUSY", "DONE", "AGE"]
    assert [row[:8] for row in rows[1:]] == [
        ["software-architect", "software", "Strategic", "strong", "Starting", "0/1", "0", "0"],
        ["software-developer", "software", "Execution", "local,strong", "Starting", "0/2", "0", "0"],
        ["software-writer", "software", "Support", "local", "Starting", "0/1", "0", "0"],
    ]
    assert settled.names("deployments") == ["software-architect", "software-developer", "software-writer"]
    short = settled.run("get", "at,ag,mdl,proj")
    assert re.search(r"agentteam\.aios\.dev/software\s+False\s+0/3", short)
    assert re.search(r"model\.aios\.dev/strong\s+Scripted\s+Cloud\s+Internal\s+9\s+True", short)
    assert re.search(r"model\.aios\.dev/local\s+Scripted\s+Local\s+Restricted\s+5\s+True", short)
    assert re.search(r"project\.aios\.dev/word-count\s+software\s+Pending", short)


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_every_example_is_accepted_unmodified(cluster: Cluster, operator: OperatorProcess, folder: Path) -> None:
    cluster.run("apply", "-f", str(folder))
    operator.wait_until_ready()
    teams = cluster.get("agentteams")["items"]
    members = [f"{team['metadata']['name']}-{member['name']}" for team in teams for member in team["spec"]["members"]]
    eventually(lambda: cluster.names("deployments") == sorted(members), what=f"Deployments {members}")
    for project in cluster.names("projects"):
        cluster.wait_for(f"project/{project}", "Ready", reason="ServicesNotConfigured")


def test_an_operator_without_services_says_so_at_its_start(settled: Cluster, operator: OperatorProcess) -> None:
    told = operator.log.read_text()
    assert "no services are stated (AIOS_BROKER_URL, " in told
    assert "make the Secret aios-services in " in told


def test_events_tell_why(settled: Cluster) -> None:
    events = settled.get("events.events.k8s.io")["items"]
    told = [event for event in events if event["regarding"]["name"] == "word-count"]
    assert [event["reason"] for event in told] == ["ServicesNotConfigured"]
    assert told[0]["type"] == "Warning"


def test_a_second_reconcile_and_a_restart_write_nothing(settled: Cluster, operator: OperatorProcess) -> None:
    mark = settled.plane.mark()
    settled.run("annotate", "agentteam/software", "model/local", "project/word-count", "touched=yes")
    settled.run("annotate", "agents.aios.dev", "--all", "touched=yes")
    wait_for_quiet(settled, looks=60)
    assert operator.stop() == 0
    operator.start()
    operator.wait_until_ready()
    wait_for_quiet(settled, looks=60)
    assert [str(event) for event in settled.operator_writes(mark)] == []


def test_a_worker_runs_with_its_configuration_and_few_rights(settled: Cluster) -> None:
    pod = settled.get("deployment/software-developer")["spec"]["template"]["spec"]
    volume = next(volume for volume in pod["volumes"] if volume["name"] == "config")
    config = json.loads(settled.get(f"configmap/{volume['configMap']['name']}")["data"]["worker.json"])
    assert config["member"]["prompt"] == "You write."
    assert [model["name"] for model in config["models"]] == ["local", "strong"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["containers"][0]["image"] == "aios:test"
    # The API server's own verdict: it refuses such a pod in a namespace that enforces `restricted`.
    settled.run("label", "namespace", settled.namespace, "pod-security.kubernetes.io/enforce=restricted")
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"}, "spec": pod}
    settled.plane.kubectl("create", "-n", settled.namespace, "--dry-run=server", "-f", "-", input=json.dumps(body))


def test_kubectl_scale_survives_ten_reconciles_and_the_team_no_longer_decides(settled: Cluster) -> None:
    settled.run("scale", "agents.aios.dev/software-developer", "--replicas=5")
    eventually(
        lambda: settled.get("deployment/software-developer")["spec"]["replicas"] == 5, what="five replicas wanted"
    )
    for number in range(10):
        settled.run("annotate", "--overwrite", "agentteam/software", f"touched={number}")
        settled.run("annotate", "--overwrite", "agents.aios.dev/software-developer", f"touched={number}")
    settled.apply(TEAM.replace("replicas: 2", "replicas: 3"))
    wait_for_quiet(settled)
    assert settled.get("agents.aios.dev/software-developer")["spec"]["replicas"] == 5
    assert settled.get("deployment/software-developer")["spec"]["replicas"] == 5


def test_the_teams_replicas_are_followed_while_nobody_scaled(settled: Cluster) -> None:
    settled.apply(TEAM.replace("replicas: 2", "replicas: 3"))
    eventually(
        lambda: settled.get("deployment/software-developer")["spec"]["replicas"] == 3, what="three replicas wanted"
    )


def test_a_member_that_leaves_takes_its_agent_along_and_a_deleted_team_leaves_nothing(settled: Cluster) -> None:
    settled.apply(json.dumps(without_member(TEAM, "writer")))
    eventually(lambda: "software-writer" not in settled.names("agents.aios.dev"), what="the writer's Agent is gone")
    eventually(lambda: "software-writer" not in settled.names("deployments"), what="its Deployment is gone")
    settled.run("delete", "agentteam/software", "--wait=false")
    kinds = ("agents.aios.dev", "deployments", "networkpolicies", "pods")
    for kind in kinds:
        eventually(lambda kind=kind: settled.names(kind) == [], what=f"no {kind} left")  # type: ignore[misc]
    assert_only_eventually(settled, "serviceaccounts", ["default"])
    assert_only_eventually(settled, "configmaps", ["kube-root-ca.crt", "prompts"])
    settled.wait_for("project/word-count", "Ready", reason="TeamNotFound")


def test_what_a_deleted_team_leaves_while_no_operator_runs_is_nothing(
    settled: Cluster, operator: OperatorProcess
) -> None:
    operator.stop()
    settled.run("delete", "agentteam/software", "--wait=false")
    for kind in ("agents.aios.dev", "deployments", "networkpolicies", "pods"):
        assert_only_eventually(settled, kind, [])
    assert_only_eventually(settled, "configmaps", ["kube-root-ca.crt", "prompts"])


def test_a_reference_that_leads_nowhere_stalls_and_heals(cluster: Cluster, operator: OperatorProcess) -> None:
    cluster.apply(TEAM, PROJECT.replace("software", "nobody"))
    operator.wait_until_ready()
    cluster.wait_for("agentteam/software", "Stalled", status="True", reason="ModelNotFound")
    cluster.wait_for("project/word-count", "Stalled", status="True", reason="TeamNotFound")
    cluster.apply(MODELS)
    cluster.wait_for("agentteam/software", "Stalled", status="True", reason="ConfigMapKeyNotFound")
    cluster.apply(PROMPTS)
    cluster.wait_for("agentteam/software", "Stalled", status="False")
    eventually(lambda: len(cluster.names("deployments")) == 3, what="Deployments appear once everything is there")
    cluster.apply(PROJECT)
    cluster.wait_for("project/word-count", "Ready", reason="ServicesNotConfigured")


def test_a_changed_prompt_in_a_config_map_reaches_the_worker(settled: Cluster) -> None:
    before = settled.get("deployment/software-writer")["spec"]["template"]
    settled.apply(PROMPTS.replace("the README", "two READMEs"))

    def changed() -> bool:
        return bool(settled.get("deployment/software-writer")["spec"]["template"] != before)

    eventually(changed, what="a new template for the writer")


def test_a_hand_edit_of_what_the_operator_owns_is_undone(settled: Cluster) -> None:
    settled.run("set", "image", "deployment/software-writer", "worker=somebody/elses:image")

    def image() -> str:
        found = settled.get("deployment/software-writer")["spec"]["template"]["spec"]["containers"][0]["image"]
        return str(found)

    eventually(lambda: image() == "aios:test", what="the operator's image again")


def test_a_quota_that_refuses_pods_shows_on_the_agent(cluster: Cluster, operator: OperatorProcess) -> None:
    cluster.run("create", "quota", "none", "--hard=pods=0")
    cluster.apply(PROMPTS, MODELS, TEAM)
    operator.wait_until_ready()

    def degraded() -> bool:
        status = cluster.find("agents.aios.dev/software-architect").get("status", {})
        return status.get("phase") == "Degraded" and "exceeded quota" in json.dumps(status["conditions"])

    eventually(degraded, what="the Agent says that the quota is exceeded", within_seconds=60)


def test_a_pod_that_cannot_pull_its_image_shows_on_the_agent(settled: Cluster) -> None:
    """There is no node: the test plays the kubelet and writes the status that one would write."""
    selector = "aios.dev/member=writer"
    pod = eventually(lambda: settled.get("pods", "-l", selector)["items"], what="the writer's pod")[0]
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
    container = {
        "name": "worker",
        "image": "aios:test",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": waiting},
    }
    patch = json.dumps({"status": {"containerStatuses": [container]}})
    settled.run("patch", "pod", pod["metadata"]["name"], "--subresource=status", "--type=merge", "-p", patch)
    settled.wait_for("agents.aios.dev/software-writer", "Ready", reason="ImagePullBackOff")
    assert settled.get("agents.aios.dev/software-writer")["status"]["phase"] == "Degraded"


def test_two_operators_take_turns(settled: Cluster, operator: OperatorProcess, tmp_path: Path) -> None:
    kubeconfig = settled.plane.folder / "aios-system.aios-operator.kubeconfig"
    second = OperatorProcess(kubeconfig, tmp_path / "second.log")
    second.start()
    try:
        eventually(lambda: second.status("/healthz") == 200, what="the second operator is alive")
        assert second.status("/readyz") == 503
        operator.stop()
        second.wait_until_ready()
    finally:
        second.stop()


def test_an_operator_whose_lease_is_anothers_ends_at_once(settled: Cluster, operator: OperatorProcess) -> None:
    def give_lease_to(holder: str) -> None:
        patch = json.dumps({"spec": {"holderIdentity": holder}})
        settled.plane.kubectl("patch", "lease/aios-operator", "-n", "aios-system", "--type=merge", "-p", patch)

    give_lease_to("somebody else")
    told = "another operator holds Lease aios-system/aios-operator; this operator ends at once"
    try:
        eventually(lambda: told in operator.log.read_text(), what="the operator says why it ends", within_seconds=40)
        eventually(lambda: operator.status("/healthz") == 0, what="nobody answers", within_seconds=10)
        assert operator.stop() == 3
    finally:
        give_lease_to("")


def test_what_somebody_else_named_like_an_agent_is_left_alone(cluster: Cluster, operator: OperatorProcess) -> None:
    cluster.apply(NAMESAKES, MODELS, WEB_TEAM)
    before = cluster.get(*THEIRS)
    operator.wait_until_ready()
    both = (
        "NetworkPolicy {0}/web-api and ServiceAccount {0}/web-api were not made by AIOS: rename the team or the member,"
    )
    told = both.format(cluster.namespace) + " or remove them"
    cluster.wait_for("agents.aios.dev/web-api", "Ready", status="False", reason="WorkersNotReady", message=told)
    assert cluster.names("deployments") == []
    cluster.run("delete", "agentteam/web")
    eventually(lambda: cluster.names("agents.aios.dev") == [], what="the Agent is gone")
    wait_for_quiet(cluster)
    assert cluster.get(*THEIRS) == before
    cluster.apply(WEB_TEAM)
    cluster.wait_for("agents.aios.dev/web-api", "Ready", message=told)
    cluster.run("delete", *THEIRS)
    eventually(lambda: cluster.names("deployments") == ["web-api"], what="its Deployment", within_seconds=60)


def assert_only_eventually(cluster: Cluster, kind: str, names: list[str]) -> None:
    eventually(lambda: cluster.names(kind) == names, what=f"only {names} left of {kind}")


def without_member(team: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(team)
    found["spec"]["members"] = [member for member in found["spec"]["members"] if member["name"] != name]
    return found
