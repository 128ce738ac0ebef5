"""Resources as JSON and YAML for stdout: what was stated and found, without the store's book-keeping."""

import json
from collections.abc import Sequence
from io import StringIO

from aios.spec.base import Resource


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
    """YAML documents, separated by `---`; long texts as blocks."""
    from ruamel.yaml import YAML
    from ruamel.yaml.scalarstring import walk_tree

    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    for number, document in enumerate(documents):
        if number:
            out.write("---\n")
        walk_tree(document)
        yaml.dump(document, out)
    return out.getvalue().rstrip("\n")


def _section(dumped: dict[str, object], key: str) -> dict[str, object]:
    found = dumped.get(key)
    return dict(found) if isinstance(found, dict) else {}
