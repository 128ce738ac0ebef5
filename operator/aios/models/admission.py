"""Admission: when a model call may start. The gate asks before it journals that the call is started.

Every replica of a namespace shares a model's limits and its circuit breaker through Sessions and Leases, which are
hints: losing them makes a limit loose for a minute, it never loses or repeats a call. But nothing is admitted on a
guess: while they do not answer, a model that costs money or has limits gets no new call. Calls under way finish and
are recorded. A free model without limits needs nobody's permission and asks nobody.

Whoever is not admitted holds nothing while it waits, so that no two can wait for each other. After some patience it
takes the turn: nobody is admitted before it any more. How long it waits is told by `waiting`, so that it need not
count as time of the task.
"""

import contextlib
import json
import logging
import random
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from aios.errors import ModelCallError, ServiceUnavailableError
from aios.models.breaker import Breaker, Condition
from aios.models.cost import spelled
from aios.models.pace import Pace
from aios.models.slots import Slots
from aios.models.throttle import Share, Throttle
from aios.naming import model_state
from aios.ports.chat_model import ChatRequest
from aios.ports.clock import Clock
from aios.ports.leases import Leases
from aios.ports.sessions import Sessions
from aios.spec.model import ModelSpec
from aios.tasks.attempt_events import Usage
from aios.telemetry import MODEL_WAIT_SECONDS

logger = logging.getLogger(__name__)

BYTES_A_TOKEN = 4
EXPECTED_ANSWER = 4
"""An answer is expected to be a quarter of the longest one: counting the longest would starve, and what was really
used is counted as soon as it is known."""


class Permit:
    """A call that was admitted. The gate says what became of it; saying nothing means that nobody knows."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.error: ModelCallError | None = None

    def answered(self, usage: Usage) -> None:
        """The provider answered."""
        self.usage = usage

    def failed(self, error: ModelCallError) -> None:
        """The provider refused or failed."""
        self.error = error


class Admission(Protocol):
    """Who may start a call now."""

    @property
    def keeps_pauses(self) -> bool:
        """Whether nobody is admitted before the time is over that a provider asked to wait."""
        ...

    def admitted(self, request: ChatRequest) -> AbstractAsyncContextManager[Permit]:
        """Waits until the call may start; lasts while it runs. Raises nothing of its own; to be cancelled."""
        ...


class AdmitAll:
    """No limits and nobody to share them with."""

    keeps_pauses = False

    @contextlib.asynccontextmanager
    async def admitted(self, request: ChatRequest) -> AsyncIterator[Permit]:
        """At once."""
        del request
        yield Permit()


class Reason(StrEnum):
    """Why a call waits."""

    PAUSED = "Paused"
    PROBING = "Probing"
    TURN = "Turn"
    CONCURRENCY = "Concurrency"
    REQUESTS = "Requests"
    TOKENS = "Tokens"
    STORE = "StoreAway"


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a call is not admitted yet, as a label and as words."""

    reason: Reason
    words: str


@dataclass(slots=True)
class _Grant:
    """What one call was given so far."""

    holder: str
    condition: Condition = field(default_factory=Condition)
    probe: bool = False
    leases: list[str] = field(default_factory=list)
    tokens: Sequence[Share] = ()


def _unheard(reason: str) -> None:
    """Nobody shows why a call waits."""


Waiting = Callable[[], AbstractContextManager[None]]
"""Lasts while a call waits to be admitted."""


