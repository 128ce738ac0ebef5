"""Whether the operator should be restarted, and whether it can be relied on.

Kopf's own liveness said 200 while its watches were black-holed. Here a watch must be answered anew every so often, a
key must not run for ever, and the main loop must turn. The probes are asked from another thread.
"""

from collections.abc import Callable, Iterable

_LONGEST_WATCH_SILENCE = 180.0
_LONGEST_RECONCILE = 300.0
_LONGEST_PAUSE_OF_LOOP = 60.0


class Health:
    """Ages in seconds by `now`, a monotonic clock."""

    def __init__(self, watched: Iterable[str], now: Callable[[], float], longest_running: Callable[[], float]) -> None:
        self._watched = frozenset(watched)
        self._now, self._longest_running = now, longest_running
        self._beat = now()
        self._watching_since: float | None = None
        self._answers: dict[str, float] = {}

    def beat(self) -> None:
        """The main loop turns."""
        self._beat = self._now()

    def watching(self) -> None:
        """From now on watches are expected to be answered."""
        self._watching_since = self._now()

    def answered(self, plural: str) -> None:
        """The API server opened a watch of `plural`."""
        self._answers[plural] = self._now()

    def ages(self) -> dict[str, float]:
        """Seconds since each watch was answered; since watching began for those that never were."""
        if self._watching_since is None:
            return {}
        now, since = self._now(), self._watching_since
        return {plural: now - self._answers.get(plural, since) for plural in sorted(self._watched)}

    def is_alive(self) -> bool:
        """False: restart the process."""
        loop_turns = self._now() - self._beat < _LONGEST_PAUSE_OF_LOOP
        keys_end = self._longest_running() < _LONGEST_RECONCILE
        return loop_turns and keys_end and all(age < _LONGEST_WATCH_SILENCE for age in self.ages().values())

    def is_ready(self) -> bool:
        """Everything was listed and is watched. A standby that waits for the Lease is not."""
        return self._watched <= self._answers.keys() and self.is_alive()
