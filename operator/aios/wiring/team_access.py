"""What a team's workers in a cluster are let into the services with: users of the team's own where the services make
some, and what all share elsewhere, but never a user who administers the broker.

Passwords derive from the operator's key: they are the same after every restart, others for each service, and others
for a team that was deleted and made again. Redis and Qdrant know no users of ours yet, so their URLs are shared.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields

from aios.adapters.kubernetes.team_secrets import TeamSecrets, keyed
from aios.desired.nouns import Worker
from aios.errors import AiosError, EnvironmentProblemError, InvalidSpecError
from aios.naming import digest
from aios.ports.access import Grantee, NoUsersError, ServiceUsers
from aios.ports.resources import Resources
from aios.spec.base import Kind, Ref
from aios.spec.team import AgentTeam
from aios.wiring.services import Services, variable, with_credentials
from aios.wiring.worker_trust import with_authority

log = logging.getLogger(__name__)

PASSWORD_DIGITS = 40
INSTALLATION_DIGITS = 8
_OPERATORS = "broker_admin"
"""The port that no worker is told of."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What a team was given. `secret` is empty where the namespace's shared one must do."""

    uid: str
    secret: str
    shared: str


class ServicesAccess:
    """TeamAccess, and for pods the Secret that tells them of it."""

    def __init__(
        self,
        services: Services,
        users: Mapping[str, ServiceUsers],
        *,
        secrets: TeamSecrets,
        resources: Resources,
        identity: Callable[[], Awaitable[str]],
    ) -> None:
        """`users` of the services that have some, by port; `identity` tells this cluster from every other one."""
        self._services, self._users = services, users
        self._secrets, self._resources, self._identity = secrets, resources, identity
        self._installation = ""
        self._known: dict[Ref, _Known] = {}
        # MinIO's client takes 64 MB and a core to seal a password.
        self._one_at_a_time = asyncio.Lock()

    async def ensure(self, team: AgentTeam) -> str:
        return (await self._of(team)).shared

    async def remove(self, team: Ref) -> None:
        async with self._one_at_a_time:
            self._known.pop(team, None)
            for port, users in self._users.items():
                try:
                    await users.revoke(await self._grantee(team))
                except EnvironmentProblemError as error:  # nor could any have been made
                    log.debug("%s: no user of the %s to remove: %s", team, port, error)

    async def sweep(self) -> None:
        """Remove the users of teams that were deleted while nobody looked. What cannot be swept now is another time."""
        for port, users in self._users.items():
            try:
                await self._sweep(users)
            except AiosError as error:
                log.log(logging.WARNING if error.retryable else logging.DEBUG, "%s not swept: %s", port, error)

    async def secret(self, worker: Worker) -> str:
        """The Secret that the worker's pods read; empty: the shared one of their namespace."""
        ref = Ref(Kind.TEAM, worker.namespace, worker.config.team)
        if ref not in self._known:
            team = await self._resources.get(ref)
            if not isinstance(team, AgentTeam) or team.metadata.deletion_timestamp is not None:
                return ""
            return (await self._of(team)).secret
        return self._known[ref].secret

    def forget_all(self) -> None:
        """Grant everything again, next time it is asked for: somebody may have taken it away at the service."""
        self._known.clear()
        self._secrets.forget()

    async def _of(self, team: AgentTeam) -> _Known:
        async with self._one_at_a_time:
            known = self._known.get(team.ref)
            if known is None or known.uid != team.metadata.uid:
                known = self._known[team.ref] = await self._give(team)
            return known

    async def _sweep(self, users: ServiceUsers) -> None:
        for grantee in await users.grantees():
            team = Ref(Kind.TEAM, grantee.namespace, grantee.team)
            async with self._one_at_a_time:
                if grantee == await self._grantee(team) and not await self._exists(team):
                    log.info("removing the user that %s left behind", team)
                    await users.revoke(grantee)

    async def _exists(self, team: Ref) -> bool:
        try:
            return await self._resources.get(team) is not None
        except InvalidSpecError:
            return True

    async def _grantee(self, team: Ref) -> Grantee:
        if not self._installation:
            self._installation = digest(await self._identity())[:INSTALLATION_DIGITS]
        return Grantee(team.namespace, team.name, self._installation)

    async def _give(self, team: AgentTeam) -> _Known:
        uid = team.metadata.uid
        try:
            key = await self._secrets.key()
            urls, shared = await self._urls(team, key)
            return _Known(uid, await self._secrets.make(team, urls), " ".join(shared))
        except AiosError as error:
            if error.retryable:
                raise
            return _Known(uid, "", f"Its workers share the Secret aios-services of their namespace: {error}.")

    async def _urls(self, team: AgentTeam, key: bytes) -> tuple[dict[str, str], list[str]]:
        """What the Secret of the team's workers says, and what of them is shared against our wish."""
        urls = {field.name: getattr(self._services, field.name) for field in fields(Services)}
        urls.pop(_OPERATORS)
        shared, grantee = [], await self._grantee(team.ref)
        for port, users in self._users.items():
            password = keyed(key, [port, team.metadata.namespace, team.metadata.name, team.metadata.uid])
            password = password[:PASSWORD_DIGITS]
            try:
                user = await users.grant(grantee, password)
            except NoUsersError as error:
                shared.append(f"Its workers share {variable(port)} with the operator: {error}.")
            else:
                urls[port] = with_credentials(urls[port], user, password)
        if self._services.journal == self._services.objects:
            urls["journal"] = urls["objects"]
        return with_authority({variable(port): url for port, url in urls.items()}), shared


def open_users(services: Services) -> Mapping[str, ServiceUsers]:
    """Of the services that know users, by port. Their clients are installed, or no service could have been opened."""
    from aios.adapters.rabbitmq.users import RabbitUsers
    from aios.adapters.s3.users import S3Users
    from aios.wiring.team_rights import file_rights, journal_rights

    users: dict[str, ServiceUsers] = {"broker": RabbitUsers(services.broker, services.broker_admin)}
    if services.journal == services.objects:
        users["objects"] = S3Users(
            services.objects, lambda namespace: (*file_rights(namespace), *journal_rights(namespace))
        )
    else:
        users["objects"] = S3Users(services.objects, file_rights)
        users["journal"] = S3Users(services.journal, journal_rights, suffix=".journal")
    return users
