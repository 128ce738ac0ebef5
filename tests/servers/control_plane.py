"""A real Kubernetes control plane for tests: etcd, API server and controller-manager on loopback.

What a test applies here is validated, stored, defaulted, garbage-collected and turned from Deployments into
Pods by Kubernetes itself. It refuses to be more: there is no node, so Pods stay Pending.
"""

import base64
import http.client
import json
import secrets
import shutil
import ssl
import subprocess
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.servers.audit import BARRIER, LOG_START, POLICY, AuditEvent, AuditMark, barrier_reached, read_events
from tests.servers.binaries import Program
from tests.servers.certificates import write_serving_files
from tests.servers.flags import api_server_arguments, controller_manager_arguments, etcd_arguments
from tests.servers.process import ServerProcess, free_ports
from tests.servers.waiting import NeverHappenedError, eventually

READY_SECONDS = 90.0
START_ATTEMPTS = 3
CONTROLLER_MANAGER_USER = "system:kube-controller-manager"
ADMIN_USER = "admin"


class ControlPlaneError(Exception):
    """A server of the control plane did not become ready; the message ends with its last words."""


class KubectlError(Exception):
    """kubectl ended with another code than 0."""


class ControlPlane:
    """`with ControlPlane(programs, folder) as cluster:`; everything it writes stays below `folder`."""

    def __init__(self, programs: Mapping[Program, Path], folder: Path) -> None:
        self.folder = folder
        self.kubeconfig = folder / "admin.kubeconfig"
        self.audit_log = folder / "audit.log"
        self.url = ""
        self._programs = programs
        self._tokens = {user: secrets.token_hex(16) for user in (ADMIN_USER, CONTROLLER_MANAGER_USER)}
        self._processes: list[ServerProcess] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    def start(self) -> None:
        """Returns once requests are served and controllers act. Raises ControlPlaneError; nothing runs then."""
        for attempt in range(1, START_ATTEMPTS + 1):
            try:
                self._start()
            except ControlPlaneError as error:
                self.stop()
                if attempt == START_ATTEMPTS or "address already in use" not in str(error):
                    raise
            except BaseException:
                self.stop()
                raise
            else:
                return

    def stop(self) -> None:
        """Ends every server and deletes the data; logs and the audit log stay. Harmless when stopped."""
        for process in reversed(self._processes):
            process.stop()
        self._processes.clear()
        shutil.rmtree(self.folder / "etcd", ignore_errors=True)

    def kubectl(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - named as subprocess.run names it
        check: bool = True,
        kubeconfig: Path | None = None,
        timeout_seconds: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Runs kubectl as the administrator, or as `kubeconfig` says.

        Raises KubectlError with its stderr when it fails, unless `check` is false.
        """
        done = subprocess.run(
            [self._programs[Program.KUBECTL], *arguments],
            input=input or "",  # never this terminal
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_seconds,
            env={
                "HOME": str(self.folder),
                "PATH": "/usr/bin:/bin",
                "KUBECONFIG": str(kubeconfig or self.kubeconfig),
                "KUBECACHEDIR": str(self.folder / "kubectl-cache"),
            },
        )
        if check and done.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(arguments)} -> {done.returncode}\n{done.stderr}{done.stdout}")
        return done

    def kubectl_json(self, *arguments: str) -> dict[str, Any]:
        """`kubectl ... -o json`, parsed: an object, or a List with `items`."""
        answer: dict[str, Any] = json.loads(self.kubectl(*arguments, "-o", "json").stdout)
        return answer

    def kubeconfig_for(self, *, namespace: str, service_account: str) -> Path:
        """A kubeconfig that may do what RBAC allows this existing account, by a token of one hour."""
        token = self.kubectl("create", "token", service_account, "-n", namespace).stdout.strip()
        path = self.folder / f"{namespace}.{service_account}.kubeconfig"
        self._write_kubeconfig(path, token, namespace=namespace)
        return path

    def mark(self) -> AuditMark:
        """This moment in the audit log: requests that were answered before are before it."""
        start = AuditMark(self.audit_log.stat().st_size)
        self._pass_barrier(start)
        return AuditMark(self.audit_log.stat().st_size)

    def audit_events(self, since: AuditMark = LOG_START) -> list[AuditEvent]:
        """Requests in the order in which they ended, all those answered before this call among them."""
        self._pass_barrier(AuditMark(self.audit_log.stat().st_size))
        return list(read_events(self.audit_log, since))

    def writes(
        self, since: AuditMark = LOG_START, *, user: str = "", user_agent: str = "", namespace: str = ""
    ) -> list[AuditEvent]:
        """Writing requests after `since`; `user` and `namespace` exact, `user_agent` as prefix, empty means any."""
        return [
            event
            for event in self.audit_events(since)
            if event.is_write
            and user in ("", event.user)
            and namespace in ("", event.namespace)
            and event.user_agent.startswith(user_agent)
        ]

    def _pass_barrier(self, since: AuditMark) -> None:
        """The server logs a request just after its answer; when a later request is logged, so are those before."""
        barrier = f"{BARRIER}={uuid.uuid4().hex}"
        self._get(f"/version?{barrier}")
        eventually(lambda: barrier_reached(self.audit_log, since, barrier), what=f"{barrier} in {self.audit_log}")

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        etcd_client, etcd_peer, port = free_ports(3)
        self.url = f"https://127.0.0.1:{port}"
        files = write_serving_files(
            self.folder,
            names=["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"],
            addresses=["127.0.0.1", "10.96.0.1"],
        )
        self._write_configuration()
        self._run(Program.ETCD, etcd_arguments(self.folder / "etcd", etcd_client, etcd_peer))
        server = api_server_arguments(self.folder, files, port=port, etcd=f"http://127.0.0.1:{etcd_client}")
        self._run(Program.API_SERVER, server)
        self._await(lambda: self._get("/readyz") == 200, "the API server's /readyz says 200")
        self._run(Program.CONTROLLER_MANAGER, controller_manager_arguments(self.folder, files))
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self._await(lambda: self._get(account) == 200, "the controller-manager made the first service account")

    def _run(self, program: Program, arguments: list[str]) -> None:
        log = self.folder / f"{program}.log"
        self._processes.append(ServerProcess(self._programs[program], arguments, log=log))

    def _await(self, ready: Callable[[], bool], what: str) -> None:
        def ready_or_dead() -> bool:
            dead = [process for process in self._processes if process.exit_code is not None]
            if dead:
                raise ControlPlaneError(f"ended before {what}\n{dead[0].last_words()}")
            return ready()

        try:
            eventually(ready_or_dead, what=what, within_seconds=READY_SECONDS)
        except NeverHappenedError as error:
            words = "\n".join(process.last_words() for process in self._processes)
            raise ControlPlaneError(f"{error}\n{words}") from error

    def _get(self, path: str) -> int | None:
        """The status of a request as administrator, None when nobody listens yet."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        connection = http.client.HTTPSConnection(urlsplit(self.url).netloc, timeout=10, context=context)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self._tokens[ADMIN_USER]}"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _write_configuration(self) -> None:
        (self.folder / "audit-policy.json").write_text(json.dumps(POLICY))
        groups = {ADMIN_USER: "system:masters", CONTROLLER_MANAGER_USER: ""}
        rows = [f"{token},{user},{user},{groups[user]}" for user, token in self._tokens.items()]
        _write_private(self.folder / "tokens.csv", "\n".join(rows) + "\n")
        self._write_kubeconfig(self.kubeconfig, self._tokens[ADMIN_USER])
        self._write_kubeconfig(self.folder / "controller-manager.kubeconfig", self._tokens[CONTROLLER_MANAGER_USER])

    def _write_kubeconfig(self, path: Path, token: str, *, namespace: str = "default") -> None:
        authority = base64.b64encode((self.folder / "ca.crt").read_bytes()).decode()
        cluster = {"server": self.url, "certificate-authority-data": authority}
        context = {"cluster": "aios-tests", "user": "aios-tests", "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "aios-tests", "cluster": cluster}],
            "users": [{"name": "aios-tests", "user": {"token": token}}],
            "contexts": [{"name": "aios-tests", "context": context}],
            "current-context": "aios-tests",
        }
        _write_private(path, json.dumps(config, indent=2))


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
