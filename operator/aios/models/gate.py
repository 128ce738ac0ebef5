"""The gate: no model call leaves but through here, and none that is recorded leaves again.

In order: the label is within the model's and the member's clearance; a recorded answer is given from the record; a
call in doubt is counted and retried or parked; an answer that the team's cache holds is recorded as a free call;
admission, which waits for limits shared with others; CallStarted with the worst case is durable; the provider;
CallFinished.
Refuses to ask again, or otherwise, what the record holds an answer or a refusal to. A call that was started and came
to neither has nothing to be kept: it stays in doubt, and what is asked next may differ from it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from aios.errors import DivergedError, InDoubtError, ModelCallError, PrivacyError
from aios.models.admission import Admission, AdmitAll, Permit
from aios.models.attempt_log import AttemptLog
from aios.models.cost import cost, spelled, worst_case
from aios.models.reply_cache import Question, ReplyCache, question
from aios.models.unusable import UnusableAnswerError
from aios.naming import digest
from aios.ports.chat_model import ChatModel, ChatRequest
from aios.ports.clock import Clock
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Locality, OnInDoubt, Privacy
from aios.tasks.attempt_events import CallFinished, CallStarted, Reply, ToolCall, Usage
from aios.tasks.retry import backoff_seconds

logger = logging.getLogger(__name__)

MAX_TRIES = 8
"""Tries of one step that the provider may fail transiently, over all claims of the attempt: about a minute."""
MAX_DOUBTFUL = 4
"""Of these, the tries that may have been charged."""
LONGEST_WAIT = 300.0
"""Seconds; a provider that asks for more is asked again all the same."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks which model. `key` names the attempt (run/task/attempt); each call adds its step and number."""

    key: str
    member: str
    clearance: Privacy
    model: str
    spec: ModelSpec
    on_in_doubt: OnInDoubt = OnInDoubt.RETRY

    def may_see(self, label: Privacy) -> bool:
        """Whether member and model are both cleared for `label`. Restricted data never goes to a Cloud model, even if
        somebody stated such a clearance."""
        if label is Privacy.RESTRICTED and self.spec.effective_locality is Locality.CLOUD:
            return False
        return self.clearance.permits(label) and self.spec.effective_clearance.permits(label)


def _unheard(said: str) -> None:
    """Nobody watches."""


