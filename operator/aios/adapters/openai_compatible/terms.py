"""What a server takes of this API: learnt from its refusals, which cost nothing. Pure.

Each refusal leads to one milder request at most, so a server that refuses for another reason is soon believed.
"""

from dataclasses import dataclass, replace

from aios.adapters.model_api.failures import TOO_LONG, error_code, spoken

OLD_NAME, NEW_NAME = "max_tokens", "max_completion_tokens"
REFUSES_FORM = frozenset({400, 422})
THINKING_WORDS = ("reasoning", "extra_content", "thought_signature")
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
        if status not in REFUSES_FORM or error_code(body) in TOO_LONG:
            return None
        said = spoken(body).lower()
        if any(words in said for words in TOO_LONG_WORDS):
            return None
        if self.counts and ("stream_options" in said or "include_usage" in said):
            return replace(self, counts=False)
        if self.thoughts and thoughtful and any(word in said for word in THINKING_WORDS):
            return replace(self, thoughts=False)
        if NEW_NAME in said and not self.renamed:
            return replace(self, limit=OLD_NAME if self.limit == NEW_NAME else NEW_NAME, renamed=True)
        return replace(self, schemas=False) if constrained else None
