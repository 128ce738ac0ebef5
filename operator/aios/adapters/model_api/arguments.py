"""The arguments of a tool call as a model wrote them -> a JSON object, whatever it wrote. Pure.

Text that is no object becomes an object with one argument whose name says what is wrong. Every tool refuses arguments
it does not know and names them in its answer, so the model reads its mistake and mends it; nothing is executed.
"""

import json
from collections.abc import Mapping

from aios.adapters.model_api.text import is_storable, valid_text

NO_OBJECT = "the arguments are no JSON object"
CUT_OFF = "the arguments were cut off at the limit of output tokens: write less in one call"
KEPT = 1_000
"""Characters of unreadable arguments that the conversation keeps."""


def read_arguments(written: object, *, cut: bool) -> dict[str, object]:
    """`cut`: the answer ended at its limit within these arguments, or right before them. No text is no arguments."""
    if isinstance(written, Mapping) and not is_storable(written):
        return {NO_OBJECT: "it is nested too deeply"}
    text = json.dumps(written) if isinstance(written, Mapping) else str(written or "")
    if not text.strip() and not cut:
        return {}
    # A part of an object is never an object: what can be read is whole, also at the limit.
    read = _object(text)
    return {CUT_OFF if cut else NO_OBJECT: valid_text(text[:KEPT])} if read is None else read


def _object(text: str) -> dict[str, object] | None:
    try:
        read = json.loads(text, parse_constant=_refuse)
        # Half characters hide in escapes within strings at any depth.
        spelled = json.dumps(read, ensure_ascii=False)
        whole = valid_text(spelled)
        read = read if whole == spelled else json.loads(whole)
    except (ValueError, RecursionError):  # ValueError: also a number of too many digits
        return None
    return read if isinstance(read, dict) and is_storable(read) else None


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")
