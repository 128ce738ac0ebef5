"""What goes to the terminal and how: data to stdout, talk to stderr, colour only where a person looks.

Everything here is plain text with a few escape codes, because Rich takes longer to load than most commands run;
what redraws itself (see `progress`) uses Rich.

What models, files, resources and servers say is text to be read: it never steers the terminal it is read on.
"""

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

import typer

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""C0 without tab and line feed, DEL, C1."""
_PAINTED = re.compile(rf"(\x1b\[(?:0|{'|'.join(_CODES.values())})m)")


def colourful(stream: TextIO) -> bool:
    """Whether escape codes belong there: a terminal, and nobody said NO_COLOR (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def paint(text: str, style: str, *, stream: TextIO | None = None) -> str:
    """`text` in a style ("bold", "dim", "red" ...), or as it is where colour does not belong."""
    if not text or style not in _CODES or not colourful(stream or sys.stdout):
        return text
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m"


def visible(text: str) -> str:
    r"""`text` with its control characters as they are written, "\x1b" and "\u009b", but for tabs and line feeds.

    For what others say, before it is painted. C1 and DEL are written as JSON does: of all these, a JSON document may
    hold them raw, and stays one.
    """
    return _CONTROLS.sub(lambda found: _written(ord(found[0])), text)


def _written(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x20 else f"\\u{code:04x}"


def _guarded(text: str, stream: TextIO) -> str:
    """`text` where nothing but our own colours is left of what steers a terminal, whoever forgot to ask `visible`."""
    if not colourful(stream):
        return visible(text)
    # With a group, every second part is one of the codes.
    parts = _PAINTED.split(text)
    return "".join(part if place % 2 else visible(part) for place, part in enumerate(parts))


def out(text: str = "") -> None:
    """Data: one line on stdout."""
    typer.echo(_guarded(text, sys.stdout))


def say(text: str = "") -> None:
    """Talk: one line on stderr."""
    typer.echo(_guarded(text, sys.stderr), err=True)


def complain(text: str) -> None:
    """An error, on stderr. Several lines are a table that brings its own heads."""
    say(text if "\n" in text else f"{paint('error', 'red', stream=sys.stderr)}  {text}")


def width() -> int:
    """Columns of the terminal; 100 where there is none."""
    return shutil.get_terminal_size((100, 24)).columns


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, gap: int = 3) -> list[str]:
    """Lines of left-aligned columns, as kubectl prints them; no line is cut. Cells are plain text."""
    header, *rows = [[visible(cell) for cell in row] for row in [header, *rows]]
    wide = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    return [
        (" " * gap).join(cell.ljust(size) for cell, size in zip(row, wide, strict=True)).rstrip()
        for row in [header, *rows]
    ]


def panels(groups: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """Boxes with a title, each holding names and what they are for."""
    total = min(max(width(), 60), 100)
    left = max(len(name) for rows in groups.values() for name, _ in rows)
    lines: list[str] = []
    for title, rows in groups.items():
        lines.append(f"╭─ {paint(title, 'bold')} {'─' * (total - len(title) - 5)}╮")
        for name, text in rows:
            room = total - left - 7
            shown = text if len(text) <= room else text[: room - 1] + "…"
            lines.append(f"│ {paint(name.ljust(left), 'cyan')}  {shown.ljust(room)}  │")
        lines.append(f"╰{'─' * (total - 2)}╯")
    return "\n".join(lines)
