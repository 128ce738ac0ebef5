"""Where a stream's objects stand: names of streams and sequence numbers made into keys, and back.

    PREFIX/index/runs/demo+                              that there is a stream runs/demo, and which life it has
    PREFIX/streams/runs/demo+0123456789ab/0000000000000001   the append whose first record is number 1
    PREFIX/streams/runs/demo+0123456789ab/snapshot           what stands for its first records

A life is what a stream has between its first append and its deletion. Slashes stay slashes, because stores bound the
length of a segment; every other character that is no letter, digit, `-`, `_` or `~` is percent-encoded, dots too, so
that none makes a `.` or `..`. An empty segment is `!`. As `+` stands in no name, it ends one: `a` and `a/b` never
confuse their objects. Each character is encoded for itself, so that listing by a prefix of names is listing by a
prefix of keys.
"""

from dataclasses import dataclass
from urllib.parse import quote, unquote

MAX_KEY = 1024
MAX_SEGMENT = 255
"""Bytes: what file systems, and stores that keep objects in them, allow."""
LIFE_DIGITS = 12
SNAPSHOT = "snapshot"
_DIGITS = 16
_BLOCK_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Layout:
    """Keys below `prefix`, which neither begins nor ends with a slash."""

    prefix: str

    def index(self, stream: str) -> str:
        """The stream's entry in the index. Raises ValueError when the name is empty, too long, or no text."""
        key = f"{self.prefix}/index/{_escape(stream, empty='!')}+"
        longest = len(self.batch(stream, "0" * LIFE_DIGITS, 1))
        # 1 is the `+` of the index; in the records' keys the life follows it.
        segment = max(len(part) for part in key.split("/")) + LIFE_DIGITS
        if not stream or longest > MAX_KEY or segment > MAX_SEGMENT:
            raise ValueError(
                f"not a stream's name: {stream!r}; 1 to about {MAX_KEY - 100} letters and digits in all, "
                f"{MAX_SEGMENT - LIFE_DIGITS - 1} between two slashes, other characters count 3 or more"
            )
        return key

    def index_prefix(self, prefix: str) -> str:
        """What the index entries of all streams whose name starts with `prefix` start with."""
        return f"{self.prefix}/index/{_escape(prefix, empty='')}"

    def records_prefix(self, prefix: str) -> str:
        """What the records of all streams whose name starts with `prefix` start with."""
        return f"{self.prefix}/streams/{_escape(prefix, empty='')}"

    def stream(self, index: str) -> str:
        """The name of the stream whose index entry this is."""
        segments = index.removeprefix(f"{self.prefix}/index/").removesuffix("+").split("/")
        return "/".join("" if segment == "!" else unquote(segment) for segment in segments)

    def life(self, stream: str, life: str) -> str:
        """What all objects of that life start with."""
        return f"{self.prefix}/streams/{_escape(stream, empty='!')}+{life}/"

    def batch(self, stream: str, life: str, first: int) -> str:
        """The append whose first record is number `first`."""
        return f"{self.life(stream, life)}{first:0{_DIGITS}d}"

    def block(self, stream: str, life: str, seq: int) -> str:
        """What the keys of the appends in the same thousand as `seq` start with."""
        return self.batch(stream, life, seq)[:-_BLOCK_DIGITS]

    def snapshot(self, stream: str, life: str) -> str:
        return f"{self.life(stream, life)}{SNAPSHOT}"


BLOCK = 10**_BLOCK_DIGITS


def first_of(key: str) -> int:
    """The sequence number in an append's key."""
    return int(key[-_DIGITS:])


def _escape(name: str, *, empty: str) -> str:
    """`empty`: what an empty last segment becomes; that of a prefix stays open."""
    try:
        *inner, last = (quote(segment, safe="").replace(".", "%2E") for segment in name.split("/"))
    except UnicodeEncodeError as error:
        raise ValueError(f"not a stream's name: {name!r} is no valid Unicode ({error})") from None
    return "/".join([*(segment or "!" for segment in inner), last or empty])
