"""From nodes to plain data: words become values, anchors and merge keys are expanded, every key keeps its place.

Kubernetes' own tools read YAML 1.1, ours 1.2. Where the two disagree (`yes`, `0777`, `1_000`) a file would mean one
thing on a laptop and another on a cluster: such words are refused with the advice to quote them. So are duplicate
keys. The expanded size is bounded, so a few lines of nested anchors cannot fill the memory.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aios.spec.composing import MAX_DEPTH, Mapping, Node, Scalar, Sequence, SyntaxFaultError, compose
from aios.spec.faults import Fault
from aios.spec.positions import Path, Place, Positions, Spot, Step

MAX_RESOURCE_BYTES = 256 * 1024
"""Of one of ours."""
MAX_CORE_BYTES = 1024 * 1024
"""Of one of Kubernetes' own: so much fits into a ConfigMap."""
EXPANDED = 3
"""How many times its text a document without anchors counts at most: `{a,b}` counts 12 bytes in five letters."""

Bound = Callable[[str | None], int]
"""How large, in bytes, one resource of that apiVersion may be; None: it states none."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_YES_NO = re.compile(r"y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,2})?")
_OTHER_NUMBER = re.compile(r"[-+]?(0[0-9_]+|0[xob][0-9a-fA-F_]+|[0-9][0-9_]*|\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN")
_TAGS = {"str", "int", "float", "bool", "null", "map", "seq"}
_TAG_PREFIX = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Document:
    """A document's data (dict, list, str, int, float, bool or None), where all of it stands, and what is wrong."""

    data: object
    positions: Positions
    faults: tuple[Fault, ...]


def read(text: str, first_line: int = 1, *, bound: Bound = lambda _: MAX_RESOURCE_BYTES) -> Document:
    """One document. Neither it nor, in a List, one of its `items` is larger than `bound` says. Raises SyntaxFaultError
    when nothing of it can be used."""
    node = compose(text, first_line)
    if node is None:
        return Document(None, Positions({}), ())
    expansion = _Expansion(bound, whole=EXPANDED * len(text.encode(errors="replace")) + MAX_CORE_BYTES)
    data = expansion.resource(node, ())
    return Document(data, Positions(expansion.spots), tuple(expansion.faults))


