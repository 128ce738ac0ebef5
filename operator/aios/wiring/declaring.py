"""What this installation says by which name, told to the others on the same services before anything is applied."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

from aios.naming import ANNOTATION_TAKE_OVER, digest
from aios.ports.resources import AnyResource
from aios.projects.holders import HELD, Holders
from aios.spec.base import Ref
from aios.spec.catalogue import Declared
from aios.spec.project import Project


async def declare(
    holders: Holders,
    wanted: Iterable[Declared],
    existing: Mapping[Ref, AnyResource],
    *,
    prune: Collection[Ref] = (),
    take_over: bool = False,
) -> None:
    """Hold what is `wanted`, and what else is in the store and stays there.

    Raises HeldElsewhereError when another installation says something else by one of the names.
    """
    said = {resource.ref: _said(resource) for resource in wanted if resource.ref.kind in HELD}
    known = {
        ref: _said(resource)
        for ref, resource in existing.items()
        if ref.kind in HELD and ref not in said and ref not in prune and resource.metadata.deletion_timestamp is None
    }
    await holders.declare(said, known=known, take_over=take_over)


def project_declarer(holders: Callable[[], Awaitable[Holders]]) -> Callable[[Project], Awaitable[None]]:
    """For a cluster, where projects come one by one: declares each when what it says is new to this process."""
    declared: dict[Ref, str] = {}

    async def declare_project(project: Project) -> None:
        said = _said(project)
        if declared.get(project.ref) != said:
            take_over = project.metadata.annotations.get(ANNOTATION_TAKE_OVER) == "true"
            await (await holders()).declare({project.ref: said}, known={}, take_over=take_over)
            declared[project.ref] = said

    return declare_project


def _said(resource: AnyResource) -> str:
    """Without metadata: labels and annotations run nothing."""
    return digest(resource.model_dump(mode="json", by_alias=True, include={"spec", "data"}))
