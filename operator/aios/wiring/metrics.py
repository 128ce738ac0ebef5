"""`/metrics` and the probes of a process that is told by its environment where to serve them."""

from collections.abc import Callable

from aios import __version__
from aios.errors import EnvironmentProblemError
from aios.telemetry import MetricsServer, serve_metrics

VARIABLES = ("AIOS_METRICS_ADDRESS", "AIOS_METRICS_PORT")


def open_metrics(
    process: str,
    *,
    port: int,
    address: str,
    healthy: Callable[[], bool] = lambda: True,
    ready: Callable[[], bool] = lambda: True,
) -> MetricsServer:
    """As `serve_metrics`. Raises EnvironmentProblemError naming the variables when it cannot be served there."""
    try:
        return serve_metrics(process, __version__, port=port, address=address, healthy=healthy, ready=ready)
    except OSError as error:
        raise EnvironmentProblemError(
            f"cannot serve /metrics at {address} port {port}: {error.strerror or error}; set {' and '.join(VARIABLES)} "
            "(0 takes a free one)"
        ) from error
