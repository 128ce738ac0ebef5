"""What this installation says by which name, on services that others may use too."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

from aios.naming import ANNOTATION_TAKE_OVER, digest
from aios.ports.journal import Journal
from aios.ports.resources import AnyResource, Resources
from aios.projects.holders import HELD, Holder, Holders
from aios.projects.runs import unfinished_run
from aios.spec.base import Kind, Ref
from aios.spec.catalogue import Declared
from aios.spec.project import Project


class Names:
    """The names of one installation. Who it is may be known only once somebody else answers: hence `holders`."""

    def __init__(self, holders: Callable[[], Awaitable[Holders]], journal: Journal, resources: Resources) -> None:
        self._holders, self._journal, self._resources = holders, journal, resources
        self._declared: dict[Ref, tuple[str, str]] = {}
        self.writing = asyncio.Lock()
        """Held from a declaration until what it speaks of is in the store, so that nothing is let go in between."""

    async def declare(
        self,
        wanted: Iterable[Declared],
        existing: Mapping[Ref, AnyResource],
        *,
        prune: Collection[Ref] = (),
        take_over: str = "",
    ) -> None:
        """Hold what is `wanted`, and what else is in the store and stays there.

        Raises HeldElsewhereError when another installation says something else by one of the names.
        """
        said, known = _split(wanted, existing, prune)
        await (await self._holders()).declare(said, known=known, take_over=take_over)

    async def check(
        self, wanted: Iterable[Declared], existing: Mapping[Ref, AnyResource], *, prune: Collection[Ref] = ()
    ) -> None:
        """Raise what `declare` would, and hold nothing."""
        said, known = _split(wanted, existing, prune)
        await (await self._holders()).check(said, known=known)

    async def declare_project(self, project: Project) -> None:
        """For a cluster, where projects come one by one: when it, or what it says, is new to this process."""
        new = project.metadata.uid, _said(project)
        if self._declared.get(project.ref) != new:
            take_over = project.metadata.annotations.get(ANNOTATION_TAKE_OVER, "")
            await (await self._holders()).declare({project.ref: new[1]}, known={}, take_over=take_over)
            self._declared[project.ref] = new

    async def let_go(self, ref: Ref) -> bool:
        """Let others use the name of what is gone; False while a run of ours goes on behind it: ask again."""
        async with self.writing:
            holders = await self._holders()
            if ref.kind not in HELD or await self._resources.get(ref) is not None or not await holders.ours(ref):
                return True
            if ref.kind is Kind.PROJECT and not await holders.elsewhere(ref) and await self._is_running(ref):
                return False
            await holders.release(ref)
            return True

    async def begin_removal(self, ref: Ref) -> Sequence[Holder]:
        return await (await self._holders()).begin_removal(ref)

    async def release(self, ref: Ref) -> None:
        await (await self._holders()).release(ref)

    async def ours(self, ref: Ref) -> bool:
        return await (await self._holders()).ours(ref)

    async def ours_of(self, refs: Sequence[Ref]) -> Sequence[Ref]:
        """Those that we hold."""
        return await (await self._holders()).ours_of(refs)

    async def others(self, ref: Ref) -> Sequence[Holder]:
        return await (await self._holders()).others(ref)

    async def elsewhere(self, ref: Ref) -> bool:
        return await (await self._holders()).elsewhere(ref)

    async def _is_running(self, project: Ref) -> bool:
        return await unfinished_run(self._journal, project.namespace, project.name) is not None


def _split(
    wanted: Iterable[Declared], existing: Mapping[Ref, AnyResource], prune: Collection[Ref]
) -> tuple[Mapping[Ref, str], Mapping[Ref, str]]:
    """What is said now, and what was said before and stays in the store."""
    said = {resource.ref: _said(resource) for resource in wanted if resource.ref.kind in HELD}
    known = {
        ref: _said(resource)
        for ref, resource in existing.items()
        if ref.kind in HELD and ref not in said and ref not in prune and resource.metadata.deletion_timestamp is None
    }
    return said, known


def _said(resource: AnyResource) -> str:
    """Without metadata: labels and annotations run nothing."""
    return digest(resource.model_dump(mode="json", by_alias=True, include={"spec", "data"}))
