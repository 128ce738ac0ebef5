"""What a deleted project with deletionPolicy Delete leaves behind, removed: its runs, then its files. Not so while
another installation declares the same project over the same services: then both are that one's, too."""

from aios.naming import bucket_name, workspace_prefix
from aios.ports.object_store import BucketAdmin
from aios.projects.engine import Engine
from aios.reconcile.world import Cleanup
from aios.spec.project import Project
from aios.wiring.declaring import Names
from aios.wiring.departures import Told, to_log, where


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
