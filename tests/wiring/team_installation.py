"""An operator's surroundings, as far as they decide what a team's workers are let in with; all of it in memory."""

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from aios.adapters.kubernetes import pod_services
from aios.adapters.kubernetes.api import Api, ConflictingWriteError, Manifest
from aios.adapters.kubernetes.team_pods import TeamPods
from aios.adapters.kubernetes.team_secrets import KEY_ENTRY, KEY_SECRET, TeamSecrets, keyed
from aios.embedded.resources import SqliteResources
from aios.naming import LABEL_TEAM, digest
from aios.ports.access import Grantee
from aios.spec.team import AgentTeam
from aios.wiring.services import Services
from aios.wiring.team_access import ServicesAccess

SERVICES = Services(
    broker="amqp://admin:admin-broker@broker:5672/v",
    broker_admin="http://admin:admin-management@broker:15672",
    objects="s3+https://admin:admin-objects@store:9000?prefix=x-",
    journal="s3+https://admin:admin-objects@store:9000?prefix=x-",
    sessions="redis://sessions:6379/0",
    knowledge="http://:admin-knowledge@memory:6333",
)
OURS = digest("uid-of-the-cluster")[:8]
KEY, ANOTHER_KEY = b"k" * 32, b"l" * 32


def grantee(of: AgentTeam, key: bytes = KEY) -> Grantee:
    return Grantee("default", of.metadata.name, OURS, keyed(key, ["life", of.metadata.uid])[:8])


@dataclass
class Users:
    """ServiceUsers that remembers passwords."""

    trouble: Exception | None = None
    passwords: dict[Grantee, str] = field(default_factory=dict)
    granted: int = 0

    async def grant(self, grantee: Grantee, password: str) -> str:
        if self.trouble is not None:
            raise self.trouble
        self.granted += 1
        self.passwords[grantee] = password
        return grantee.user

    async def revoke(self, grantee: Grantee) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.passwords.pop(grantee, None)

    async def grantees(self) -> Collection[Grantee]:
        if self.trouble is not None:
            raise self.trouble
        return tuple(self.passwords)


@dataclass
class ApiServer:
    """What the operator may ask it about Secrets, Deployments and pods, and nothing else."""

    key: bytes = KEY
    trouble: Exception | None = None
    """Of making Secrets, whether they are there or not: a quota counts before anything is looked for."""
    made: dict[str, Mapping[str, str]] = field(default_factory=dict)
    deployments: dict[str, Manifest] = field(default_factory=dict)
    pods: list[Manifest] = field(default_factory=list)

    async def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        if kind == "Deployment":
            return self.deployments.get(name)
        assert (kind, name) == ("Secret", KEY_SECRET), "no other Secret may be read"
        return {"data": {KEY_ENTRY: base64.b64encode(self.key.hex().encode()).decode()}}

    async def create(self, manifest: Manifest) -> None:
        if self.trouble is not None:
            raise self.trouble
        name = manifest["metadata"]["name"]
        if name in self.made:
            raise ConflictingWriteError("exists")
        self.made[name] = manifest["stringData"]

    async def list(self, kind: str, namespace: str, labels: Mapping[str, str]) -> Sequence[Manifest]:
        found = {"Deployment": [*self.deployments.values()], "Pod": self.pods}[kind]
        return [one for one in found if one["metadata"]["labels"][LABEL_TEAM] == labels[LABEL_TEAM]]

    def deploy(self, secret: str, *, agent: str = "software-developer", team: str = "software") -> None:
        """A Deployment whose pods read that; empty: what its namespace's say."""
        metadata = {"name": agent, "labels": {LABEL_TEAM: team}}
        self.deployments[agent] = {"metadata": metadata, "spec": {"template": {"spec": _pod_spec(secret)}}}

    def run(self, secret: str, *, phase: str = "Running", team: str = "software") -> None:
        """A pod that reads it."""
        metadata = {"labels": {LABEL_TEAM: team}}
        self.pods.append({"metadata": metadata, "spec": _pod_spec(secret), "status": {"phase": phase}})


def _pod_spec(secret: str) -> dict[str, Any]:
    return {"containers": [{"name": "worker", "envFrom": [*pod_services.sources("aios-services", secret)]}]}


@dataclass
class Installation:
    resources: SqliteResources
    server: ApiServer = field(default_factory=ApiServer)
    broker: Users = field(default_factory=Users)
    objects: Users = field(default_factory=Users)
    trouble: Exception | None = None
    """Of telling which cluster this is."""
    services: Services = SERVICES

    def access(self) -> ServicesAccess:
        """As after a restart."""
        return ServicesAccess(
            self.services,
            {"broker": self.broker, "objects": self.objects},
            secrets=TeamSecrets(cast("Api", self.server), "aios-system"),
            resources=self.resources,
            identity=self.identity,
            pods=TeamPods(cast("Api", self.server)),
        )

    async def stored(self, team: AgentTeam) -> AgentTeam:
        """The team, once it was applied."""
        await self.resources.apply(team)
        found = await self.resources.get(team.ref)
        assert isinstance(found, AgentTeam)
        return found

    async def identity(self) -> str:
        if self.trouble is not None:
            raise self.trouble
        return "uid-of-the-cluster"
