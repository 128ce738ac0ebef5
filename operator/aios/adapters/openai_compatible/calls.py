"""Pieces of tool calls -> the calls, whatever a server does with their indexes, ids and names. Pure.

Each is repeated, left out or the same for all somewhere. A call that is read as two acts twice, two that are read as
one have arguments that no tool takes: so what says the same again is one call, what says something else is another.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Piece = Mapping[str, Any]
SIGNED = "extra_content"
"""Beside a tool call: Gemini's signature of the thought that led to it."""


@dataclass
class Call:
    """What has come of one call. `whole`: arguments that came as an object, which some servers send."""

    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    whole: Mapping[str, object] | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def arguments(self) -> str | Mapping[str, object]:
        """As the server wrote them."""
        return "".join(self.pieces) if self.whole is None else self.whole

    @property
    def read(self) -> Mapping[str, object] | None:
        """The arguments if they are a JSON object: then nothing can follow."""
        if self.whole is not None:
            return self.whole
        text = "".join(self.pieces)
        if not text.rstrip().endswith("}"):  # asked of every piece where a server repeats the name
            return None
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    @property
    def silent(self) -> bool:
        """Whether it has no arguments yet."""
        return self.whole is None and not "".join(self.pieces).strip()

    def add(self, function: Piece, extra: object) -> None:
        """Take what a piece says of it."""
        self.name = self.name or _name(function)
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            self.pieces.append(arguments)
        elif isinstance(arguments, Mapping):
            self.whole = arguments
        if isinstance(extra, Mapping):
            self.extra = extra

    def takes(self, again: "Call") -> bool:
        """Whether `again`, which has its id, says the same once more or the rest of it; if so, that is taken over."""
        if again.name not in {"", self.name} and self.name:
            return False
        if not self.silent and not again.silent and not self._takes_arguments(again):
            return False
        if self.silent:
            self.pieces, self.whole = again.pieces, again.whole
        self.name, self.extra = self.name or again.name, again.extra or self.extra
        return True

    def _takes_arguments(self, again: "Call") -> bool:
        mine, theirs = self.read, again.read
        if mine is not None:
            return mine == theirs
        if theirs is not None:
            self.pieces, self.whole = again.pieces, again.whole
            return True
        self.pieces = [*self.pieces, *again.pieces]
        return True


class Calls:
    """The calls of one answer."""

    def __init__(self) -> None:
        self._begun: list[Call] = []
        self._by_index: dict[int, Call] = {}

    def add(self, piece: Piece) -> None:
        """Take the next piece."""
        function = piece.get("function")
        function = function if isinstance(function, Mapping) else {}
        self._call_of(piece, function).add(function, piece.get(SIGNED))

    def all(self) -> Sequence[Call]:
        """In order, what says the same under one id taken together: Fireworks repeats id and name in every piece, vLLM
        in the last one, also when nothing is left to say; LocalAI sends one call under several indexes, some of them
        without arguments (its issue 9722)."""
        told: list[Call] = []
        for call in self._begun:
            copy = Call(call.id, call.name, list(call.pieces), call.whole, call.extra)
            if not any(copy.id and copy.id == one.id and one.takes(copy) for one in told):
                told.append(copy)
        return told

    def _call_of(self, piece: Piece, function: Piece) -> Call:
        """By its index. Some servers state none, or the same for every call: then an id that is new begins the next
        one, and so does a name after a call that is complete or of another name."""
        identity, name, index = str(piece.get("id") or ""), _name(function), piece.get("index")
        known = self._by_index.get(index) if isinstance(index, int) else (self._begun[-1] if self._begun else None)
        if (
            known is None
            or (not isinstance(index, int) and identity not in {"", known.id})
            or (name and known.name and (name != known.name or known.read is not None))
        ):
            known = Call(identity)
            self._begun.append(known)
            if isinstance(index, int):
                self._by_index[index] = known
        known.id = known.id or identity
        return known


def _name(function: Piece) -> str:
    return str(function.get("name") or "")