class SharedAdmission:
    """Admission to one model, with every replica that uses it."""

    def __init__(
        self,
        sessions: Sessions,
        leases: Leases,
        clock: Clock,
        *,
        namespace: str,
        model: str,
        spec: ModelSpec,
        say: Callable[[str], None] = _unheard,
        waiting: Waiting = contextlib.nullcontext,
        pace: Pace | None = None,
    ) -> None:
        """`say` is called with the reason a call waits for, and with "" when it waits no more; `waiting` is entered
        before the first look at the limits and left when the call may start, or is given up."""
        pace = pace or Pace()
        prefix = model_state(namespace, model)
        limits = spec.limits
        self._model, self._limits = model, limits
        self._clock, self._pace, self._say, self._waiting = clock, pace, say, waiting
        self._breaker = Breaker(sessions, prefix, model, clock=clock, pace=pace)
        self._slots = Slots(leases, prefix, clock=clock, pace=pace)
        self._requests, self._tokens = (
            Throttle(sessions, f"{prefix}/{kind}", limit, window=pace.window) if limit else None
            for kind, limit in (("requests", limits.requests_per_minute), ("tokens", limits.tokens_per_minute))
        )
        self._limited = bool(limits.concurrency or self._requests or self._tokens)
        self._asks = self._limited or bool(spec.input_price or spec.output_price)

    @property
    def keeps_pauses(self) -> bool:
        """Told, shared by every replica and no time of the task, unlike the gate's own sleep."""
        return self._asks

    @contextlib.asynccontextmanager
    async def admitted(self, request: ChatRequest) -> AsyncIterator[Permit]:
        """See Admission."""
        permit = Permit()
        if not self._asks:
            yield permit
            return
        expected = _expected_tokens(request) if self._tokens else 0
        with self._waiting():
            grant = await self._wait(expected)
        async with self._slots.held(grant.leases, grant.holder):
            try:
                yield permit
            finally:
                # The call is recorded; what the others do not learn of it now they learn from their own.
                with contextlib.suppress(ServiceUnavailableError):
                    await self._learn(permit, grant)

    async def _wait(self, expected: int) -> _Grant:
        holder = uuid.uuid4().hex
        started, attempts = self._clock.monotonic(), 0
        said: set[Reason] = set()
        try:
            while isinstance(outcome := await self._try(holder, expected), Hold):
                self._tell(outcome, said)
                await self._linger(outcome, attempts)
                attempts += 1
                if self._limited and self._clock.monotonic() - started > self._pace.patience:
                    await self._ask_for_the_turn(holder)
            return outcome
        finally:
            if said:
                self._say("")
                await self._slots.release(["turn"], holder)

    def _tell(self, hold: Hold, said: set[Reason]) -> None:
        """Show it; log each reason once a wait."""
        if hold.reason not in said:
            level = logging.WARNING if hold.reason in {Reason.STORE, Reason.PAUSED} else logging.INFO
            logger.log(level, "model %s: no new call yet (%s): %s", self._model, hold.reason, hold.words)
        said.add(hold.reason)
        self._say(f"model {self._model}: {hold.words}")

    async def _linger(self, hold: Hold, attempts: int) -> None:
        longest = self._pace.outage_wait if hold.reason is Reason.STORE else self._pace.longest_wait
        pause: float = min(longest / 1.5, self._pace.first_wait * 2.0 ** min(attempts, 32))
        pause *= 0.5 + random.random()
        await self._clock.sleep(pause)
        MODEL_WAIT_SECONDS.labels(model=self._model, reason=hold.reason).inc(pause)

    async def _ask_for_the_turn(self, holder: str) -> None:
        with contextlib.suppress(ServiceUnavailableError):
            await self._slots.take("turn", holder)

    async def _try(self, holder: str, expected: int) -> "_Grant | Hold":
        """Everything at once or nothing at all."""
        grant = _Grant(holder)
        admitted = False
        try:
            hold = await self._claim(grant, expected)
            admitted = hold is None
        except ServiceUnavailableError as error:
            hold = Hold(Reason.STORE, f"its limits and its circuit are not known while a service is away: {error}")
        finally:  # also when the task is cancelled: others need not wait until it expires
            if not admitted:
                await self._put_back(grant)
        return hold or grant

    async def _claim(self, grant: _Grant, expected: int) -> Hold | None:
        """Take what the call needs, into `grant`; what a minute's limits count comes last."""
        grant.condition = await self._breaker.condition()
        if grant.condition.pause:
            return Hold(Reason.PAUSED, grant.condition.pause)
        if self._limited and await self._slots.holder("turn") not in {None, grant.holder}:
            return Hold(Reason.TURN, "another call has waited longer")
        if grant.condition.half_open:
            if not await self._slots.take("probe", grant.holder):
                return Hold(Reason.PROBING, "it failed before; one call tries it first")
            grant.probe = True
            grant.leases.append("probe")
        return await self._claim_limits(grant, expected)

    async def _claim_limits(self, grant: _Grant, expected: int) -> Hold | None:
        limits = self._limits
        if limits.concurrency:
            place = await self._slots.take_place(limits.concurrency, grant.holder)
            if not place:
                return Hold(Reason.CONCURRENCY, f"{limits.concurrency} calls are under way (limits.concurrency)")
            grant.leases.append(place)
        if self._tokens:
            grant.tokens = await self._tokens.take(expected)
            if not grant.tokens:
                return Hold(Reason.TOKENS, f"{limits.tokens_per_minute} tokens a minute (limits.tokensPerMinute)")
        if self._requests and not await self._requests.take(1):
            return Hold(Reason.REQUESTS, f"{limits.requests_per_minute} calls a minute (limits.requestsPerMinute)")
        return None

    async def _put_back(self, grant: _Grant) -> None:
        """What cannot be put back expires."""
        await self._slots.release(grant.leases, grant.holder)
        if self._tokens and grant.tokens:
            with contextlib.suppress(ServiceUnavailableError):
                await self._tokens.give_back(grant.tokens)

    async def _learn(self, permit: Permit, grant: _Grant) -> None:
        """Tell the other replicas what became of the call."""
        if permit.error is not None:
            await self._breaker.failed(permit.error, grant.condition.seen, probe=grant.probe)
        elif permit.usage is not None:
            await self._breaker.succeeded(grant.condition.seen, probe=grant.probe)
            await self._correct(permit.usage, grant)

    async def _correct(self, usage: Usage, grant: _Grant) -> None:
        if self._tokens is None:
            return
        used = usage.all_input_tokens + usage.output_tokens
        taken = sum(share.amount for share in grant.tokens)
        if used < taken:
            await self._tokens.give_back(grant.tokens, taken - used)
        elif used > taken:
            await self._tokens.charge(used - taken)


def _expected_tokens(request: ChatRequest) -> int:
    """Tokens of question and answer, as they are counted before the call."""
    size = len(json.dumps(spelled(request), ensure_ascii=False).encode())
    return max(1, size // BYTES_A_TOKEN + request.max_output_tokens // EXPECTED_ANSWER)
