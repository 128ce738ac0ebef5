"""LangGraph's checkpoints over the Sessions port: the latest one of each attempt, and only as a cache.

The attempt's stream is the truth; a checkpoint merely spares a resumed attempt the walk through recorded phases. So
writing one never fails an attempt, it is done no oftener than that walk is worth, and pending writes (the results of a
phase whose checkpoint is not there yet) are not kept at all: the phase reads them from the record.
"""

import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)

from aios.errors import ServiceUnavailableError
from aios.ports.sessions import Sessions

SHELF = "aios_shelf"
"""The key of a config's `configurable` that holds the Shelf: one compiled graph serves every worker of a process."""
TTL = 3_600.0


def session_key(thread: str) -> str:
    """Where an attempt's checkpoint stands; `thread` is its stream."""
    return f"checkpoint/{thread}"


@dataclass(slots=True)
class Shelf:
    """One run of an attempt, and where it keeps its latest checkpoint. A service that is away is no reason to stop."""

    sessions: Sessions
    thread: str
    clock: Callable[[], float]
    every: float
    """Seconds between two checkpoints at least: a task that takes less leaves none."""
    used: bool
    """Whether there may be one; the first claim of an attempt finds nothing and need not look."""
    kept: float = 0.0

    async def get(self) -> str | None:
        """The text that was put last, if it is still there."""
        if not self.used:
            return None
        with contextlib.suppress(ServiceUnavailableError):
            return await self.sessions.get(session_key(self.thread))
        return None

    @property
    def is_due(self) -> bool:
        """Whether the last one is old enough to be replaced."""
        return self.clock() >= self.kept + self.every

    async def put(self, text: str) -> None:
        """Replace what is there."""
        self.used, self.kept = True, self.clock()
        with contextlib.suppress(ServiceUnavailableError):
            await self.sessions.set(session_key(self.thread), text, ttl=TTL)

    async def clear(self) -> None:
        """Drop it; one that stays is recognised as not the stream's, or expires."""
        if self.used:
            with contextlib.suppress(ServiceUnavailableError):
                await self.sessions.delete(session_key(self.thread))
                self.used = False


class SessionsSaver(BaseCheckpointSaver[int]):
    """The part of a checkpointer that an asynchronous run uses."""

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The latest checkpoint of the config's thread; one that cannot be read counts as none."""
        text = await _shelf(config).get()
        if text is None:
            return None
        kind, packed, metadata = json.loads(text)
        checkpoint: Checkpoint = self.serde.loads_typed((kind, base64.b85decode(packed)))
        return CheckpointTuple(_config(config, checkpoint["id"]), checkpoint, metadata)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Replace the thread's checkpoint, if it is time."""
        shelf = _shelf(config)
        if shelf.is_due:
            kind, packed = self.serde.dumps_typed(checkpoint)
            kept = {"source": metadata.get("source", "loop"), "step": metadata.get("step", 0)}
            await shelf.put(json.dumps([kind, base64.b85encode(packed).decode(), kept]))
        return _config(config, checkpoint["id"])

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Nothing: a phase's results are in the record."""

    def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002  # the base class's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Refused: there is only the latest."""
        raise NotImplementedError("only the latest checkpoint is kept")


def _shelf(config: RunnableConfig) -> Shelf:
    shelf: Shelf = config["configurable"][SHELF]
    return shelf


def _config(config: RunnableConfig, checkpoint_id: str) -> RunnableConfig:
    shelf = _shelf(config)
    return {
        "configurable": {
            SHELF: shelf,
            "thread_id": shelf.thread,
            "checkpoint_ns": "",
            "checkpoint_id": checkpoint_id,
        }
    }
