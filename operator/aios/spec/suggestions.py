""" "Did you mean": the nearest of the words that would have been right."""

from collections.abc import Iterable
from difflib import get_close_matches

SHOWN = 8


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """The allowed word that `word` most likely stands for, whatever its case; None when none is near."""
    by_folded = {candidate.casefold().replace("_", ""): candidate for candidate in allowed}
    close = get_close_matches(word.casefold().replace("_", ""), list(by_folded), n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def hint(word: str, names: Iterable[str], *, label: str = "defined") -> str:
    """The end of "no such name": all names when they are few, else the nearest; never silence."""
    known = sorted(set(names))
    if not known:
        return f"{label}: none"
    if len(known) <= SHOWN:
        return f"{label}: {', '.join(known)}"
    near = nearest(word, known)
    if near is not None:
        return f'did you mean "{near}"?'
    return f"{label}: {', '.join(known[:SHOWN])} and {len(known) - SHOWN} more"
