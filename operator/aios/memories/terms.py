"""Text as a sparse vector of terms, for BM25-style search in any language.

No stop words and no stemming: both would prefer some languages. The inverse document frequency is the store's part.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

K1 = 1.2
B = 0.75
AVERAGE_TERMS = 64
"""Terms of a typical memory, a constant: the weight of a stored text must not depend on what else is stored."""

_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
"""Scripts written without spaces between words: Thai, Lao, Japanese, Chinese."""


def terms(text: str) -> Sequence[str]:
    """Its words without case and compatibility forms; runs of scripts without spaces as overlapping pairs."""
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if _UNSPACED.fullmatch(word) and len(word) > 2:
            found.extend(word[index : index + 2] for index in range(len(word) - 1))
        else:
            found.append(word)
    return found


def term_id(term: str) -> int:
    """A number of 32 bits for the vector's dimension; the same in every process."""
    return int.from_bytes(hashlib.blake2s(term.encode(), digest_size=4).digest(), "big")


def document_weights(text: str) -> Mapping[int, float]:
    """A stored text: BM25's saturated term frequency by term (Robertson and Zaragoza, 2009)."""
    found = terms(text)
    damping = K1 * (1 - B + B * len(found) / AVERAGE_TERMS)
    return {term_id(term): count * (K1 + 1) / (count + damping) for term, count in Counter(found).items()}


def query_weights(text: str) -> Mapping[int, float]:
    """A question: every term counts once."""
    return {term_id(term): 1.0 for term in terms(text)}
