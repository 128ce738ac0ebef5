"""What the deleted leave behind, removed: of a project with deletionPolicy Delete its runs, then its files; of a team
what it remembers, which a later team of its name would recall as its own. Not so while another installation declares
the same over the same services: then it is that one's, too."""

import asyncio
from collections.abc import Awaitable, Callable

from aios.errors import EnvironmentProblemError
from aios.naming import bucket_name, workspace_prefix
from aios.ports.knowledge import Knowledge
from aios.ports.object_store import BucketAdmin
from aios.projects.engine import Engine
from aios.reconcile.world import Cleanup
from aios.spec.base import Kind, Ref
from aios.spec.project import Project
from aios.wiring.declaring import Names
from aios.wiring.departures import Told, to_log, where

LetGo = Callable[[Ref], Awaitable[bool]]
"""Lets others use the name of what is gone; False: not yet, ask again."""
MayForget = Callable[[Ref], Awaitable[bool]]
"""Whether what a team that is gone remembers is this installation's to forget."""


def project_cleanup(
    engine: Engine, buckets: BucketAdmin, names: Names | None = None, *, told: Told = to_log
) -> Cleanup:
    """With `names` others on the same services are heeded; `told` what became of it. May be called again after it was
    interrupted."""

    async def cleanup(project: Project) -> None:
        namespace, name = project.metadata.namespace, project.metadata.name
        if names and (others := await names.begin_removal(project.ref)):
            told(
                project.ref,
                f"its runs and files stay, for {where(others)} declares it too; they go when it is deleted there, with "
                "deletionPolicy: Delete",
            )
            return
        await engine.forget(namespace, name)
        await buckets.erase(bucket_name(namespace), workspace_prefix(namespace, name))
        if names:
            await names.release(project.ref)
        told(project.ref, "its runs and files are removed (deletionPolicy: Delete)")

    return cleanup


def letting_go(knowledge: Knowledge, names: Names | None, *, may_forget: MayForget, told: Told = to_log) -> LetGo:
    """Forgets what a team remembers before its name is free, where that is ours to forget.

    It raises ServiceUnavailableError while nobody can be asked to forget: the name is kept, and whoever called tries
    again. A memory that stays out of reach until somebody mends it keeps no name, but `told` hears of it. One team is
    forgotten at a time: while a memory is frozen others who are gone wait for their turn and hold nothing up.
    """
    turn = asyncio.Lock()

    async def let_go(gone: Ref) -> bool:
        if gone.kind is Kind.TEAM and await may_forget(gone):
            if turn.locked():
                return False
            async with turn:
                try:
                    await knowledge.forget(gone.namespace, gone.name)
                except EnvironmentProblemError as error:
                    told(gone, f"what it remembered stays, and a later team of this name will recall it: {error}")
        return names is None or await names.let_go(gone)

    return let_go


def remembered_alone(names: Names | None, *, alone: bool) -> MayForget:
    """For an installation that declares its teams: what it holds and nobody else does. Without `names` only a memory
    that is its own `alone`: at one that others use as well a team of that name may be theirs by now."""

    async def may_forget(gone: Ref) -> bool:
        if names is None:
            return alone
        return await names.ours(gone) and not await names.elsewhere(gone)

    return may_forget


def remembered_nowhere_else(names: Names) -> MayForget:
    """For a cluster, which declares no teams: what no installation that does declare it holds."""

    async def may_forget(gone: Ref) -> bool:
        return not await names.elsewhere(gone)

    return may_forget
