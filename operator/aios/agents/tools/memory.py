"""Memory: what the team knows beyond this run. Both ways under the label the attempt has by then."""

import logging

from pydantic import Field

from aios.agents.tools.contract import Answer, Arguments, Effect, Moment, Tool
from aios.errors import EnvironmentProblemError, ServiceUnavailableError
from aios.ports.knowledge import Knowledge, Memory
from aios.telemetry import ONCE

logger = logging.getLogger(__name__)

RECALLED = 5
UNAVAILABLE = (ServiceUnavailableError, EnvironmentProblemError)
"""A team works on without its memory; what it was told instead of an answer is in the record."""


class SearchMemory(Arguments):
    """Arguments of search_memory."""

    query: str = Field(min_length=1, max_length=1_000, description="Words that the memory would contain.")


class Remember(Arguments):
    """Arguments of remember."""

    text: str = Field(min_length=1, max_length=4_000, description="One fact that will be of use in later projects.")


def memory_tools(
    knowledge: Knowledge, *, namespace: str, team: str, source: str
) -> tuple[Tool[SearchMemory], Tool[Remember]]:
    """The two tools of a member that has Memory. `source` is noted with what is remembered: run/task/member."""

    async def search(args: SearchMemory, moment: Moment) -> Answer:
        try:
            found = await knowledge.search(namespace, team, moment.label, args.query, limit=RECALLED)
        except UNAVAILABLE as error:
            return _without(error)
        return Answer("\n".join(f"- {recalled.memory.text}" for recalled in found) or "nothing found")

    async def remember(args: Remember, moment: Moment) -> Answer:
        try:
            await knowledge.remember(namespace, team, Memory(args.text, moment.label, source))
        except UNAVAILABLE as error:
            return _without(error)
        return Answer("remembered")

    return (
        Tool("search_memory", "Search what the team remembers.", Effect.READ, SearchMemory, search),
        Tool("remember", "Keep a fact for the whole team, for later projects.", Effect.EXTERNAL, Remember, remember),
    )


def _without(error: ServiceUnavailableError | EnvironmentProblemError) -> Answer:
    """The model is told, and whoever looks after the services; damage, which stays, once."""
    logger.warning("a member works on without the team's memory: %s", error, extra=None if error.retryable else ONCE)
    return Answer(str(error), failed=True)
