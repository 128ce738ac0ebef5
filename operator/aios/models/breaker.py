"""Breaker: a provider that fails is left alone by every replica, then tried by one.

After some transient failures in a row the circuit opens for a while; then one call, the probe, goes first. If it
succeeds the circuit closes, if it fails it opens for twice as long. Where a provider names a time to wait, everybody
waits that long; if that is all it says (429) it has not failed. An answer that refuses (400, 401) shows a provider that
works.

The state is a hint in Sessions: when it vanishes the circuit is closed, and some calls fail until it opens again.
Nothing here decides whether a call may be repeated; that is the gate's.
"""

import json
from dataclasses import asdict, dataclass
from datetime import timedelta

from aios.errors import ModelCallError
from aios.models.pace import Pace
from aios.ports.clock import Clock
from aios.ports.sessions import Sessions
from aios.spec.vocabulary import shortened
from aios.telemetry import BREAKER_OPENINGS

LONGEST_CAUSE = 200
"""Characters of the last failure that all are told."""
RACES = 8
"""Tries to count a failure among others that are counted at the same moment."""


@dataclass(frozen=True, slots=True)
class Health:
    """Failures in a row while closed; how often it opened in a row. No openings: the circuit is closed."""

    failures: int = 0
    openings: int = 0

    @classmethod
    def read(cls, text: str | None) -> "Health":
        return cls(**json.loads(text)) if text else cls()

    def __str__(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Condition:
    """What a call finds. `pause`: why and until when nobody is admitted, "" when that is not so. `half_open`: only
    the probe is. `seen`: the state it was read from."""

    pause: str = ""
    half_open: bool = False
    seen: str | None = None


class Breaker:
    """One model's circuit. Methods raise ServiceUnavailableError when the store is away."""

    def __init__(self, sessions: Sessions, prefix: str, model: str, *, clock: Clock, pace: Pace) -> None:
        self._sessions = sessions
        self._health = f"{prefix}/health"
        self._pause = f"{prefix}/pause"
        self._model = model
        self._clock = clock
        self._pace = pace

    async def condition(self) -> Condition:
        """One read while all is well."""
        seen = await self._sessions.get(self._health)
        if seen is None:
            return Condition()
        pause = await self._sessions.get(self._pause)
        if pause is not None:
            return Condition(pause=str(json.loads(pause)["why"]), seen=seen)
        return Condition(half_open=Health.read(seen).openings > 0, seen=seen)

    async def succeeded(self, seen: str | None, *, probe: bool) -> None:
        """A call that found `seen` was answered."""
        if probe:
            await self._sessions.set(self._health, str(Health()), ttl=self._pace.memory)
        elif seen is not None and Health.read(seen) != Health():
            await self._sessions.compare_and_set(self._health, seen, str(Health()), ttl=self._pace.memory)

    async def failed(self, error: ModelCallError, seen: str | None, *, probe: bool) -> None:
        """A call that found `seen` was not answered."""
        if not error.transient:
            await self.succeeded(seen, probe=probe)
            return
        if error.retry_after is not None:
            await self._obey(min(error.retry_after, self._pace.longest_pause))
        if not error.works:
            await self._count(probe, str(error))

    async def _obey(self, seconds: float) -> None:
        if seconds <= 0:
            return
        await self._close_for(seconds, "the provider asked to wait")
        for _ in range(RACES):  # the pause is looked for only where there is a state
            held = await self._sessions.get(self._health)
            if await self._write(held, Health.read(held)):
                return

    async def _count(self, probe: bool, error: str) -> None:
        for _ in range(RACES):
            held = await self._sessions.get(self._health)
            health = Health.read(held)
            if health.openings and not probe:
                return  # it was under way when the circuit opened: that is known already
            opens = probe or health.failures + 1 >= self._pace.failures
            after = Health(health.failures + 1, health.openings + opens)
            if await self._write(held, after):
                if opens:
                    await self._open(after, error)
                return

    async def _open(self, health: Health, error: str) -> None:
        BREAKER_OPENINGS.labels(model=self._model).inc()
        seconds = min(self._pace.longest_open, self._pace.first_open * 2.0 ** min(health.openings - 1, 32))
        last = shortened(" ".join(error.split()), LONGEST_CAUSE)
        await self._close_for(seconds, f"it failed {health.failures} times in a row ({last})")

    async def _close_for(self, seconds: float, why: str) -> None:
        """Nobody is admitted for `seconds` by the store's clock; a pause that is longer already stays."""
        held = await self._sessions.get(self._pause)
        if held is not None and json.loads(held)["seconds"] >= seconds:
            return
        # Told, not compared: whoever waits looks whether the pause is still there.
        until = self._clock.now() + timedelta(seconds=seconds)
        text = f"{why}; left alone until about {until:%H:%M:%S} UTC"
        await self._sessions.set(self._pause, json.dumps({"seconds": seconds, "why": text}), ttl=seconds)

    async def _write(self, held: str | None, health: Health) -> bool:
        return await self._sessions.compare_and_set(self._health, held, str(health), ttl=self._pace.memory)
