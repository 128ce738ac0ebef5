"""What a team's workers in a cluster are let into the services with: users of the team's own where the services make
some. The operator's own URL of a service that could make one is given to nobody: where it makes none, the Secret
`aios-services` of the team's namespace says who its workers are.

Redis, Qdrant and embedders know no users of ours, so there the operator's URL is what counts if the namespace's Secret
states none.

Passwords derive from the operator's key: they are the same after every restart and others for each service. A team
that is deleted and made again has other users, so that the workers of its earlier life may finish what they have.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aios.adapters.kubernetes.team_secrets import TeamSecrets, keyed
from aios.desired.nouns import Worker
from aios.errors import AiosError, EnvironmentProblemError, InvalidSpecError
from aios.naming import digest
from aios.ports.access import Grantee, NoUsersError, ServiceUsers
from aios.ports.resources import Resources
from aios.spec.base import Kind, Ref
from aios.spec.team import AgentTeam
from aios.wiring.services import Services, variable, with_credentials
from aios.wiring.unserved import restart
from aios.wiring.worker_trust import with_authority

log = logging.getLogger(__name__)

PASSWORD_DIGITS = 40
INSTALLATION_DIGITS = 8
LIFE_DIGITS = 8
WITHOUT_USERS = ("sessions", "knowledge", "embeddings")
"""The ports whose URL is the operator's for everybody."""

HasWorkers = Callable[[Ref, datetime | None], Awaitable[bool]]
"""Whether a team has workers that were made before that moment; None: any."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What a team was given. `secret` is empty where the namespace's one must do."""

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
        has_workers: HasWorkers,
    ) -> None:
        """`users` of the services that have some, by port; `identity` tells this cluster from every other one."""
        self._services, self._users = services, users
        self._secrets, self._resources, self._identity = secrets, resources, identity
        self._has_workers = has_workers
        self._installation = ""
        self._known: dict[Ref, _Known] = {}
        # MinIO's client takes 64 MB and a core to seal a password.
        self._one_at_a_time = asyncio.Lock()

    async def ensure(self, team: AgentTeam) -> str:
        return (await self._of(team)).shared

    async def remove(self, team: Ref) -> bool:
        async with self._one_at_a_time:
            self._known.pop(team, None)
        if await self._has_workers(team, None):
            return False
        for port, users in self._users.items():
            try:
                await self._sweep(users, team)
            except EnvironmentProblemError as error:  # nor could any have been made
                log.debug("%s: no user of the %s to remove: %s", team, port, error)
        return True

    async def sweep(self) -> None:
        """Remove the users of teams that are gone and whose workers are. What cannot be swept now is another time."""
        for port, users in self._users.items():
            try:
                await self._sweep(users)
            except AiosError as error:
                log.log(logging.WARNING if error.retryable else logging.DEBUG, "%s not swept: %s", port, error)

    async def secret(self, worker: Worker) -> str:
        """The Secret made for the worker's team; empty: there is none."""
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

    async def _sweep(self, users: ServiceUsers, only: Ref | None = None) -> None:
        ours = await self._ours()
        for grantee in await users.grantees():
            team = Ref(Kind.TEAM, grantee.namespace, grantee.team)
            if only not in (None, team) or not grantee.installation.startswith(ours):
                continue
            async with self._one_at_a_time:
                if await self._is_over(grantee, team):
                    log.info("removing the user that %s left behind", team)
                    await users.revoke(grantee)

    async def _is_over(self, grantee: Grantee, team: Ref) -> bool:
        """Whether neither the team nor any worker needs this user, who may be of an earlier life of the team."""
        try:
            found = await self._resources.get(team)
        except InvalidSpecError:
            return False
        if not isinstance(found, AgentTeam):
            return not await self._has_workers(team, None)
        if grantee == await self._grantee(found):
            return False
        return not await self._has_workers(team, found.metadata.creation_timestamp)

    async def _grantee(self, team: AgentTeam) -> Grantee:
        life = digest(team.metadata.uid)[:LIFE_DIGITS]
        return Grantee(team.metadata.namespace, team.metadata.name, f"{await self._ours()}{life}")

    async def _ours(self) -> str:
        """What tells our users from those of other installations over the same services."""
        if not self._installation:
            self._installation = digest(await self._identity())[:INSTALLATION_DIGITS]
        return self._installation

    async def _give(self, team: AgentTeam) -> _Known:
        uid = team.metadata.uid
        try:
            key = await self._secrets.key()
            urls, missing = await self._urls(team, key)
            told = [*missing, _remedy(team)] if missing else []
            return _Known(uid, await self._secrets.make(team, urls), " ".join(told))
        except AiosError as error:
            if error.retryable:
                raise
            told = [f"Its workers share the Secret aios-services of their namespace: {error}.", _remedy(team)]
            return _Known(uid, "", " ".join(told))

    async def _urls(self, team: AgentTeam, key: bytes) -> tuple[dict[str, str], list[str]]:
        """What the Secret of the team's workers says, and a sentence for each port that it cannot speak of.

        A variable without a value is left out: it would hide what the namespace's Secret says.
        """
        urls, missing, grantee = dict[str, str](), list[str](), await self._grantee(team)
        for port, users in self._users.items():
            password = keyed(key, [port, team.metadata.namespace, team.metadata.name, team.metadata.uid])
            password = password[:PASSWORD_DIGITS]
            try:
                user = await users.grant(grantee, password)
            except NoUsersError as error:
                missing.append(
                    f"Its workers need {variable(port)} in the Secret aios-services of their namespace: {error}."
                )
            else:
                urls[port] = with_credentials(getattr(self._services, port), user, password)
        if "objects" in urls and self._services.journal == self._services.objects:
            urls["journal"] = urls["objects"]
        urls |= {port: url for port in WITHOUT_USERS if (url := getattr(self._services, port))}
        return with_authority({variable(port): url for port, url in urls.items()}), missing


def _remedy(team: AgentTeam) -> str:
    return f"Pods read it when they start: once it is made or changed, `{restart(team.metadata.namespace)}`."


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
