"""A process that is measured: what it says and when, its wall and CPU time, its peak memory.

A tiny interpreter stands between us and the process: the kernel's peak of a process counts the memory of whoever
started it, and a benchmark with Hypothesis or Kopf loaded is larger than what it measures.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SECONDS = 120.0
"""How long a measured process may take before it counts as hanging."""

_LAUNCHER = """
import ctypes, json, os, signal, sys, time
report, command = sys.argv[1], sys.argv[2:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 15)  # SIGTERM when whoever measures is killed
started = time.monotonic()
child = os.posix_spawnp(command[0], command, os.environ)
def pass_on(number, frame):
    try:
        os.kill(child, number)
    except ProcessLookupError:  # it has just ended by itself
        pass
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, pass_on)
with open(report, "w") as file:
    json.dump({"pid": child, "started": started}, file)
_, status, usage = os.wait4(child, 0)
ended = time.monotonic()
peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
with open(report + ".part", "w") as file:
    json.dump({"pid": child, "started": started, "seconds": ended - started, "code": os.waitstatus_to_exitcode(status),
               "cpu": usage.ru_utime + usage.ru_stime, "peak": peak}, file)
os.replace(report + ".part", report)
"""


class ProcessFailedError(Exception):
    """A measured process ended with an error or never did what it was watched for; holds its last words."""


@dataclass(frozen=True, slots=True)
class Usage:
    """`seconds` wall from spawn to exit, `cpu` seconds of it and of children it waited for, `peak` RSS in bytes."""

    seconds: float
    cpu: float
    peak: int
    code: int

    @property
    def peak_megabytes(self) -> float:
        return self.peak / 1e6


@dataclass(frozen=True, slots=True)
class Line:
    """A line of output, and how many seconds after the spawn it came."""

    text: str
    at: float


class Measured:
    """A running measured process; stdout and stderr together are its lines."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        report: Path | None = None,
    ) -> None:
        """`folder` is where it runs; `report` where its usage is kept, and its home: by default the same."""
        home = report or folder
        self._report = home / f"usage-{time.monotonic_ns()}.json"
        self._lines: queue.SimpleQueue[tuple[str, float] | None] = queue.SimpleQueue()
        self._said: list[str] = []
        self._command = [str(part) for part in command]
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(self._report), *self._command]
        self._process = subprocess.Popen(
            launcher,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=folder,
            env=clean_environment(home) | dict(environment or {}),
            start_new_session=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> "Measured":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of the measured process itself, not of what launched it."""
        return int(self._wait_for_report()["pid"])

    def check_alive(self) -> None:
        """Raises ProcessFailedError when it has ended."""
        if self._process.poll() is not None:
            code = json.loads(self._report.read_text()).get("code")
            raise ProcessFailedError(f"ended with {code}: {self.last_words(40)}")

    def lines(self, seconds: float = SECONDS) -> Iterator[Line]:
        """Every line as it comes until the process ends. Raises ProcessFailedError when it takes too long."""
        started = float(self._wait_for_report()["started"])
        deadline = time.monotonic() + seconds
        while True:
            try:
                item = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise ProcessFailedError(f"no end within {seconds:.0f} s: {self.last_words()}") from None
            if item is None:
                return
            yield Line(item[0], item[1] - started)

    def until(self, wanted: Callable[[str], bool], what: str, seconds: float = SECONDS) -> Line:
        """The first line that is wanted. Raises ProcessFailedError when the process ends or time is up before."""
        for line in self.lines(seconds):
            if wanted(line.text):
                return line
        raise ProcessFailedError(f"ended before {what}: {self.last_words()}")

    def wait(self, seconds: float = SECONDS) -> Usage:
        """Wait for the end. Raises ProcessFailedError when it takes too long; any exit code is an answer."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise ProcessFailedError(f"no end within {seconds:.0f} s: {self.last_words()}") from None
        report = self._wait_for_report()
        if "code" not in report:
            raise ProcessFailedError(f"its launcher was killed: {self.last_words()}")
        return Usage(float(report["seconds"]), float(report["cpu"]), int(report["peak"]), int(report["code"]))

    def stop(self, grace: float = 20.0) -> Usage | None:
        """Ask it to end, by force after `grace` seconds; its usage when it went by itself."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(grace)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):  # the whole session is ours: launcher, process, children
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
                return None
        return self.wait()

    def last_words(self, lines: int = 20) -> str:
        return f"{' '.join(self._command)}\n" + "\n".join(self._said[-lines:])

    def _listen(self) -> None:
        output = self._process.stdout
        for text in output or ():
            self._said.append(text.rstrip("\n"))
            self._lines.put((text.rstrip("\n"), time.monotonic()))
        self._lines.put(None)

    def _wait_for_report(self) -> dict[str, float]:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, json.JSONDecodeError):
                report: dict[str, float] = json.loads(self._report.read_text())
                return report
            time.sleep(0.002)
        raise ProcessFailedError(f"could not be started: {self.last_words()}")


def run(command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str] | None = None) -> Usage:
    """Run a command to its end. Raises ProcessFailedError when its exit code is not 0."""
    with Measured(command, folder=folder, environment=environment) as process:
        usage = process.wait()
        if usage.code != 0:
            raise ProcessFailedError(f"exit code {usage.code}: {process.last_words()}")
        return usage


def clean_environment(home: Path) -> dict[str, str]:
    """What a measured process sees: nothing of the user's settings, no colours, a home of its own."""
    return {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "COLUMNS": "200",
        "PYTHONPATH": str(PROJECT),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "localhost,127.0.0.1,::1",
    }


def tree_cpu_seconds(pid: int) -> float:
    """User and system time so far of a process, its living descendants, and those it has reaped. Linux only."""
    ticks = 0
    for process in (pid, *_descendants(pid)):
        with contextlib.suppress(OSError):  # it ended between the listing and now: its parent has its time
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(value) for value in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def tree_peak_bytes(pid: int) -> int:
    """Sum of the peak RSS of a process and its living descendants: an upper bound, for shared pages count twice."""
    return sum(_peak(process) for process in (pid, *_descendants(pid)))


def _peak(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found
