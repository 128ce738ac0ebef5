"""Access: what a team's workers may touch at the services. To give and to take it is the operator's right, never a
worker's.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from aios.errors import EnvironmentProblemError
from aios.spec.base import Ref
from aios.spec.team import AgentTeam

_USER = re.compile(r"aios\.([a-z0-9-]+)\.([a-z0-9-]+)\.([a-z0-9]+)(?:\.([0-9a-f]+))?")


@dataclass(frozen=True, slots=True)
class Grantee:
    """The workers of one life of a team. `installation` tells namesakes of several installations over one service
    apart, as each sets passwords of its own: letters and digits. `life` tells the team's own apart, as each has one
    password as long as it lasts: hex digits, for which nothing is mistaken that a service adds to a name."""

    namespace: str
    team: str
    installation: str
    life: str = ""
    """Empty for users of before lives had a place of their own: theirs ends the `installation`."""

    @property
    def user(self) -> str:
        """Its name at a service, before what the service itself adds to it."""
        return ".".join(["aios", self.namespace, self.team, self.installation, *filter(None, [self.life])])

    @classmethod
    def of_user(cls, user: str) -> "Grantee | None":
        """Whose user that is; None: no team's."""
        found = _USER.fullmatch(user)
        return cls(*found.groups("")) if found else None


class NoUsersError(EnvironmentProblemError):
    """The service makes no users for us: it knows no such thing, or does not let us. The message says which, and who
    could; whoever needs it goes on with credentials that are shared."""


class ServiceUsers(Protocol):
    """The users of one service: one a life of a team, with rights to what its workers do and to nothing of another
    team.

    Granting again changes nothing but the password and, where ours have changed, the rights.
    """

    async def grant(self, grantee: Grantee, password: str) -> str:
        """The name of the user, which is there now and has this password. Raises NoUsersError,
        ServiceUnavailableError."""
        ...

    async def revoke(self, grantee: Grantee) -> None:
        """Remove the user; no error when there is none. Raises NoUsersError, ServiceUnavailableError."""
        ...

    async def grantees(self) -> Collection[Grantee]:
        """Who has a user now, of whatever installation. Raises NoUsersError, ServiceUnavailableError."""
        ...


class TeamAccess(Protocol):
    """Everything that a team's workers are let in with."""

    async def ensure(self, team: AgentTeam) -> str:
        """Let them in. Returns what they share with others, or keep although it could not be made sure of, and why: a
        sentence; empty: everything is their own. Raises ServiceUnavailableError, and EnvironmentProblemError while
        it cannot be seen what they have."""
        ...

    async def remove(self, team: Ref) -> bool:
        """The team is gone: let nobody in for it. False: its workers still finish what they have, and nothing was
        taken from them; ask again. Raises ServiceUnavailableError."""
        ...
