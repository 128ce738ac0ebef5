"""Desired against live, looking only at the fields our manager owns.

An API server fills in defaults, and other managers own fields of their own: neither is a difference. A field is one
when what we want is not what is there, or when we own something (by server-side apply's book-keeping) that we no
longer want. Quantities that mean the same are the same: `1000m` is `1`, `1024Mi` is `1Gi`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeGuard

from aios.desired.changes import FieldChange

_QUANTITY = re.compile(r"^([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$")
_SCALE: dict[str | None, Decimal] = {
    None: Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTP", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTP", start=1)},
}
_QUANTITY_FIELDS = frozenset({"limits", "requests"})
_MISSING = object()

# What tells the items of a list apart where order does not matter, after Kubernetes' list-map keys.
_LIST_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort", "protocol"),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
}
_SETS = frozenset({"finalizers"})
_KEY_DEFAULTS = {"protocol": "TCP"}


def differences(
    desired: Mapping[str, object], live: Mapping[str, object], owned: Mapping[str, object] | None = None
) -> tuple[FieldChange, ...]:
    """What a write of `desired` would change in `live`. `owned` is our entry's `fieldsV1` in live's managedFields."""
    wrong = list(_compare(desired, live, path="", name=""))
    stale = list(_stale(owned or {}, desired, live, path=""))
    return tuple(wrong + stale)


def diff(before: object, after: object, path: str = "") -> tuple[FieldChange, ...]:
    """Every field in which two whole values differ, both ways. Items of a list that have a `name` are told by it."""
    return tuple(_diff(before, after, path))


def same_quantity(left: object, right: object) -> bool:
    """Whether two Kubernetes quantities mean the same amount."""
    return _amount(left) == _amount(right)


def _compare(desired: object, live: object, *, path: str, name: str) -> Iterator[FieldChange]:
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        for key, value in desired.items():
            if name in _QUANTITY_FIELDS and key in live and same_quantity(value, live[key]):
                continue
            yield from _compare(value, live.get(key, _MISSING), path=_join(path, key), name=key)
    elif _is_list(desired) and _is_list(live):
        yield from _compare_lists(desired, live, path=path, name=name)
    elif live is _MISSING:
        if desired not in ({}, [], None):
            yield FieldChange(path, None, desired)
    elif desired != live:
        yield FieldChange(path, live, desired)


def _compare_lists(desired: Sequence[object], live: Sequence[object], *, path: str, name: str) -> Iterator[FieldChange]:
    if _is_keyed(desired, name):
        there = {_item_key(item, name): item for item in live}
        for item in desired:
            key = _item_key(item, name)
            yield from _compare(item, there.get(key, _MISSING), path=f"{path}[{'/'.join(key)}]", name="")
    elif name in _SETS:
        if missing := [item for item in desired if item not in live]:
            yield FieldChange(path, list(live), [*live, *missing])
    elif len(desired) != len(live):
        yield FieldChange(path, list(live), list(desired))
    else:
        for index, (want, have) in enumerate(zip(desired, live, strict=True)):
            yield from _compare(want, have, path=f"{path}[{index}]", name="")


def _diff(before: object, after: object, path: str) -> Iterator[FieldChange]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _diff(before.get(key), after.get(key), _join(path, key))
    elif _are_named(before) and _are_named(after):
        was, now = _by_name(before), _by_name(after)
        for name in [*was, *(name for name in now if name not in was)]:
            yield from _diff(was.get(name), now.get(name), f"{path}[{name}]")
        if set(was) == set(now) and list(was) != list(now):
            yield FieldChange(path, list(was), list(now))
    elif before != after:
        yield FieldChange(path, before, after)


def _are_named(value: object) -> TypeGuard[Sequence[Mapping[str, object]]]:
    return _is_list(value) and all(isinstance(item, Mapping) and "name" in item for item in value)


def _by_name(items: Sequence[Mapping[str, object]]) -> dict[str, Mapping[str, object]]:
    return {str(item["name"]): item for item in items}


def _stale(owned: Mapping[str, object], desired: object, live: object, *, path: str) -> Iterator[FieldChange]:
    """What we own in `live` and no longer desire. Follows fieldsV1: `f:NAME`, `k:{...}` and `v:VALUE` entries."""
    for entry, below in owned.items():
        kind, _, rest = entry.partition(":")
        if kind == "f" and isinstance(live, Mapping) and rest in live:
            inner = desired.get(rest, _MISSING) if isinstance(desired, Mapping) else _MISSING
            where = _join(path, rest)
            if inner is _MISSING:
                yield FieldChange(where, live[rest], None)
            elif isinstance(below, Mapping):
                yield from _stale(below, inner, live[rest], path=where)
        elif kind == "k":
            yield from _stale_item(rest, below, desired, live, path=path)
        elif kind == "v" and _is_list(desired) and _is_list(live) and _value(rest) not in desired:
            yield FieldChange(path, _value(rest), None)


def _stale_item(key: str, below: object, desired: object, live: object, *, path: str) -> Iterator[FieldChange]:
    wanted, there = _find(desired, key), _find(live, key)
    if there is _MISSING or not isinstance(below, Mapping):
        return
    if wanted is _MISSING:
        yield FieldChange(f"{path}[{key}]", there, None)
    else:
        yield from _stale(below, wanted, there, path=f"{path}[{key}]")


def _find(items: object, key: str) -> object:
    keys = _value(key)
    if not _is_list(items) or not isinstance(keys, Mapping):
        return _MISSING
    for item in items:
        if isinstance(item, Mapping) and all(item.get(k, _KEY_DEFAULTS.get(k)) == v for k, v in keys.items()):
            return item
    return _MISSING


def _value(text: str) -> object:
    value: object = json.loads(text)
    return value


def _is_keyed(items: Sequence[object], name: str) -> bool:
    first = _LIST_KEYS.get(name, ("",))[0]
    return bool(first) and all(isinstance(item, Mapping) and first in item for item in items)


def _item_key(item: object, name: str) -> tuple[str, ...]:
    fields = item if isinstance(item, Mapping) else {}
    return tuple(str(fields.get(key, _KEY_DEFAULTS.get(key, ""))) for key in _LIST_KEYS[name])


def _amount(value: object) -> object:
    found = _QUANTITY.match(str(value))
    return Decimal(found[1]) * _SCALE[found[2]] if found else value


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
