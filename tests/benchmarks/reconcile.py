"""What teams cost on a real API server: writes, seconds, CPU and memory, beside a bare Kopf operator.

Both get the same teams, each in a namespace of its own, and create the same children (the peer's are copied from what
ours made). Ours goes on to write the status of agents and teams as their Deployments become (here: never) ready, and
corrects drift; the peer creates, patches the team's status once, and looks away. Writes are counted by the API
server's audit log, refused ones too.
"""

import json
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import (
    Bench,
    Better,
    Failed,
    Metrics,
    Outcome,
    Peer,
    Row,
    UnavailableError,
    take_turns,
)
from tests.benchmarks.processes import (
    BIN,
    PROJECT,
    Measured,
    ProcessFailedError,
    tree_cpu_seconds,
    tree_peak_bytes,
)
from tests.servers.binaries import API_TIER, how_to_get, locate, missing
from tests.servers.control_plane import ControlPlane
from tests.servers.process import free_ports

OURS, KOPF = "ours", "bare Kopf operator"
ACCOUNT = "aios-operator"
SYSTEM, PEER_SYSTEM = "aios-system", "kopf-system"
MEMBERS = 3
QUIET_SECONDS = 4.0
"""No write for so long means settled."""
CHILDREN = "agents.aios.dev,deployments,serviceaccounts,networkpolicies,secrets,configmaps"
_SERVERS_OWN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "ownerReferences")
_ROWS = (
    ("writes", "writes of one team", "", Better.LOWER),
    ("seconds", "from apply until the last write", "s", Better.LOWER),
    ("cpu", "CPU of one team", "ms", Better.LOWER),
    ("peak", "peak RSS of the operator", "MB", Better.LOWER),
    ("again", "writes after a restart", "", Better.LOWER),
)


def measure(bench: Bench) -> Iterator[Outcome]:
    """New teams to settled, then a restart of the operator."""
    if gaps := missing():
        raise UnavailableError(how_to_get(gaps).replace("\n", " "))
    programs = {program: found for program in API_TIER if (found := locate(program))}
    with ControlPlane(programs, bench.subfolder("plane")) as plane:
        _install(plane)
        teams = bench.pick(30, 5)
        contest = _Contest(bench, plane, teams)
        figures = take_turns(bench.pick(3, 1), {OURS: contest.ours, KOPF: contest.peer})
    load = f"{teams} teams of {MEMBERS} members; {contest.made}"
    for metric, what, unit, better in _ROWS:
        ours, peer = figures[OURS][metric], Peer(KOPF, figures[KOPF][metric])
        note = contest.written if metric == "writes" else load
        goal = 0.0 if metric == "again" else None
        yield Row(what=what, unit=unit, ours=ours, peer=peer, better=better, note=note, goal=goal)
    if contest.fewer:
        yield Failed("children", contest.fewer)


def _install(plane: ControlPlane) -> None:
    plane.kubectl("apply", "-k", str(PROJECT / "crds"))
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    plane.kubectl("apply", "-k", str(PROJECT / "specs" / "install"))
    plane.kubectl("create", "namespace", PEER_SYSTEM)
    plane.kubectl("create", "serviceaccount", "kopf", "-n", PEER_SYSTEM)
    account = f"{PEER_SYSTEM}:kopf"
    plane.kubectl("create", "clusterrolebinding", "kopf", "--clusterrole=cluster-admin", f"--serviceaccount={account}")


