"""Names, labels and annotations: what the API server would refuse, and our own bound on the length of names."""

import re

from aios.spec.base import Kind, Resource
from aios.spec.positions import format_path
from aios.spec.rules import Problem

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_PART = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_MAX_NAME = 40


def metadata_problems(resource: Resource) -> tuple[Problem, ...]:
    """What an API server would refuse in the metadata, and our own bound on names."""
    meta = resource.metadata
    core = resource.ref.kind in {Kind.CONFIG_MAP, Kind.SECRET}
    problems: list[Problem] = []
    if core and not _SUBDOMAIN.fullmatch(meta.name):
        problems.append(Problem("metadata.name", f'"{meta.name}": lower-case letters, digits, "-" and "."'))
    elif not core and not _NAME.fullmatch(meta.name):
        problems.append(Problem("metadata.name", f'"{meta.name}": lower-case letters, digits and "-"'))
    elif not core and len(meta.name) > _MAX_NAME:
        problems.append(Problem("metadata.name", f"{len(meta.name)} characters; at most {_MAX_NAME} are allowed"))
    if not _NAME.fullmatch(meta.namespace) or len(meta.namespace) > 63:
        problems.append(Problem("metadata.namespace", f'"{meta.namespace}": lower-case letters, digits and "-"'))
    for field, keys in (("labels", meta.labels), ("annotations", meta.annotations)):
        for key in keys:
            if not _is_qualified(key):
                message = 'letters, digits, "-", "_" and ".", at most 63, with an optional domain/ before it'
                problems.append(Problem(format_path(("metadata", field, key)), message))
    for key, value in meta.labels.items():
        if value and (len(value) > 63 or not _LABEL_PART.fullmatch(value)):
            message = f'"{value}": a label holds letters, digits, "-", "_" and ".", at most 63; use an annotation'
            problems.append(Problem(format_path(("metadata", "labels", key)), message))
    return tuple(problems)


def _is_qualified(key: str) -> bool:
    domain, slash, name = key.rpartition("/")
    if slash and (len(domain) > 253 or not _SUBDOMAIN.fullmatch(domain)):
        return False
    return len(name) <= 63 and _LABEL_PART.fullmatch(name) is not None
