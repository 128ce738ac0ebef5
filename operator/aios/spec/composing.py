"""One YAML document as a tree of our own small nodes, with the place of each.

The parser's events are read iteratively and bounded in depth; what the parser says about broken text is put into
words a writer of YAML can act on. Aliases stay aliases here: `plain` expands them, bounded too.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from aios.spec.positions import Place

MAX_DEPTH = 64


class SyntaxFaultError(ValueError):
    """The text is no YAML, or no YAML that we read. `place` is where."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(message)
        self.place = place


@dataclass(slots=True)
class Scalar:
    place: Place
    value: str
    plain: bool
    tag: str | None
    block: Place | None = None


@dataclass(slots=True)
class Sequence:
    place: Place
    tag: str | None
    items: list["Node"] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    place: Place
    tag: str | None
    pairs: list[tuple["Node", "Node"]] = field(default_factory=list)
    pending: "Node | None" = None
    """The key whose value comes next; None once the mapping is complete."""


Node = Scalar | Sequence | Mapping


def compose(text: str, first_line: int) -> Node | None:
    """The tree of the only document in `text`, which starts on `first_line` of its file; None when it is empty.

    An alias becomes the very node it names. Raises SyntaxFaultError.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _Builder(text, first_line).build(YAML(typ="safe", pure=True).parse(text))
    except SyntaxFaultError:
        raise
    except MarkedYAMLError as error:
        raise _explained(error, text, first_line) from error
    except ReaderError as error:
        before = text[: error.position]
        place = Place(first_line + before.count("\n"), error.position - (before.rfind("\n") + 1) + 1)
        raise SyntaxFaultError(f"the character {_named(error.character)} may not stand in YAML", place) from error
    except YAMLError as error:
        raise SyntaxFaultError(f"not valid YAML: {error}", Place(first_line, 1)) from error
    except Exception as error:  # whatever the parser trips over in a stranger's file is a fault of that file
        raise SyntaxFaultError(f"not valid YAML: {type(error).__name__}: {error}", Place(first_line, 1)) from error


class _Builder:
    def __init__(self, text: str, first_line: int) -> None:
        self._lines = text.split("\n")
        self._first_line = first_line
        self._anchors: dict[str, Node] = {}
        self._open: list[Sequence | Mapping] = []
        self._root: Node | None = None

    def build(self, events: Iterator[Any]) -> Node | None:
        for event in events:
            if isinstance(event, (SequenceEndEvent, MappingEndEvent)):
                self._open.pop()
            elif isinstance(event, (ScalarEvent, SequenceStartEvent, MappingStartEvent, AliasEvent)):
                self._add(event)
        return self._root

    def _add(self, event: Any) -> None:
        node = self._node(event)
        if not self._open:
            self._root = node
        elif isinstance(parent := self._open[-1], Sequence):
            parent.items.append(node)
        elif parent.pending is None:
            parent.pending = node
        else:
            parent.pairs.append((parent.pending, node))
            parent.pending = None
        if isinstance(event, (SequenceStartEvent, MappingStartEvent)) and not isinstance(node, Scalar):
            if len(self._open) >= MAX_DEPTH:
                raise SyntaxFaultError(f"nested deeper than {MAX_DEPTH} levels", node.place)
            self._open.append(node)

    def _node(self, event: Any) -> Node:
        place = Place(event.start_mark.line + self._first_line, event.start_mark.column + 1)
        if isinstance(event, AliasEvent):
            if event.anchor not in self._anchors:
                raise SyntaxFaultError(f"*{event.anchor}: no anchor &{event.anchor} before it in this document", place)
            return self._anchors[event.anchor]
        tag = None if event.tag is None else str(event.tag)
        node: Node
        if isinstance(event, ScalarEvent):
            block = self._block(event) if event.style == "|" else None
            node = Scalar(place, event.value, event.implicit[0], tag, block)
        else:
            node = Sequence(place, tag) if isinstance(event, SequenceStartEvent) else Mapping(place, tag)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _block(self, event: Any) -> Place | None:
        """The text of a literal block starts on the line after its `|`, indented as its first full line is."""
        start = event.start_mark.line + 1
        for offset, line in enumerate(event.value.split("\n")):
            if line.strip() and start + offset < len(self._lines) and self._lines[start + offset].endswith(line):
                indent = len(self._lines[start + offset]) - len(line)
                return Place(self._first_line + start, indent + 1)
        return None


_EXPLAINED = {
    "mapping values are not allowed here": 'a ":" where no key can stand: check the indentation, or quote the text',
    "could not find expected ':'": 'a key without ":" after it',
    "did not find expected key": "a key was expected here: check the indentation",
    "expected <block end>, but found": "the indentation does not fit the lines above",
    "found unexpected end of stream": "a quoted text does not end",
    "found unknown escape character": "an unknown escape in a double-quoted text; use single quotes",
    "while scanning a directive": 'a line may not start with "%"; quote the text',
    "cannot start any token": "quote a text that starts with this character",
    "expected ',' or ']'": 'a list in brackets needs "," between items and "]" at its end',
    "expected ',' or '}'": 'a mapping in braces needs "," between entries and "}" at its end',
    "expected alphabetic or numeric character": 'after "*" or "&" comes a name; quote a text that starts with them',
}


def _explained(error: MarkedYAMLError, text: str, first_line: int) -> SyntaxFaultError:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return SyntaxFaultError(f"not valid YAML: {error.problem}", Place(first_line, 1))
    place = Place(mark.line + first_line, mark.column + 1)
    lines = text.split("\n")
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return SyntaxFaultError("a tab indents this line; YAML is indented with spaces", place)
    said = ", ".join(part for part in (error.context, error.problem) if part)
    meant = next((words for key, words in _EXPLAINED.items() if key in said), said)
    return SyntaxFaultError(f"not valid YAML: {meant}", place)


def _named(character: object) -> str:
    code = character if isinstance(character, int) else ord(str(character)[0])
    return f"U+{code:04X}"
