"""What a server takes of this API: learnt from its refusals, which cost nothing. Pure.

Each refusal leads to one milder request at most, so a server that refuses for another reason is soon believed. What was
left out is left out from then on only if that helped: the refusal may have had another reason.
"""

from dataclasses import dataclass, replace

from aios.adapters.model_api.failures import TOO_LONG, error_code, spoken

OLD_NAME, NEW_NAME = "max_tokens", "max_completion_tokens"
REFUSES_FORM = frozenset({400, 422})
THINKING_WORDS = ("reasoning", "thinking", "signature", "extra_content")
MISSING_WORDS = ("must", "missing", "required", "passed back")
"""Of a refusal that wants something. Groq's, which does not know a field, says `must` too, and `unsupported`."""
UNKNOWN_WORDS = (
    "unsupported",
    "not support",
    "not permitted",
    "not allowed",
    "unknown",
    "unrecognized",
    "unexpected",
    "extra_forbidden",
    "extra inputs",
    "extra fields",
)
"""Of a refusal of something that the server does not know."""
BOUND_WORDS = ("too large", "maximum")
MOST_TRIED = 1_000
TOO_LONG_WORDS = ("context length", "context size", "context window")


@dataclass(frozen=True, slots=True)
class Terms:
    """`limit`: what the bound of the answer is called; `counts`: whether a count of tokens may be asked for;
    `schemas`: whether an answer may be held to a JSON schema; `thoughts`: whether the model gets back what it thought,
    which some servers require between calls of tools and others do not know."""

    limit: str = OLD_NAME
    counts: bool = True
    schemas: bool = True
    thoughts: bool = True
    renamed: bool = False
    """The other name of the bound was tried already."""

    def milder(
        self, status: int, body: object, *, constrained: bool = False, thoughtful: bool = False
    ) -> "Terms | None":
        """What to ask instead after this refusal, None when nothing can be left out. `constrained`: the request held
        the answer to a schema; `thoughtful`: it gave back what the model had thought."""
        said = spoken(body).lower()
        if status not in REFUSES_FORM or error_code(body) in TOO_LONG or _asks_for_less(said):
            return None
        unknown = any(words in said for words in UNKNOWN_WORDS)
        wanting = not unknown and any(words in said for words in MISSING_WORDS)
        if self.counts and ("stream_options" in said or "include_usage" in said):
            return replace(self, counts=False)
        if self.thoughts and thoughtful and not wanting and any(word in said for word in THINKING_WORDS):
            return replace(self, thoughts=False)
        if NEW_NAME in said and not self.renamed and (unknown or "instead" in said):
            return replace(self, limit=OLD_NAME if self.limit == NEW_NAME else NEW_NAME, renamed=True)
        return replace(self, schemas=False) if constrained else None


class Learnt:
    """One server's terms. Milder ones are tried by the call whose refusal suggested them, and are everybody's once it
    was answered."""

    def __init__(self, first: Terms) -> None:
        self._proven = first
        self._tried: dict[str, Terms] = {}

    def of(self, key: str) -> Terms:
        """To ask with in the call `key`."""
        return self._tried.get(_step(key), self._proven)

    def refused(self, key: str, milder: Terms) -> None:
        """What the next try of the call is to ask with."""
        self._tried[_step(key)] = milder
        if len(self._tried) > MOST_TRIED:  # of calls that were refused again, or were given up
            del self._tried[next(iter(self._tried))]

    def answered(self, key: str) -> None:
        """The call was answered."""
        self._proven = self._tried.pop(_step(key), self._proven)


def _asks_for_less(said: str) -> bool:
    """Whether a refusal is of how much was asked for, so that no other form of it would help."""
    bounds = any(name in said for name in (OLD_NAME, NEW_NAME)) and any(words in said for words in BOUND_WORDS)
    return bounds or any(words in said for words in TOO_LONG_WORDS)


def _step(key: str) -> str:
    """A call's key without the number of its try."""
    return key.rpartition("/")[0]
