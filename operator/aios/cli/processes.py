"""The long-running processes that Kubernetes or a supervisor starts: `aios operator`, `engine`, `worker`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from aios.cli.options import State, TakeOver, Verbose

app = typer.Typer(add_completion=False)


@app.command()
def worker(
    *,
    agent: Annotated[
        str | None,
        typer.Option("--agent", metavar="NAMESPACE/NAME", help="The agent, as an engine (`aios engine`) published it."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Instead of --agent: its configuration as JSON."),
    ] = None,
    state: Annotated[Path | None, typer.Option("--state", metavar="DIR", help="State folder of `aios up`.")] = None,
    name: Annotated[
        str, typer.Option("--id", envvar="POD_NAME", help="Names this replica; default: the agent and a random part.")
    ] = "",
    parent: Annotated[int, typer.Option("--parent", hidden=True, help="Process to live no longer than.")] = 0,
    verbose: Verbose = False,
) -> None:
    """Run one replica of an agent until it is told to stop (SIGTERM: finish what is in flight).

    Any number may run, on any host that reaches the services. They are named by AIOS_BROKER_URL, AIOS_OBJECTS_URL,
    AIOS_SESSIONS_URL, AIOS_JOURNAL_URL if the engine has one, and, for members with Memory, AIOS_KNOWLEDGE_URL and
    AIOS_EMBEDDINGS_URL; `aios doctor` looks at them.
    """
    if (agent is None) == (config is None):
        raise typer.BadParameter("name the agent (--agent NAMESPACE/NAME) or its configuration (--config FILE)")
    if parent:
        from aios.wiring.isolated import die_with_parent

        die_with_parent(parent)
    from aios.settings import read_settings
    from aios.wiring.published import AgentName
    from aios.wiring.worker import WorkerOptions, run

    options = WorkerOptions(
        config=config,
        agent=AgentName.parse(agent, read_settings().namespace) if agent is not None else None,
        state=state,
        worker_id=name,
        parent=parent,
        verbose=verbose,
    )
    raise typer.Exit(run(options))


@app.command()
def engine(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH...]", help='YAML files, folders, or "-" for stdin. None: what the state holds.'),
    ] = None,
    *,
    context: Annotated[
        str | None,
        typer.Option("--context", help="Drive the Projects of this kubeconfig context (in a pod: the default)."),
    ] = None,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Drive the Projects of the current kubeconfig context.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="End when all projects ended; exit 0 if all succeeded.")] = False,
    take_over: TakeOver = False,
    state: State = None,
    verbose: Verbose = False,
) -> None:
    """Drive projects until told to stop; `aios worker` does their tasks, in other processes, on any host.

    With PATHs, or a state folder, it follows YAML as `aios up` does and publishes each agent's configuration for the
    workers. On Kubernetes the operator does that, and the engine only drives.
    """
    if cluster or context is not None or (not paths and state is None and "KUBERNETES_SERVICE_HOST" in os.environ):
        raise typer.Exit(_drive_cluster(context, verbose=verbose))
    from aios.cli.paths import require_declared, say_left_alone, stdin_of
    from aios.cli.progress import Progress
    from aios.cli.session import INTERRUPTED, in_loop, prepare
    from aios.cli.state import again, to_use, typed
    from aios.cli.terminal import say
    from aios.cli.up import report
    from aios.wiring.laptop import Workers
    from aios.wiring.services import Services
    from aios.wiring.stated import Sources
    from aios.wiring.up import UpOptions, up

    named = tuple(paths or ())
    flags = ["--once"] if once else []
    folder, stdin = to_use(state, named), stdin_of(named)
    require_declared("engine", named, folder)
    settings = prepare(folder, verbose=verbose)
    say_left_alone(named)
    options = UpOptions(
        state=folder,
        sources=Sources(named, stdin, settings.namespace),
        once=once,
        take_over=take_over,
        takes_over=typed("engine", named, folder, *flags, "--take-over"),
        services=Services.from_settings(settings),
        workers=Workers.ELSEWHERE,
        metrics_port=settings.metrics_port,
        metrics_address=settings.metrics_address,
    )
    with Progress(verbose=verbose) as progress:
        # Without --once a supervisor that stops it is all that ever ends it; with it, what was waited for did not end.
        code = INTERRUPTED if once else os.EX_OK
        ended = in_loop(lambda stop: up(options, progress, stop), code=code)
        if ended is not None:
            report(progress, ended, folder, named)
    if ended is None:
        say(f"stopped. Go on with:  {again('engine', named, folder, *flags)}")
        raise typer.Exit(code)
    raise typer.Exit(0 if ended.succeeded else 1)


def _drive_cluster(context: str | None, *, verbose: bool) -> int:
    require_kubernetes()
    from aios.settings import read_settings
    from aios.wiring.engine import EngineOptions, run
    from aios.wiring.services import Services

    settings = read_settings()
    return run(
        EngineOptions(
            context=context,
            services=Services.from_settings(settings),
            pod=settings.pod,
            metrics_port=settings.metrics_port,
            metrics_address=settings.metrics_address,
            verbose=verbose or settings.verbose,
        )
    )


@app.command()
def operator(
    context: Annotated[
        str | None,
        typer.Option("--context", help="kubeconfig context. Default: the pod's account, else the current one."),
    ] = None,
    namespace: Annotated[
        str, typer.Option("--namespace", envvar="POD_NAMESPACE", help="Where the operator runs and keeps its Lease.")
    ] = "aios-system",
    worker_image: Annotated[
        str, typer.Option("--worker-image", envvar="AIOS_WORKER_IMAGE", help="Image that workers' pods run.")
    ] = "aios:dev",
    verbose: Verbose = False,
) -> None:
    """Run the Kubernetes operator until SIGTERM. It serves all namespaces."""
    require_kubernetes()
    from aios.adapters.kubernetes.render import PodSettings
    from aios.controller.main import OperatorOptions, run
    from aios.settings import read_settings
    from aios.wiring.services import Services

    settings = read_settings()
    options = OperatorOptions(
        context=context,
        namespace=namespace,
        services=Services.from_settings(settings),
        pods=PodSettings(image=worker_image),
        metrics_port=settings.metrics_port,
        metrics_address=settings.metrics_address,
        verbose=verbose or settings.verbose,
    )
    raise typer.Exit(run(options))


def require_kubernetes() -> None:
    """Raises MissingExtraError when the clients are not installed."""
    from importlib.util import find_spec

    from aios.errors import MissingExtraError

    if find_spec("kopf") is None or find_spec("lightkube") is None:
        raise MissingExtraError("kubernetes", "talking to Kubernetes")