class _Expansion:
    def __init__(self, bound: Bound, *, whole: int) -> None:
        """`whole`: for a List, whose items are bounded one by one: anchors may not make it many times its text."""
        self.spots: dict[Path, Spot] = {}
        self.faults: list[Fault] = []
        self._bound, self._most, self._whole = bound, 0, whole
        self._size = self._sum = 0

    def resource(self, node: Node, path: Path) -> object:
        """The document, or an item of a List: of a size of its own."""
        outer = self._size, self._most
        self._size, self._most = 0, self._bound(_api_version(node))
        found = self.value(node, path, None)
        self._size, self._most = outer
        return found

    def value(self, node: Node, path: Path, key: Place | None) -> object:
        self._count(node, path)
        if isinstance(node, Scalar):
            empty = node.plain and not node.value  # the parser places it where the next thing starts
            self.spots[path] = Spot(key if key and empty else node.place, key, node.value, node.block)
            return self._scalar(node, path)
        self.spots[path] = Spot(node.place, key)
        if node.tag is not None and node.tag.removeprefix(_TAG_PREFIX) not in _TAGS:
            self._refuse(path, f"the tag {node.tag} is not supported", node.place)
        if isinstance(node, Sequence):
            if path == ("items",):
                return [self.resource(item, (*path, index)) for index, item in enumerate(node.items)]
            return [self.value(item, (*path, index), None) for index, item in enumerate(node.items)]
        return self._mapping(node, path)

    def _count(self, node: Node, path: Path) -> None:
        size = 2 + (len(node.value.encode(errors="replace")) if isinstance(node, Scalar) else 0)
        self._size += size
        self._sum += size
        if self._size > self._most or self._sum > self._whole:
            limit = (self._most if self._size > self._most else self._whole) // 1024
            raise SyntaxFaultError(f"larger than {limit:,} KiB once its anchors are expanded", node.place)
        if len(path) > MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels once its anchors are expanded; an anchor within itself?"
            raise SyntaxFaultError(message, node.place)

    def _mapping(self, node: Mapping, path: Path) -> dict[str, object]:
        result: dict[str, object] = {}
        places: dict[str, Place] = {}
        for key_node, value_node in node.pairs:
            if _is_merge(key_node):
                continue
            key = self._key(key_node, path)
            if key is None:
                continue
            if key in places:
                first = places[key]
                message = f"duplicate key; the first is on line {first.line}"
                self._refuse((*path, key), message, key_node.place)
                continue
            places[key] = key_node.place
            result[key] = self.value(value_node, (*path, key), key_node.place)
        for key_node, value_node in self._merged(node, path):
            key = self._key(key_node, path)
            if key is not None and key not in result:
                result[key] = self.value(value_node, (*path, key), key_node.place)
        return result

    def _merged(self, node: Mapping, path: Path) -> Iterator[tuple[Node, Node]]:
        """The entries that merge keys bring in, nearest first; a merged mapping may itself merge others."""
        for key_node, value_node in node.pairs:
            if not _is_merge(key_node):
                continue
            sources = value_node.items if isinstance(value_node, Sequence) else [value_node]
            for source in sources:
                self._count(source, path)
                if not isinstance(source, Mapping):
                    self._refuse(path, "<< takes a mapping or a list of mappings, such as *anchor", key_node.place)
                    continue
                if source is node or len(path) >= MAX_DEPTH:
                    raise SyntaxFaultError("<< merges a mapping into itself", key_node.place)
                yield from (pair for pair in source.pairs if not _is_merge(pair[0]))
                yield from self._merged(source, (*path, "<<"))

    def _key(self, node: Node, path: Path) -> str | None:
        self._count(node, path)
        if not isinstance(node, Scalar):
            self._refuse(path, "a key must be a word", node.place)
            return None
        step: Step = node.value
        if node.plain and _YES_NO.fullmatch(node.value):
            self._refuse((*path, step), _disagreement(node.value), node.place)
        elif node.plain and node.value in _NULL:
            self._refuse(path, 'an empty key; write a word before the ":"', node.place)
            return None
        elif (problem := _unprintable(node.value)) is not None:
            self._refuse(path, problem, node.place)
            return None
        return node.value

    def _scalar(self, node: Scalar, path: Path) -> object:
        word = node.value
        if (problem := _unprintable(word)) is not None:
            self._refuse(path, problem, node.place)
            return ""
        tag = None if node.tag is None else node.tag.removeprefix(_TAG_PREFIX)
        if tag == "str" or (tag in {None, "!"} and not node.plain):
            return word
        if tag not in {None, "!"} and tag not in _TAGS:
            self._refuse(path, f"the tag {node.tag} is not supported", node.place)
            return word
        if _YES_NO.fullmatch(word):
            self._refuse(path, _disagreement(word), node.place)
            return word.lower() in {"y", "yes", "on"}
        return self._typed(node, path)

    def _typed(self, node: Scalar, path: Path) -> object:
        word = node.value
        if word in _NULL:
            return None
        if word in _TRUE | _FALSE:
            return word in _TRUE
        if _INT.fullmatch(word):
            return int(word)
        if _OTHER_NUMBER.fullmatch(word):
            message = f'{word} is read differently by different tools; write a plain number, or quote it: "{word}"'
            self._refuse(path, message, node.place)
            return word
        return float(word) if _FLOAT.fullmatch(word) else word

    def _refuse(self, path: Path, message: str, place: Place) -> None:
        self.faults.append(Fault(path, message, place))


def _api_version(node: Node) -> str | None:
    pairs = node.pairs if isinstance(node, Mapping) else []
    versions = (value for key, value in pairs if isinstance(key, Scalar) and key.value == "apiVersion")
    return next((value.value for value in versions if isinstance(value, Scalar)), None)


def _is_merge(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and node.value == "<<"


def _disagreement(word: str) -> str:
    meant = "true" if word.lower() in {"y", "yes", "on"} else "false"
    return f'{word} means {meant} to some tools and text to others; write {meant}, or quote it: "{word}"'


def _unprintable(text: str) -> str | None:
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "an escape that is half a character; write the character itself"
    return None
