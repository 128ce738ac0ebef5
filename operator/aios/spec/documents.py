"""From bytes to the texts of single YAML documents, before any of them is parsed.

YAML forbids `---` and `...` at the start of a line inside any scalar, so cutting there is exact. One broken document
then leaves its neighbours readable, and a large foreign one (a CRD of another product) costs nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from aios.spec.positions import Place

_MARKER = re.compile(r"^(---|\.\.\.)(?=[ \t]|$)", re.MULTILINE)
_CONTENT = re.compile(r"^(?!---[ \t]*(?:#.*)?$|\.\.\.)[ \t]*[^ \t\n#%]", re.MULTILINE)
_API_VERSION = re.compile(r"^apiVersion:[ \t]+[\"']?([^\s\"'#]+)", re.MULTILINE)


class EncodingFaultError(ValueError):
    """The bytes are not UTF-8 text. `place` is where reading stopped."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True, slots=True)
class RawDocument:
    """The text of one document; `line` is the file's line, from 1, on which it starts."""

    text: str
    line: int

    @property
    def api_version(self) -> str | None:
        """Its top-level apiVersion where that can be told without parsing."""
        found = _API_VERSION.search(self.text)
        return found[1] if found else None


def decode(content: bytes) -> str:
    """UTF-8 text with Unix line ends, without a byte order mark. Raises EncodingFaultError."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise EncodingFaultError("UTF-16 text; save the file as UTF-8", Place(1, 1))
    if b"\0" in content:
        raise EncodingFaultError("a binary file, not YAML (it holds NUL bytes)", _place(content, content.index(b"\0")))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad = content[error.start]
        message = f"not UTF-8 text (byte 0x{bad:02x}); save the file as UTF-8"
        raise EncodingFaultError(message, _place(content, error.start)) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split(text: str) -> Iterator[RawDocument]:
    """The documents of a file; empty ones and those of comments only are left out."""
    start, line = 0, 1
    ends = [marker.start() if marker[1] == "---" else marker.end() for marker in _MARKER.finditer(text)]
    for end in [*ends, len(text)]:
        body = text[start:end]
        if _CONTENT.search(body):
            yield RawDocument(body, line)
        start, line = end, line + body.count("\n")


def _place(content: bytes, offset: int) -> Place:
    before = content[:offset]
    return Place(before.count(b"\n") + 1, offset - (before.rfind(b"\n") + 1) + 1)
