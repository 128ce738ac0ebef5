"""Resources as JSON and YAML for stdout: what was stated and found, without the store's book-keeping."""

import json
import re
from collections.abc import Mapping, Sequence
from io import StringIO

from aios.spec.base import Resource

_NO_BLOCK = re.compile("[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What YAML prints nowhere but in double quotes, and the two separators that it takes for ends of lines."""


def to_document(resource: Resource) -> dict[str, object]:
    """The resource as `kubectl get -o json` has it; empty and absent fields left out. A Secret's values are hidden."""
    dumped: dict[str, object] = resource.model_dump(mode="json", by_alias=True, exclude_none=True)
    metadata = {key: value for key, value in _section(dumped, "metadata").items() if value not in ("", [], {}, 0)}
    metadata.pop("managedFields", None)
    for key in ("data", "stringData"):
        if resource.kind == "Secret" and key in dumped:
            dumped[key] = dict.fromkeys(_section(dumped, key), "(hidden)")
    head = {"apiVersion": dumped["apiVersion"], "kind": dumped["kind"], "metadata": metadata}
    return {**head, **{key: value for key, value in dumped.items() if key not in head}}


def to_json(documents: Sequence[dict[str, object]], *, single: bool) -> str:
    """One object, or a List of them."""
    value = documents[0] if single else {"apiVersion": "v1", "kind": "List", "items": list(documents)}
    return json.dumps(value, indent=2, ensure_ascii=False)


def to_yaml(documents: Sequence[object]) -> str:
    """YAML documents, separated by `---`; texts of several lines as blocks where those can hold them."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    for number, document in enumerate(documents):
        if number:
            out.write("---\n")
        yaml.dump(_styled(document), out)
    return out.getvalue().removesuffix("\n")


def _styled(value: object) -> object:
    """`value` with the style of every text. Nothing in a block can be escaped: it keeps no carriage return, and of what
    steers a terminal nothing would be left."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

    if isinstance(value, Mapping):
        return {_styled(key): _styled(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_styled(each) for each in value]
    if isinstance(value, str) and _NO_BLOCK.search(value):
        return DoubleQuotedScalarString(value)
    if isinstance(value, str) and "\n" in value:
        return LiteralScalarString(value)
    return value


def _section(dumped: dict[str, object], key: str) -> dict[str, object]:
    found = dumped.get(key)
    return dict(found) if isinstance(found, dict) else {}
