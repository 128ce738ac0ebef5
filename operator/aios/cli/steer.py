"""`aios retry`, `cancel` and `delete`: what a person wishes, written to the store; whoever drives it obeys."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aios.cli.options import Namespace, State
from aios.cli.reading import ref_of, required, with_laptop
from aios.cli.terminal import say
from aios.errors import InvalidSpecError
from aios.naming import ANNOTATION_RETRY, ANNOTATION_SOURCE
from aios.spec.base import Kind, Ref

if TYPE_CHECKING:
    from aios.ports.resources import AnyResource
    from aios.spec.project import Project
    from aios.wiring.ports import LaptopPorts

app = typer.Typer(add_completion=False)


@app.command()
def retry(
    target: Annotated[str, typer.Argument(metavar="PROJECT[/TASK,...]", help="Without tasks: all that failed.")],
    namespace: Namespace = "default",
    state: State = None,
) -> None:
    """Run a project's failed tasks again, and what was skipped because of them.

    On a cluster: kubectl annotate --overwrite project NAME aios.dev/retry=ANY-NEW-WORD
    """
    name, _, listed = target.partition("/")
    tasks = tuple(part for part in listed.split(",") if part)

    async def work(ports: "LaptopPorts") -> None:
        project = await _project(ports, namespace, name)
        _refuse_retry(project, tasks)
        token = f"{secrets.token_hex(4)}={','.join(tasks)}" if tasks else secrets.token_hex(4)
        annotations = {**project.metadata.annotations, ANNOTATION_RETRY: token}
        metadata = project.metadata.model_copy(update={"annotations": annotations})
        spec = project.spec.model_copy(update={"cancel": False})
        await ports.resources.apply(project.model_copy(update={"metadata": metadata, "spec": spec}))

    with_laptop(state, work)
    _say_who(state, f"{name}: {', '.join(tasks) or 'what failed'} will run again", "starts it")


@app.command()
def cancel(
    project: Annotated[str, typer.Argument(metavar="PROJECT", help="The project whose run is to stop.")],
    namespace: Namespace = "default",
    state: State = None,
) -> None:
    """Stop a project's run. It ends Cancelled; `aios retry` goes on with it.

    On a cluster, where the spec belongs to who applied it: set spec.cancel: true there.
    """

    async def work(ports: "LaptopPorts") -> None:
        found = await _project(ports, namespace, project)
        if found.status.run.id == found.run_id and found.status.run.phase.ended:
            raise InvalidSpecError(f"{project} has ended already: {found.status.run.phase}")
        spec = found.spec.model_copy(update={"cancel": True})
        await ports.resources.apply(found.model_copy(update={"spec": spec}))

    with_laptop(state, work)
    _say_who(state, f"{project}: told to stop", "stops it")


@app.command()
def delete(
    target: Annotated[list[str], typer.Argument(metavar="KIND NAME", help="Or KIND/NAME, such as project/word-count.")],
    namespace: Namespace = "default",
    state: State = None,
) -> None:
    """Delete a resource. A project's files and journal stay unless its deletionPolicy is Delete.

    On a cluster: kubectl delete KIND NAME
    """
    ref = ref_of(target, namespace)
    if ref.kind is Kind.AGENT:
        raise InvalidSpecError("agents belong to their team: delete the AgentTeam, or set its member's replicas to 0")

    async def work(ports: "LaptopPorts") -> "AnyResource":
        found = await required(ports.resources, ref)
        await ports.resources.delete(ref)
        return found

    found = with_laptop(state, work)
    _say_who(state, f"{ref.kind}/{ref.name}: deleted", "cleans up behind it")
    if _stays(found):
        from aios.wiring.departures import STAYS

        say(STAYS)
    if source := found.metadata.annotations.get(ANNOTATION_SOURCE, ""):
        say(f"it stands in {source}: remove it there too, or the next edit or `aios up` brings it back")


async def _project(ports: "LaptopPorts", namespace: str, name: str) -> "Project":
    from aios.spec.project import Project

    found = await required(ports.resources, Ref(Kind.PROJECT, namespace, name))
    if not isinstance(found, Project):
        raise InvalidSpecError(f"{name} is no project")
    return found


def _stays(found: "AnyResource") -> bool:
    """Whether it leaves anything behind on purpose."""
    from aios.spec.project import Project
    from aios.spec.vocabulary import DeletionPolicy

    if not isinstance(found, Project) or not found.status.run.id:
        return False
    return found.spec.deletion_policy is DeletionPolicy.RETAIN


def _refuse_retry(project: "Project", tasks: tuple[str, ...]) -> None:
    """Raises InvalidSpecError when there is nothing that could run again."""
    from aios.spec.vocabulary import ProjectPhase

    name, run = project.metadata.name, project.status.run
    known = [task.name for task in run.tasks]
    if unknown := [task for task in tasks if task not in known]:
        raise InvalidSpecError(f"{name} has no task {', '.join(unknown)}; there are: {', '.join(known) or 'none yet'}")
    if run.phase is ProjectPhase.SUCCEEDED and run.id == project.run_id:
        raise InvalidSpecError(f"{name} succeeded: set spec.rerun to another string for a new run")


def _say_who(state: Path | None, done: str, follows: str) -> None:
    from aios.cli.state import command, existing

    folder = existing(state)
    if folder.driver() is not None:
        say(f"{done}; the aios up that runs {follows}")
    else:
        say(f"{done}; the next aios up {follows}:  {command('aios up', folder)}")
