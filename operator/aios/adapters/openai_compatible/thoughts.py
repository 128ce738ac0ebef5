"""A thought in pieces -> the thought. Pure.

OpenRouter streams `reasoning_details` as it gets them: each some words of one part, the signature last and without a
word. Sent back like that they are thousands of parts whose signature fits none of them, and Anthropic refuses it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Part = Mapping[str, Any]
WORDS = ("text", "summary")
"""Fields that come in pieces. What is encrypted (`data`) comes whole."""
SIGNATURE = "signature"


def merged(pieces: Iterable[Part]) -> list[dict[str, Any]]:
    """Parts as the vendor wants them back: consecutive pieces of one part are that part."""
    parts: list[dict[str, Any]] = []
    for piece in pieces:
        if parts and _continues(parts[-1], piece):
            _extend(parts[-1], piece)
        else:
            parts.append(dict(piece))
    return parts


def _continues(part: Part, piece: Part) -> bool:
    """By type and index. Without an index, words after a signature begin the next part."""
    if any(part.get(name) != piece.get(name) for name in ("type", "index")) or part.get("data") or piece.get("data"):
        return False
    if piece.get("id") and part.get("id") and piece["id"] != part["id"]:
        return False
    if not any(isinstance(held.get(name), str) for held in (part, piece) for name in (*WORDS, SIGNATURE)):
        return False
    return isinstance(part.get("index"), int) or not (part.get(SIGNATURE) and any(piece.get(name) for name in WORDS))


def _extend(part: dict[str, Any], piece: Part) -> None:
    for name, value in piece.items():
        if name in WORDS and isinstance(value, str) and isinstance(part.get(name), str):
            part[name] += value
        elif value is not None and (part.get(name) is None or (name == SIGNATURE and value)):
            part[name] = value
