"""Position: what a process remembers of a stream's life, so that a tail is polled with one GET.

What is remembered is true for as long as the life lasts: ends of appends never move. Whether it still lasts is looked
up every LIFE_SECONDS, after a write every WRITTEN_SECONDS. Bounded, and safe for the threads of several event loops.
"""

import bisect
from collections import OrderedDict
from threading import Lock

LIFE_SECONDS = 10.0
WRITTEN_SECONDS = 1.0
MAX_STREAMS = 4096
MAX_ENDS = 256
NEAR = 64
"""Appends after which the index entry is told where the stream ends."""


class Position:
    """How far one stream is known."""

    def __init__(self, stream: str, life: str, *, near_end: int, checked: float) -> None:
        self.stream, self.life = stream, life
        self.checked = checked
        """Monotonic time of the last look into the index."""
        self.appended = 0
        """Appends of this process since the index entry was last told."""
        self.tail_seen = False
        """Whether `end` was the stream's end once; otherwise it may be far."""
        self._ends: tuple[int, ...] = (near_end,) if near_end else ()
        self._lock = Lock()

    @property
    def end(self) -> int:
        """The last sequence number that is known to be there; always the end of an append."""
        ends = self._ends
        return ends[-1] if ends else 0

    def learn(self, end: int) -> None:
        """An append ends at `end`."""
        with self._lock:
            at = bisect.bisect_left(self._ends, end)
            if end and self._ends[at : at + 1] != (end,):
                self._ends = (*self._ends[:at], end, *self._ends[at:])[-MAX_ENDS:]

    def end_before(self, seq: int) -> int:
        """The last known end of an append that is not beyond `seq`; 0 when none is."""
        ends = self._ends
        at = bisect.bisect_right(ends, seq)
        return ends[at - 1] if at else 0


class Positions:
    """Those of the streams used last."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Position] = OrderedDict()
        self._lock = Lock()

    def get(self, stream: str) -> Position | None:
        with self._lock:
            position = self._known.get(stream)
            if position is not None:
                self._known.move_to_end(stream)
            return position

    def keep(self, position: Position) -> Position:
        """Returns the one that is known already when it is of the same life."""
        with self._lock:
            known = self._known.get(position.stream)
            if known is not None and known.life == position.life:
                known.checked = max(known.checked, position.checked)
                return known
            self._known[position.stream] = position
            if len(self._known) > MAX_STREAMS:
                self._known.popitem(last=False)
            return position

    def drop(self, stream: str, life: str | None = None) -> None:
        """Forget the stream, or only that life of it."""
        with self._lock:
            known = self._known.get(stream)
            if known is not None and life in {None, known.life}:
                del self._known[stream]
