"""Knowledge where none is configured: a worker without a state folder and without a URL."""

from collections.abc import Sequence
from typing import NoReturn

from aios.errors import EnvironmentProblemError
from aios.ports.knowledge import Memory, Recalled
from aios.spec.vocabulary import Privacy
from aios.wiring.services import variable


class NoKnowledge:
    """Refuses every call: an empty memory of this worker's own would look like a team that knows nothing."""

    async def remember(self, namespace: str, team: str, memory: Memory) -> NoReturn:
        """Raises EnvironmentProblemError."""
        del namespace, team, memory
        self._refuse()

    async def search(
        self, namespace: str, team: str, clearance: Privacy, query: str, *, limit: int = 5
    ) -> Sequence[Recalled]:
        """Raises EnvironmentProblemError."""
        del namespace, team, clearance, query, limit
        self._refuse()

    async def forget(self, namespace: str, team: str) -> None:
        """Nothing to forget here."""

    def _refuse(self) -> NoReturn:
        raise EnvironmentProblemError(f"the team's memory is not configured here: set {variable('knowledge')}")
