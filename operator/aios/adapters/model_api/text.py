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


def valid_object(written: Mapping[str, object]) -> dict[str, object]:
    """The same for a JSON object: half characters hide in strings at any depth."""
    read: dict[str, object] = json.loads(valid_text(json.dumps(dict(written), ensure_ascii=False)))
    return read
