"""Logs and metrics, the same in every process.

Logs are for whoever looks later: one JSON object a line, with the ids of run, project, task and agent wherever they
are known. Progress a person watches is not logged but rendered by the command line. Prompts, replies, file contents
and secrets are never logged. Metrics are served on loopback unless an address is stated, so that starting AIOS opens
nothing to a network.
"""

import errno
import json
import logging
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import TextIOWrapper
from pathlib import Path
from socketserver import TCPServer
from threading import Thread

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

LOOPBACK = "127.0.0.1"
EVERYWHERE, EVERYWHERE_IPV4 = "::", "0.0.0.0"
_NO_IPV6 = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT, errno.ENOPROTOOPT})
"""What kernels say that have none, or had it taken away."""
SELDOM_SECONDS = 60.0
ONCE = {"once": True}
_IDS = ("namespace", "run", "project", "task", "attempt", "agent", "worker")
_ids: ContextVar[dict[str, str]] = ContextVar("aios_log_ids")

RUN_EVENTS = Counter("aios_run_events", "Records appended to run streams by this process.", ["kind"])
ATTEMPT_EVENTS = Counter("aios_attempt_events", "Records appended to attempt streams by this process.", ["kind"])
ATTEMPTS_ENDED = Counter("aios_attempts_ended", "Attempts that ended, by outcome.", ["outcome"])
ATTEMPT_SECONDS = Histogram(
    "aios_attempt_seconds", "How long attempts took.", buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 900)
)
TOKENS = Counter("aios_tokens", "Tokens used by recorded model calls.", ["direction"])
COST = Counter("aios_cost_usd", "USD of recorded model calls.")
MODEL_WAIT_SECONDS = Counter(
    "aios_model_wait_seconds", "Seconds that model calls waited to be admitted, by reason.", ["model", "reason"]
)
BREAKER_OPENINGS = Counter("aios_model_circuit_openings", "How often a model's circuit opened here.", ["model"])
WORKERS = Gauge("aios_workers", "Worker replicas this process supervises.", ["agent", "state"])
BUILD = Gauge("aios_build_info", "The version that runs; always 1.", ["version", "process"])


@contextmanager
def bound(**ids: str) -> Iterator[None]:
    """Log lines of this task and of tasks it starts carry `ids` (run, project, task, agent ...) meanwhile."""
    token = _ids.set({**_ids.get({}), **ids})
    try:
        yield
    finally:
        _ids.reset(token)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the bound ids, and an error's trace."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, str] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_ids_of(record),
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


class Pretty(logging.Formatter):
    """The same for a person at a terminal: clock time, level, message, then the ids."""

    def format(self, record: logging.LogRecord) -> str:
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        ids = " ".join(f"{key}={value}" for key, value in _ids_of(record).items())
        line = f"{clock} {record.levelname.lower():7} {record.getMessage()}{'  ' + ids if ids else ''}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _ids_of(record: logging.LogRecord) -> dict[str, str]:
    stated = {key: str(getattr(record, key)) for key in _IDS if hasattr(record, key)}
    return {**_ids.get({}), **stated}


class Seldom(logging.Filter):
    """Lets the same warning pass once a minute: what waits for a service tries every second. Errors, and whatever has
    a trace, always pass. What is logged with `extra=ONCE`, because it cannot change while we run, passes once."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._last: dict[tuple[str, str], float] = {}
        self._once: set[tuple[str, str]] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is news."""
        if record.levelno != logging.WARNING or record.exc_info:
            return True
        now, said = self._now(), (record.name, record.getMessage())
        if getattr(record, "once", False):
            news = said not in self._once
            self._once.add(said)
            return news
        if now - self._last.get(said, now - SELDOM_SECONDS) < SELDOM_SECONDS:
            return False
        self._last = {one: at for one, at in self._last.items() if now - at < SELDOM_SECONDS}
        self._last[said] = now
        return True


class _LateFile(logging.FileHandler):
    """Makes its folder with the first line, so that a command that is refused leaves nothing behind."""

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the library's name
        """A full disk is told by what cannot go on, not by a trace for each line that is lost."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def close(self) -> None:
        """What still waits to be written on a full disk is given up."""
        with suppress(OSError):
            super().close()


def configure_logs(*, file: Path | None, stderr: bool, verbose: bool = False) -> None:
    """Send logs to `file` as JSON and, if asked, to stderr: pretty on a terminal, JSON elsewhere.

    Debug lines only when `verbose`; other libraries speak from warnings on. A warning that repeats itself is said once
    a minute. Calling it again replaces what was set.
    """
    handlers: list[logging.Handler] = []
    if file is not None:
        to_file = _LateFile(file, encoding="utf-8", delay=True)
        to_file.setFormatter(JsonLines())
        handlers.append(to_file)
    if stderr:
        to_stderr = logging.StreamHandler(sys.stderr)
        to_stderr.setFormatter(Pretty() if sys.stderr.isatty() else JsonLines())
        handlers.append(to_stderr)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    for handler in handlers or [logging.NullHandler()]:
        handler.addFilter(Seldom())
        root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("aios").setLevel(logging.DEBUG if verbose else logging.INFO)


@dataclass(frozen=True, slots=True)
class MetricsServer:
    """A running `/metrics`, with `/healthz` and `/readyz` beside it."""

    port: int
    address: str
    """That is bound."""
    _server: ThreadingHTTPServer
    _thread: Thread

    @property
    def url(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{host}:{self.port}/metrics"

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=2)


def serve_metrics(
    process: str,
    version: str,
    *,
    port: int = 0,
    address: str = LOOPBACK,
    registry: CollectorRegistry = REGISTRY,
    healthy: Callable[[], bool] = lambda: True,
    ready: Callable[[], bool] = lambda: True,
) -> MetricsServer:
    """Serve `/metrics`, `/healthz` and `/readyz` (200 or 503); port 0 takes a free one.

    `address` is loopback unless a container has to be probed from outside: `::` is every address of either kind, and
    where there is no IPv6 every one of IPv4. Raises OSError when the port is taken.
    """
    BUILD.labels(version=version, process=process).set(1)
    probes = {"/healthz": healthy, "/readyz": ready}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name http.server calls
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
            elif path in probes:
                good = probes[path]()
                self._answer(200 if good else 503, "text/plain", b"ok\n" if good else b"no\n")
            else:
                self._answer(404, "text/plain", b"/metrics /healthz /readyz\n")

        def _answer(self, code: int, kind: str, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the signature http.server calls
            logging.getLogger(__name__).debug(format, *args)

    server = _bind(address, port, Handler)
    thread = Thread(target=server.serve_forever, name="metrics", kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    return MetricsServer(port=server.server_port, address=server.server_name, _server=server, _thread=thread)


class _Server(ThreadingHTTPServer):
    """Of the address's own family."""

    daemon_threads = True

    def __init__(self, address: str, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), handler)

    def server_bind(self) -> None:
        if self.server_address[0] == EVERYWHERE:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # whatever the system's default is
        TCPServer.server_bind(self)  # HTTPServer's own asks a name server who we are, and waits for it
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


def _bind(address: str, port: int, handler: type[BaseHTTPRequestHandler]) -> _Server:
    try:
        return _Server(address, port, handler)
    except OSError as error:
        if address != EVERYWHERE or error.errno not in _NO_IPV6:
            raise
    return _Server(EVERYWHERE_IPV4, port, handler)
