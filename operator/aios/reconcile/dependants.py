"""Who must be looked at again when an object changes: remembered from what each reconcile read.

A reconcile that read an object, or looked for it in vain, is run again when that object appears, changes or goes.
Nothing is stored: the first reconcile after a start fills it.
"""

from collections.abc import Iterable

from aios.spec.base import Ref


class Dependants:
    """Which keys read which refs."""

    def __init__(self) -> None:
        self._reads: dict[Ref, frozenset[Ref]] = {}
        self._readers: dict[Ref, set[Ref]] = {}

    def record(self, key: Ref, read: Iterable[Ref]) -> None:
        """`key`'s latest reconcile read exactly these."""
        now = frozenset(read) - {key}
        before = self._reads.get(key, frozenset())
        for ref in before - now:
            self._readers[ref].discard(key)
            if not self._readers[ref]:
                del self._readers[ref]
        for ref in now - before:
            self._readers.setdefault(ref, set()).add(key)
        if now:
            self._reads[key] = now
        else:
            self._reads.pop(key, None)

    def of(self, ref: Ref) -> tuple[Ref, ...]:
        """The keys that read `ref`, sorted."""
        return tuple(sorted(self._readers.get(ref, ())))

    def is_referenced(self, ref: Ref) -> bool:
        """Whether any reconcile read it."""
        return ref in self._readers

    def known(self) -> frozenset[Ref]:
        """Every key that was recorded: what a resync looks at besides what a listing finds."""
        return frozenset(self._reads)
