"""Where in a file each field stands: paths as people write them, and the place of every key and value."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Step = str | int
Path = tuple[Step, ...]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_STEP = re.compile(r'\[(\d+)\]|\["([^"]*)"\]|\.?([A-Za-z_][A-Za-z0-9_-]*)')


def format_path(path: Sequence[Step]) -> str:
    """("spec", "members", 0, "tier") -> 'spec.members[0].tier'; a key with dots is quoted: 'data["a.yaml"]'."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text


def parse_path(text: str) -> Path:
    """The reverse of `format_path`."""
    return tuple(int(index) if index else quoted or plain for index, quoted, plain in _STEP.findall(text))


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a field stands. `key` is None for list items; `raw` is a scalar as it was typed, None for the rest.

    `block` is the place of the first character of a literal block's text (`|`), None when lines inside the text
    cannot be mapped to lines of the file.
    """

    value: Place
    key: Place | None = None
    raw: str | None = None
    block: Place | None = None

    @property
    def start(self) -> Place:
        """Where the reader should look first for a field as a whole."""
        return self.key or self.value


class Positions:
    """The spots of one document by path."""

    def __init__(self, spots: Mapping[Path, Spot]) -> None:
        self._spots = spots

    def __iter__(self) -> Iterator[Path]:
        return iter(self._spots)

    def below(self, prefix: Path) -> "Positions":
        """Those of a part of the document, with paths that start at the part."""
        length = len(prefix)
        return Positions({path[length:]: spot for path, spot in self._spots.items() if path[:length] == prefix})

    def get(self, path: Path) -> Spot | None:
        return self._spots.get(path)

    def nearest(self, path: Path) -> tuple[Spot, bool]:
        """The spot of `path`, or of the nearest field around it; True when it is exactly that of `path`."""
        for length in range(len(path), -1, -1):
            spot = self._spots.get(path[:length])
            if spot is not None:
                return spot, length == len(path)
        return Spot(Place(1, 1)), False

    def of_value(self, path: Path) -> Place:
        """Where a wrong value stands; the surrounding field when the value was not stated."""
        spot, exact = self.nearest(path)
        return spot.value if exact and spot.raw is not None else spot.start

    def of_key(self, path: Path) -> Place:
        """Where a wrong key stands."""
        return self.nearest(path)[0].start

    def inside(self, path: Path, line: int, column: int | None = None) -> Place | None:
        """The place of a line (and column) inside a text; None when the text is no literal block."""
        spot = self._spots.get(path)
        if spot is None or spot.block is None:
            return None
        return Place(spot.block.line + line - 1, spot.block.column + (column or 1) - 1)
