"""`aios workspace ls|cat|log|export PROJECT`: a project's files, from the object store they are kept in, with a state
folder or without one."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aios.cli.options import Namespace, State
from aios.cli.reading import with_records
from aios.cli.terminal import out, say, table, visible
from aios.errors import NoBucketError, NotFoundError

if TYPE_CHECKING:
    from aios.wiring.ports import WorkPorts
    from aios.workspace.manifest import Manifest
    from aios.workspace.store import Workspace

app = typer.Typer(add_completion=False, no_args_is_help=True, help="List, show and export a project's files.")

ProjectName = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's name.")]


def workspace_of(ports: "WorkPorts", namespace: str, project: str) -> "Workspace":
    """The project's workspace."""
    from aios.naming import bucket_name, workspace_prefix
    from aios.workspace.store import Workspace

    return Workspace(ports.objects(bucket_name(namespace)), workspace_prefix(namespace, project))


async def files_of(ports: "WorkPorts", namespace: str, project: str) -> "Manifest":
    """What the workspace holds. Raises NotFoundError when nothing was ever committed."""
    workspace = workspace_of(ports, namespace, project)
    try:
        manifest = (await workspace.head()).manifest
    except NoBucketError:  # nothing has run in that namespace; how a bucket is made is no help to a reader
        manifest = ""
    if not manifest:
        raise NotFoundError(
            f'project "{project}" has no files yet in namespace {namespace} (-n names another): `aios logs {project}` '
            "tells how far it is"
        )
    return await workspace.manifest(manifest)


@app.command("ls")
def list_files(project: ProjectName, namespace: Namespace = "default", state: State = None) -> None:
    """List the files with size and label."""

    async def work(ports: "WorkPorts") -> "Manifest":
        return await files_of(ports, namespace, project)

    manifest = with_records(state, work)
    rows = [[path, str(entry.size), entry.privacy.value] for path, entry in sorted(manifest.files.items())]
    for line in table(["FILE", "BYTES", "PRIVACY"], rows):
        out(line)


@app.command("cat")
def show_file(
    project: ProjectName,
    path: Annotated[str, typer.Argument(metavar="FILE", help="Its path in the workspace.")],
    namespace: Namespace = "default",
    state: State = None,
) -> None:
    """Print one file: byte for byte, but on a terminal with its control characters as they are written."""

    async def work(ports: "WorkPorts") -> bytes:
        manifest = await files_of(ports, namespace, project)
        entry = manifest.files.get(path)
        if entry is None:
            raise NotFoundError(
                f'no file "{path}" in project {project}; there are: {", ".join(sorted(manifest.files))}'
            )
        return await workspace_of(ports, namespace, project).read(entry)

    data = with_records(state, work)
    sys.stdout.flush()
    # A model wrote it. Who passes it on, into a file or a pager, gets all of it.
    shown = visible(data.decode(errors="replace")).encode() if sys.stdout.isatty() else data
    sys.stdout.buffer.write(shown)
    sys.stdout.buffer.flush()


@app.command("log")
def show_log(project: ProjectName, namespace: Namespace = "default", state: State = None) -> None:
    """List the commits, newest first."""

    async def work(ports: "WorkPorts") -> list[list[str]]:
        await files_of(ports, namespace, project)
        commits = await workspace_of(ports, namespace, project).log()
        return [[str(one.sequence), one.commit[:12], one.author, one.message.partition("\n")[0]] for one in commits]

    for line in table(["SEQUENCE", "COMMIT", "AUTHOR", "MESSAGE"], with_records(state, work)):
        out(line)


@app.command("export")
def export(
    project: ProjectName,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where they go: a folder of their own, without YAML of yours.")
    ],
    namespace: Namespace = "default",
    state: State = None,
) -> None:
    """Write the files into a folder. Refuses to change a file that exists and differs.

    A marker, .aios-export, stays in it: `aios up` reads no YAML there, for what agents wrote is not configuration. What
    lies in a .git is left out: git would run it.
    In a pod: into a folder below /tmp, from which kubectl cp fetches them.
    """

    async def work(ports: "WorkPorts") -> tuple["Manifest", "Manifest"]:
        whole = await files_of(ports, namespace, project)
        return whole, await workspace_of(ports, namespace, project).export(folder)

    from aios.cli.story import count

    whole, written = with_records(state, work)
    for path in sorted(written.files):
        out(str(folder / path))
    say_left_out(whole, written)
    say(f"{count(len(written.files), 'file')} in {folder}")


def say_left_out(whole: "Manifest", written: "Manifest") -> None:
    """On stderr, which files an export did not write."""
    from aios.cli.story import count

    if left := sorted(whole.files.keys() - written.files.keys()):
        named = ", ".join(left[:3]) + (" ..." if len(left) > 3 else "")
        say(f"left out: {count(len(left), 'file')} of a git repository ({named}), for git runs what is written there")
