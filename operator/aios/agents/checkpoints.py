"""LangGraph's checkpoints over the Sessions port: the latest one of each attempt, and only as a cache.

The attempt's stream is the truth; a checkpoint merely spares a resumed attempt the walk through recorded phases. So
writing one never fails an attempt, and pending writes (the results of a phase whose checkpoint is not there yet) are
not kept at all: the phase reads them from the record.
"""

import base64
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
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

SESSIONS = "aios_sessions"
"""The key of a config's `configurable` that holds the port: one compiled graph serves every worker of a process."""
TTL = 3_600.0


def session_key(thread: str) -> str:
    """Where an attempt's checkpoint stands; `thread` is its stream."""
    return f"checkpoint/{thread}"


async def forget(sessions: Sessions, thread: str) -> None:
    """Drop an attempt's checkpoint; one that stays is recognised as not the stream's, or expires."""
    with contextlib.suppress(ServiceUnavailableError):
        await sessions.delete(session_key(thread))


class SessionsSaver(BaseCheckpointSaver[int]):
    """The part of a checkpointer that an asynchronous run uses."""

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The latest checkpoint of the config's thread; one that cannot be read counts as none."""
        sessions, thread = _place(config)
        try:
            text = await sessions.get(session_key(thread))
        except ServiceUnavailableError:
            return None
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
        """Replace the thread's checkpoint; a service that is away is no reason to stop."""
        sessions, thread = _place(config)
        kind, packed = self.serde.dumps_typed(checkpoint)
        kept = {"source": metadata.get("source", "loop"), "step": metadata.get("step", 0)}
        text = json.dumps([kind, base64.b85encode(packed).decode(), kept])
        with contextlib.suppress(ServiceUnavailableError):
            await sessions.set(session_key(thread), text, ttl=TTL)
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


def _place(config: RunnableConfig) -> tuple[Sessions, str]:
    configurable = config["configurable"]
    return configurable[SESSIONS], configurable["thread_id"]


def _config(config: RunnableConfig, checkpoint_id: str) -> RunnableConfig:
    sessions, thread = _place(config)
    return {
        "configurable": {SESSIONS: sessions, "thread_id": thread, "checkpoint_ns": "", "checkpoint_id": checkpoint_id}
    }