class Gate:
    """Calls one model for one attempt."""

    def __init__(
        self,
        log: AttemptLog,
        chat: ChatModel,
        caller: Caller,
        clock: Clock,
        admission: Admission | None = None,
        *,
        replies: ReplyCache | None = None,
        say: Callable[[str], None] = _unheard,
    ) -> None:
        """Without `admission` every call starts at once; without `replies` every answer is asked for. `say` is called
        with what a provider answered that is asked again, and with "" once it has answered or is asked no more."""
        self._say = say
        self._admission = admission or AdmitAll()
        self._replies = replies
        self._log = log
        self._chat = chat
        self._caller = caller
        self._clock = clock

    async def call(self, step: int, request: ChatRequest, label: Privacy) -> Reply:
        """The answer to `request`, whose strictest piece of data carries `label`.

        Raises PrivacyError before anything leaves; DivergedError when the record holds the answer to another question;
        InDoubtError when an earlier call may have been charged and the team's limits say Park; ModelCallError when
        the provider refuses, or failed transiently too often; FencedError when the attempt is somebody else's.
        """
        self._check_privacy(label)
        asked = digest([self._caller.model, spelled(request)])
        recorded = self._recorded(step, asked)
        if recorded is not None:
            return recorded
        self._check_doubt(step)
        if self._replies is None:
            return await self._ask(step, request, asked)
        told_time = self._log.inputs.time if self._log.inputs else ""
        same = question(self._caller.model, self._caller.spec, request, label, told_time=told_time)
        given = await self._given_before(step, self._replies, same, asked)
        if given is not None:
            return given
        reply = await self._ask(step, request, asked)
        await self._replies.keep(same, reply)
        return reply

    def _check_privacy(self, label: Privacy) -> None:
        caller = self._caller
        if not caller.may_see(label):
            raise PrivacyError(
                f"{caller.key}: the work now holds {label} data; member {caller.member} is cleared for "
                f"{caller.clearance}, model {caller.model} ({caller.spec.effective_locality}) for "
                f"{caller.spec.effective_clearance}. Nothing was sent."
            )

    def _recorded(self, step: int, asked: str) -> Reply | None:
        """The answer on record, None while there is none. Raises what the record says was raised."""
        questions = {started.number: started.digest for started in self._log.calls(step)}
        for finished in self._log.finished(step):
            if finished.transient:
                continue
            answered = finished.cached or questions.get(finished.number, asked)
            if answered != asked:
                self._check_doubt(step)  # the next attempt would ask anew what the team wants parked
                raise self._diverged(step, answered, asked)
            if finished.reply is not None:
                return finished.reply
            if finished.unusable is not None:
                raise UnusableAnswerError(finished.error, usage=finished.unusable)
            self._check_doubt(step)
            raise ModelCallError(finished.error, transient=False)
        return None

    def _diverged(self, step: int, recorded: str, asked: str) -> DivergedError:
        return DivergedError(
            f"the member's configuration or AIOS changed since step {step} was answered, and no answer is asked for "
            "twice in an attempt: only a new attempt can go on\n"
            f"{self._log.stream}: request {recorded[:12]} then, {asked[:12]} now"
        )

    async def _given_before(self, step: int, replies: ReplyCache, same: Question, asked: str) -> Reply | None:
        """The cache's answer, recorded as a call that used and cost nothing."""
        found = await replies.get(same)
        if found is None:
            return None
        reply = self._told_apart(found, step).model_copy(update={"usage": Usage()})
        number = len(self._log.calls(step)) + 1
        await self._log.append(CallFinished(step=step, number=number, reply=reply, cached=asked))
        return reply

    def _told_apart(self, found: Reply, step: int) -> Reply:
        """An answer of another attempt with ids that are none of this one's. Its own are kept if they can be: some
        vendors take no other form of id, and LiteLLM carries Gemini's signature in it."""
        replies = (event.reply for event in self._log.events if isinstance(event, CallFinished) and event.reply)
        taken = {call.id for reply in replies for call in reply.tool_calls}
        if taken.isdisjoint(call.id for call in found.tool_calls):
            return _distinct(found, step)
        return _named(found, step)

    def _check_doubt(self, since: int) -> None:
        """Raises InDoubtError when a call of step `since`, or of a later one, is to be parked."""
        unanswered = [(call.step, call.worst_case) for call in self._log.in_doubt()]
        cut_off = [
            (call.step, call.cost) for call in self._log.events if isinstance(call, CallFinished) and call.in_doubt
        ]
        doubtful = [(step, cost) for step, cost in (*unanswered, *cut_off) if step >= since]
        if doubtful and self._caller.on_in_doubt is OnInDoubt.PARK:
            step, charged = doubtful[-1]
            raise InDoubtError(
                f"{self._caller.key}/{step}: a call to {self._caller.model} was started and its answer never recorded; "
                f"it may have been charged up to ${charged}. limits.onInDoubt is Park: "
                "`aios retry` starts the task anew."
            )

    async def _ask(self, step: int, request: ChatRequest, asked: str) -> Reply:
        try:
            return await self._ask_again(step, request, asked)
        finally:
            self._say("")

    async def _ask_again(self, step: int, request: ChatRequest, asked: str) -> Reply:
        wait = 0.0
        while True:
            failures = self._log.finished(step)
            if len(failures) >= MAX_TRIES or sum(failure.in_doubt for failure in failures) >= MAX_DOUBTFUL:
                raise ModelCallError(failures[-1].error, transient=True)
            if failures:
                self._tell(failures[-1].error)
                pause = backoff_seconds(f"{self._caller.key}/{step}", len(failures))
                await self._clock.sleep(max(pause, min(wait, LONGEST_WAIT)))
            try:
                return await self._try(step, request, asked)
            except ModelCallError as error:
                if not isinstance(error, UnusableAnswerError):
                    self._check_doubt(step)
                if not error.transient:
                    raise
                wait = 0.0 if self._admission.keeps_pauses else error.retry_after or 0.0

    def _tell(self, failure: str) -> None:
        """Whoever watches would wait for minutes and see nothing."""
        told = f"model {self._caller.model}: {failure}"
        logger.warning("%s; it is asked again", told)
        self._say(told)

    async def _try(self, step: int, request: ChatRequest, asked: str) -> Reply:
        """One request on the wire, once it may leave. Raises what the provider raised, once it is recorded."""
        async with self._admission.admitted(request) as permit:
            return await self._send(step, request, asked, permit)

    async def _send(self, step: int, request: ChatRequest, asked: str, permit: Permit) -> Reply:
        """The request between its two records."""
        number = len(self._log.calls(step)) + 1
        limit = worst_case(request, self._caller.spec)
        await self._log.append(CallStarted(step=step, number=number, digest=asked, worst_case=limit))
        try:
            reply = await self._chat.chat(replace(request, key=f"{self._caller.key}/{step}/{number}"))
        except UnusableAnswerError as error:
            permit.answered(error.usage)
            paid = cost(error.usage, self._caller.spec)
            await self._log.append(
                CallFinished(step=step, number=number, error=str(error), cost=paid, unusable=error.usage)
            )
            raise
        except ModelCallError as error:
            permit.failed(error)
            await self._log.append(
                CallFinished(
                    step=step,
                    number=number,
                    error=str(error),
                    transient=error.transient,
                    in_doubt=error.maybe_charged,
                    cost=limit if error.maybe_charged else Decimal(0),
                )
            )
            raise
        permit.answered(reply.usage)
        reply = _distinct(reply, step)
        await self._log.append(
            CallFinished(step=step, number=number, reply=reply, cost=cost(reply.usage, self._caller.spec))
        )
        return reply


def _distinct(reply: Reply, step: int) -> Reply:
    """The reply with tool call ids that are present and differ, as the record of their answers needs them."""
    ids = [call.id for call in reply.tool_calls]
    if all(ids) and len(set(ids)) == len(ids):
        return reply
    return _named(reply, step)


def _named(reply: Reply, step: int) -> Reply:
    """The reply with tool call ids of this step's own."""
    calls = tuple(
        ToolCall(id=f"call-{step}-{index}", name=call.name, args=call.args)
        for index, call in enumerate(reply.tool_calls)
    )
    return reply.model_copy(update={"tool_calls": calls})
