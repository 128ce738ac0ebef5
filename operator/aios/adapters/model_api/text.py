"""What a model wrote, as text that can be stored. Pure."""

import json
from collections.abc import Mapping


def valid_text(written: str) -> str:
    """Without half characters: JSON can spell one half of a surrogate pair, UTF-8 cannot hold it. Halves that came in
    two pieces of a stream make one character again, a lonely one becomes U+FFFD."""
    try:
        written.encode()
    except UnicodeEncodeError:
        return written.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return written


MAX_DEPTH = 64
"""Of objects and lists within each other. A model that loops writes hundreds, which no record can hold."""


def is_storable(value: object) -> bool:
    """Whether a JSON value is nested no deeper than MAX_DEPTH."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH + 1):
        lists = [part for part in level if isinstance(part, list)]
        objects = [part for part in level if isinstance(part, Mapping)]
        level = [inner for part in lists for inner in part] + [inner for part in objects for inner in part.values()]
        if not level:
            return True
    return False


def valid_object(written: Mapping[str, object]) -> dict[str, object]:
    """The same for a JSON object: half characters hide in strings at any depth. Empty for one that is nested too
    deeply to be stored."""
    if not is_storable(written):
        return {}
    read: dict[str, object] = json.loads(valid_text(json.dumps(dict(written), ensure_ascii=False)))
    return read