@dataclass(slots=True)
class _Contest:
    """The rounds; every round has fresh namespaces."""

    bench: Bench
    plane: ControlPlane
    teams: int
    made: str = ""
    written: str = ""
    fewer: str = ""
    _template: str = ""
    _rounds: Counter[str] = field(default_factory=Counter)

    def ours(self) -> Metrics:
        """Our operator, with the rights and the account it is installed with."""
        namespace = self._namespace("ours")
        user = f"system:serviceaccount:{SYSTEM}:{ACCOUNT}"
        kubeconfig = self.plane.kubeconfig_for(namespace=SYSTEM, service_account=ACCOUNT)
        metrics = self._round(namespace, user, lambda stack: self._start_ours(stack, kubeconfig))
        if not self._template:
            self._template = self._template_of(namespace)
        self._forget(namespace)
        return metrics

    def peer(self) -> Metrics:
        """The bare one, for one namespace; the children are what ours made in its first round."""
        if not self._template:
            raise AssertionError("ours goes first: the peer copies its children")
        namespace = self._namespace("kopf")
        user = f"system:serviceaccount:{PEER_SYSTEM}:kopf"
        kubeconfig = self.plane.kubeconfig_for(namespace=PEER_SYSTEM, service_account="kopf")
        children = self.bench.subfolder("children") / "children.json"
        children.write_text(self._template.replace("{{namespace}}", namespace))
        metrics = self._round(namespace, user, lambda stack: self._start_peer(stack, kubeconfig, namespace, children))
        self._forget(namespace)
        return metrics

    def _round(self, namespace: str, user: str, start: Callable[[ExitStack], Measured]) -> Metrics:
        with ExitStack() as stack:
            process = start(stack)
            before, mark, began = tree_cpu_seconds(process.pid), self.plane.mark(), time.monotonic()
            self.plane.kubectl("apply", "-f", "-", "-n", namespace, input=_yaml(self.teams))
            count, last = self._settle(lambda: len(self.plane.writes(mark, user=user, namespace=namespace)))
            process.check_alive()
            cpu = tree_cpu_seconds(process.pid) - before
            peak = tree_peak_bytes(process.pid)
            writes = self.plane.writes(mark, user=user, namespace=namespace)
        if "ours" in namespace:
            kinds = Counter(f"{event.verb} {event.resource.partition('.')[0]}" for event in writes)
            self.written = ", ".join(f"{number / self.teams:.3g} {kind}" for kind, number in kinds.most_common(6))
        self._check(namespace)
        mark = self.plane.mark()
        with ExitStack() as stack:
            process = start(stack)
            again, _ = self._settle(lambda: len(self.plane.writes(mark, user=user, namespace=namespace)))
            process.check_alive()
        team = self.teams
        return {
            "writes": count / team,
            "seconds": last - began,
            "cpu": cpu / team * 1000,
            "peak": peak / 1e6,
            "again": again,
        }

    def _settle(self, count: Callable[[], int]) -> tuple[int, float]:
        """How many writes there were when no more came, and when the last one was seen."""
        seen, last, deadline = count(), time.monotonic(), time.monotonic() + 180
        while time.monotonic() - last < QUIET_SECONDS:
            if time.monotonic() > deadline:
                raise ProcessFailedError(f"still writing after 180 s, {seen} writes")
            time.sleep(0.2)
            if (now := count()) != seen:
                seen, last = now, time.monotonic()
        return seen, last

    def _start_ours(self, stack: ExitStack, kubeconfig: Path) -> Measured:
        port, folder = free_ports(1)[0], self.bench.subfolder("operator")
        environment = {"KUBECONFIG": str(kubeconfig), "AIOS_METRICS_PORT": str(port), "AIOS_WORKER_IMAGE": "aios:bench"}
        process = stack.enter_context(Measured([BIN / "aios", "operator"], folder=folder, environment=environment))
        _await(lambda: _status(f"http://127.0.0.1:{port}/readyz") == 200, process)
        return process

    def _start_peer(self, stack: ExitStack, kubeconfig: Path, namespace: str, children: Path) -> Measured:
        port, folder = free_ports(1)[0], self.bench.subfolder("kopf")
        command = [sys.executable, "-m", "tests.benchmarks.kopf_operator", namespace, str(children), str(port)]
        environment = {"KUBECONFIG": str(kubeconfig)}
        process = stack.enter_context(Measured(command, folder=folder, environment=environment))
        _await(lambda: _status(f"http://127.0.0.1:{port}/healthz") == 200, process)
        return process

    def _check(self, namespace: str) -> None:
        found = self._objects(namespace, "agents.aios.dev,deployments")
        kinds = Counter(one["kind"] for one in found)
        wanted = self.teams * MEMBERS
        self.made = f"{wanted} Agents, {wanted} Deployments"
        if dict(kinds) != {"Agent": wanted, "Deployment": wanted}:
            self.fewer = f"{namespace}: {wanted} Agents and Deployments were expected, there are {dict(kinds)}"

    def _template_of(self, namespace: str) -> str:
        """What one team got, as a list of manifests with its name and namespace left open."""
        children = [one for one in self._objects(namespace, CHILDREN) if one["metadata"]["name"].startswith("team-0-")]
        for child in children:
            child.pop("status", None)
            for key in _SERVERS_OWN:
                child["metadata"].pop(key, None)
        return json.dumps(children).replace("team-0", "{{team}}").replace(namespace, "{{namespace}}")

    def _objects(self, namespace: str, kinds: str) -> Sequence[dict[str, Any]]:
        items: Sequence[dict[str, Any]] = self.plane.kubectl_json("get", kinds, "-n", namespace)["items"]
        return items

    def _namespace(self, name: str) -> str:
        self._rounds[name] += 1
        namespace = f"{name}-round-{self._rounds[name]}"
        self.plane.kubectl("create", "namespace", namespace)
        return namespace

    def _forget(self, namespace: str) -> None:
        """The next round must not pay for this one."""
        self.plane.kubectl("delete", "namespace", namespace, "--wait=true", "--timeout=50s", check=False)


def _yaml(teams: int) -> str:
    model = _resource("Model", "local", {"provider": "Scripted", "locality": "Local", "script": [{"reply": "done"}]})
    members = [
        {"name": f"member-{number}", "tier": "Execution", "models": ["local"], "prompt": "You work."}
        for number in range(MEMBERS)
    ]
    spec = {"strategy": "Sequential", "members": members}
    documents = [model, *(_resource("AgentTeam", f"team-{number}", spec) for number in range(teams))]
    return "\n---\n".join(map(json.dumps, documents))


def _resource(kind: str, name: str, spec: Mapping[str, object]) -> dict[str, object]:
    return {"apiVersion": "aios.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _await(ready: Callable[[], bool], process: Measured) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        if time.monotonic() > deadline:
            raise ProcessFailedError(f"not ready within 60 s: {process.last_words()}")
        time.sleep(0.1)


def _status(url: str) -> int:
    with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return int(answer.status)
    return 0
