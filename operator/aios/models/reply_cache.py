"""ReplyCache: a model's answer to exactly the same request is given again without asking, where the team asks for it.

The same request: the same Model in every field, conversation, tools and task; only the time of day that the agent is
told and the ids of tool calls, which vendors invent for each answer, may differ. An answer is given for the label it
was given for, within the team, and to first attempts alone, for what failed once would fail the same way again. It
holds what the model said, so it lies where sessions lie and ends after the time the team states. Refuses nothing and
promises nothing: when it does not answer, the model is asked.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import TypeVar

from pydantic import ValidationError

from aios.errors import AiosError
from aios.models.cost import spelled
from aios.naming import digest
from aios.ports.chat_model import ChatMessage, ChatRequest
from aios.ports.sessions import Sessions
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Privacy
from aios.tasks.attempt_events import Reply

logger = logging.getLogger(__name__)
T = TypeVar("T")

PLACES = 256
"""For each team and label; the newer of two answers that share a place stays."""
LONGEST = 32 * 1024
"""Characters of an answer that is kept: a label's places are 8 MB at most."""
PATIENCE_SECONDS = 1.0
BOUND = "blocks"
"""Where a reply keeps Anthropic's signed blocks."""


@dataclass(frozen=True, slots=True)
class Question:
    """What an answer is looked up by. `key`: the digest of all that the answer may depend on."""

    key: str
    label: Privacy


class ReplyCache:
    """Of one team."""

    def __init__(self, sessions: Sessions, namespace: str, team: str, *, ttl: float) -> None:
        """`ttl`: seconds an answer is kept."""
        self._sessions, self._scope, self._ttl = sessions, f"reply/{namespace}/{team}", ttl

    async def get(self, question: Question) -> Reply | None:
        """The answer that was given before, as it was given then."""
        kept = await _in_time(self._sessions.get(self._place(question)))
        try:
            said = json.loads(kept or "{}")
            return Reply.model_validate(said["reply"]) if said.get("of") == question.key else None
        except (ValueError, ValidationError, KeyError, AttributeError) as error:
            logger.info("an answer in the cache cannot be read (%s): the model is asked", type(error).__name__)
            return None

    async def keep(self, question: Question, reply: Reply) -> None:
        """For whoever asks the same within the time; a very long answer is not kept."""
        kept = reply.model_copy(update={"thinking": _unbound(reply.thinking)})
        value = json.dumps({"of": question.key, "reply": kept.model_dump(mode="json", by_alias=True)})
        if len(value) <= LONGEST:
            await _in_time(self._sessions.set(self._place(question), value, ttl=self._ttl))

    def _place(self, question: Question) -> str:
        return f"{self._scope}/{question.label}/{int(question.key[:8], 16) % PLACES}"


def question(model: str, spec: ModelSpec, request: ChatRequest, label: Privacy, *, told_time: str) -> Question:
    """`told_time`: how the request spells the time of day, which does not count."""
    stated = spec.model_dump(mode="json", by_alias=True)
    counted = replace(request, messages=tuple(_counted(request.messages)))
    said = json.dumps([model, stated, spelled(counted), dict(request.labels)], sort_keys=True, ensure_ascii=False)
    return Question(digest(said.replace(told_time, "") if told_time else said), label)


def _counted(messages: Iterable[ChatMessage]) -> Iterator[ChatMessage]:
    """The conversation with its tool calls numbered through, so that which answer is to which call still counts.

    Ids differ within one reply only, so an answer is to a call of the reply before it.
    """
    number, last = count(), dict[str, str]()
    for message in messages:
        if message.tool_calls:
            last = {call.id: str(next(number)) for call in message.tool_calls}
        calls = tuple(call.model_copy(update={"id": last[call.id]}) for call in message.tool_calls)
        call_id = last.get(message.call_id, message.call_id)
        yield replace(message, tool_calls=calls, call_id=call_id, thinking=_unbound(message.thinking))


def _unbound(thinking: Mapping[str, object]) -> dict[str, object]:
    """What a model thought, without what its vendor signed for one conversation: in another one, and be it only the
    time of day that differs, Anthropic may refuse it. Models go on without."""
    return {name: held for name, held in thinking.items() if name != BOUND}


async def _in_time(asked: Awaitable[T]) -> T | None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await asked
    except (AiosError, TimeoutError) as error:
        logger.info("the cache of answers does not answer (%s): the model is asked", error or "too slow")
        return None
