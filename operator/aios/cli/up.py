"""`aios up [PATH...]`: run what the YAML says, follow its edits, and go on where the last one stopped."""

from typing import TYPE_CHECKING, Annotated

import typer

from aios.cli.options import State, TakeOver, Verbose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aios.cli.progress import Progress
    from aios.embedded.state_folder import StateFolder
    from aios.wiring.ending import Ended

app = typer.Typer(add_completion=False)


@app.command()
def up(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH...]", help='YAML files, folders, or "-" for stdin. None: what the state holds.'),
    ] = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="End when all projects ended; exit 0 if all succeeded.")] = False,
    take_over: TakeOver = False,
    isolate: Annotated[bool, typer.Option("--isolate", help="An operating-system process for every replica.")] = False,
    state: State = None,
    verbose: Verbose = False,
) -> None:
    """Run teams and projects from YAML, and keep following its edits.

    Killed at any moment, the next `aios up` goes on; unchanged YAML that is done starts nothing and spends nothing.
    """
    from aios.cli.paths import require_declared, say_left_alone, stdin_of
    from aios.cli.progress import Progress
    from aios.cli.session import INTERRUPTED, in_loop, prepare
    from aios.cli.state import again, to_use, typed
    from aios.cli.terminal import say
    from aios.wiring.laptop import Workers
    from aios.wiring.services import Services
    from aios.wiring.stated import Sources
    from aios.wiring.up import UpOptions
    from aios.wiring.up import up as run_up

    named = tuple(paths or ())
    flags = [flag for flag, wanted in {"--once": once, "--isolate": isolate}.items() if wanted]
    folder, stdin = to_use(state, named), stdin_of(named)
    require_declared("up", named, folder)
    settings = prepare(folder, verbose=verbose)
    say_left_alone(named)
    options = UpOptions(
        state=folder,
        sources=Sources(named, stdin, settings.namespace),
        once=once,
        take_over=take_over,
        takes_over=typed("up", named, folder, *flags, "--take-over"),
        services=Services.from_settings(settings),
        workers=Workers.ISOLATED if isolate else Workers.HERE,
        metrics_port=settings.metrics_port,
        metrics_address=settings.metrics_address,
    )
    with Progress(verbose=verbose) as progress:
        ended = in_loop(lambda stop: run_up(options, progress, stop))
        if ended is not None:
            report(progress, ended, folder, named)
    if ended is None:
        say(f"stopped. Go on with:  {again('up', named, folder, *flags)}")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(0 if ended.succeeded else 1)


def report(progress: "Progress", ended: "Ended", folder: "StateFolder", paths: "Sequence[str]") -> None:
    """After `--once` with `paths`: what nothing was said of because it was over before, and where the files are."""
    from aios.cli.paths import export_command
    from aios.cli.progress import named
    from aios.cli.state import command
    from aios.cli.story import Said, style_of
    from aios.wiring.ending import stalled

    for ref, project in ended.projects.items():
        phase, run = project.status.run.phase, project.status.run
        name, where = named(ref.namespace, ref.name), ref.namespace
        if run.id not in progress.told and phase.ended:
            done = f"{sum(task.phase == 'Succeeded' for task in run.tasks)}/{len(run.tasks)} tasks"
            progress.line(
                Said(f"{name}  {phase}  {done}  as before: nothing started, nothing spent", phase, style_of(phase))
            )
        elif not phase.ended:
            reason = stalled(project) or run.reason
            progress.line(Said(f"{name}  {project.status.phase}  {reason}", project.status.phase, "yellow"))
        if phase == "Succeeded":
            progress.line(Said(f"files  {export_command(ref.name, paths, folder, namespace=where)}"))
        elif phase.ended:
            progress.line(Said(f"why    {command(f'aios logs {ref.name}', folder, namespace=where)}"))
