"""What a team's workers in a cluster are let into the services with: users of the team's own where the services make
some. The operator's own URL of a service that could make one is given to nobody: where it makes none, the Secret
`aios-services` of the team's namespace says who its workers are.

Redis, Qdrant and embedders know no users of ours, so there the operator's URL is what counts if the namespace's Secret
states none.

Passwords derive from the operator's key: they are the same after every restart and others for each service. So do the
names of users, of which each life of a team has its own: a team that is deleted and made again has others, and so has
every team once the key is another. Who was let in as one of the former ones finishes what it has: a call whose end it
could not record would be paid again. A former user goes when no Deployment and no pod reads its Secret any longer.

What workers have is never taken from them because it could not be made anew: that is told, and tried again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from aios.adapters.kubernetes.team_pods import TeamPods
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


@dataclass(frozen=True, slots=True)
class _Known:
    """What a team was given. `secret` is empty where its workers go on with what their Deployments name."""

    uid: str
    secret: str
    shared: str
    variables: frozenset[str] = frozenset()
    """What the Secret states."""
    speaks_of: Grantee | None = None
    """Whose user and passwords it states; None: that is not known, as it was made before and not now."""
    is_doubted: bool = False


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
        pods: TeamPods,
    ) -> None:
        """`users` of the services that have some, by port; `identity` tells this cluster from every other one."""
        self._services, self._users = services, users
        self._secrets, self._resources, self._identity = secrets, resources, identity
        self._pods = pods
        self._installation = ""
        self._known: dict[Ref, _Known] = {}
        # MinIO's client takes 64 MB and a core to seal a password.
        self._one_at_a_time = asyncio.Lock()

    async def ensure(self, team: AgentTeam) -> str:
        return (await self._of(team)).shared

    async def remove(self, team: Ref) -> bool:
        async with self._one_at_a_time:
            self._known.pop(team, None)
        if await self._pods.are_left(team):
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
        known = self._known.get(ref)
        if known is None or known.is_doubted:
            team = await self._resources.get(ref)
            if not isinstance(team, AgentTeam) or team.metadata.deletion_timestamp is not None:
                return await self._pods.secret_of(worker)
            known = await self._of(team)
        return known.secret or await self._pods.secret_of(worker)

    def forget_all(self) -> None:
        """Grant everything again, next time it is asked for: somebody may have taken it away at the service."""
        self._known = {team: replace(known, is_doubted=True) for team, known in self._known.items()}
        self._secrets.forget()

    async def _of(self, team: AgentTeam) -> _Known:
        async with self._one_at_a_time:
            return await self._given(team)

    async def _given(self, team: AgentTeam) -> _Known:
        """For who holds the lock."""
        known = self._known.get(team.ref)
        if known is not None and known.uid != team.metadata.uid:
            known = None
        if known is None or known.is_doubted:
            known = self._known[team.ref] = await self._give(team, known)
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
        """Whether neither the team nor any worker needs this user, who may be of an earlier life of the team.

        Which user a Secret speaks of cannot be read. But no earlier one is needed where everybody reads the one Secret
        that speaks of the present one, or none.
        """
        try:
            found = await self._resources.get(team)
        except InvalidSpecError:
            return False
        if not isinstance(found, AgentTeam):
            return not await self._pods.are_left(team)
        if found.metadata.deletion_timestamp is not None:
            return False
        present = await self._grantee(found, await self._secrets.key())
        if grantee == present:
            return False
        given = await self._given(found)
        # It does not if the key was replaced while a service kept us waiting.
        named = {given.secret} if given.speaks_of == present else set[str]()
        return await self._pods.in_use(team) <= named

    async def _grantee(self, team: AgentTeam, key: bytes) -> Grantee:
        # Another key sets other passwords: never on a user whom somebody is let in as.
        life = keyed(key, ["life", team.metadata.uid])[:LIFE_DIGITS]
        return Grantee(team.metadata.namespace, team.metadata.name, await self._ours(), life)

    async def _ours(self) -> str:
        """What tells our users from those of other installations over the same services."""
        if not self._installation:
            self._installation = digest(await self._identity())[:INSTALLATION_DIGITS]
        return self._installation

    async def _give(self, team: AgentTeam, former: _Known | None) -> _Known:
        uid = team.metadata.uid
        try:
            key = await self._secrets.key()
            grantee = await self._grantee(team, key)
            urls, refusals = await self._urls(team, grantee, key)
            for port, refusal in refusals.items():
                if former is not None and variable(port) in former.variables:
                    raise refusal
            secret = await self._secrets.make(team, urls)
        except AiosError as error:
            if error.retryable:
                raise
            secret, variables = (former.secret, former.variables) if former is not None else ("", frozenset[str]())
            return _Known(uid, secret, await self._trouble(team, secret, error), variables)
        told = [_needs(port, refusal) for port, refusal in refusals.items()]
        return _Known(uid, secret, " ".join([*told, _remedy(team)] if told else []), frozenset(urls), grantee)

    async def _trouble(self, team: AgentTeam, secret: str, error: AiosError) -> str:
        """What has become of its workers, of whom nothing could be made sure."""
        named = {secret} if secret else await self._pods.standing(team.ref)
        if not named:
            return f"Its workers share the Secret aios-services of their namespace: {error}. {_remedy(team)}"
        others = "" if secret else " Members without one share aios-services of their namespace."
        return (
            f"Its workers keep the Secret that they have, {' or '.join(sorted(named))}, which cannot be made sure of: "
            f"{error}.{others} It is tried again within ten minutes, and when the operator starts."
        )

    async def _urls(
        self, team: AgentTeam, grantee: Grantee, key: bytes
    ) -> tuple[dict[str, str], dict[str, NoUsersError]]:
        """What the Secret of the team's workers says, and why it cannot speak of other ports.

        A variable without a value is left out: it would hide what the namespace's Secret says.
        """
        urls, refusals = dict[str, str](), dict[str, NoUsersError]()
        for port, users in self._users.items():
            password = keyed(key, [port, team.metadata.namespace, team.metadata.name, team.metadata.uid])
            password = password[:PASSWORD_DIGITS]
            try:
                user = await users.grant(grantee, password)
            except NoUsersError as error:
                refusals[port] = error
            else:
                urls[port] = with_credentials(getattr(self._services, port), user, password)
        if "objects" in urls and self._services.journal == self._services.objects:
            urls["journal"] = urls["objects"]
        urls |= {port: url for port in WITHOUT_USERS if (url := getattr(self._services, port))}
        return with_authority({variable(port): url for port, url in urls.items()}), refusals


def _needs(port: str, refusal: NoUsersError) -> str:
    return f"Its workers need {variable(port)} in the Secret aios-services of their namespace: {refusal}."


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
