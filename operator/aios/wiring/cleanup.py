"""What a deleted project with deletionPolicy Delete leaves behind, removed: its runs, then its files."""

from collections.abc import Callable

from aios.naming import bucket_name, workspace_prefix
from aios.ports.object_store import ObjectStore
from aios.projects.engine import Engine
from aios.reconcile.world import Cleanup
from aios.spec.project import Project


def project_cleanup(engine: Engine, objects: Callable[[str], ObjectStore]) -> Cleanup:
    """`objects` gives a bucket's store by the bucket's name. May be called again after it was interrupted."""

    async def cleanup(project: Project) -> None:
        namespace, name = project.metadata.namespace, project.metadata.name
        await engine.forget(namespace, name)
        bucket = objects(bucket_name(namespace))
        for key in await bucket.list(workspace_prefix(namespace, name)):
            await bucket.delete(key)

    return cleanup
