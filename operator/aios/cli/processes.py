"""The long-running processes that Kubernetes or a supervisor starts: `aios operator`, `aios worker`."""

from pathlib import Path
from typing import Annotated

import typer

from aios.cli.options import Verbose

app = typer.Typer(add_completion=False)


@app.command()
def worker(
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="The worker's configuration, JSON.")],
    state: Annotated[Path | None, typer.Option("--state", metavar="DIR", help="State folder of `aios up`.")] = None,
    name: Annotated[
        str, typer.Option("--id", envvar="POD_NAME", help="Names this replica; default: the agent and a random part.")
    ] = "",
    parent: Annotated[int, typer.Option("--parent", hidden=True, help="Process to live no longer than.")] = 0,
    verbose: Verbose = False,
) -> None:
    """Run one agent's worker until it is told to stop (SIGTERM: finish what is in flight)."""
    if parent:
        from aios.wiring.isolated import die_with_parent

        die_with_parent(parent)
    from aios.wiring.worker import WorkerOptions, run

    options = WorkerOptions(config=config, state=state, worker_id=name, parent=parent, verbose=verbose)
    raise typer.Exit(run(options))


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

    settings = read_settings()
    options = OperatorOptions(
        context=context,
        namespace=namespace,
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
