"""The Kubernetes programs that tests run: given by the user, cached, or built once from pinned Go modules.

A given program always wins, so that a team may test against the Kubernetes that it runs. Nothing is looked
up on PATH: which version a test meets must not depend on what else is installed.
"""

import hashlib
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.servers.availability import ServerUnavailableError
from tests.servers.cache import build_folder, cache_folder
from tests.servers.go import MODULE, GoToolchain, find_or_install_go, how_to_get_go


class Program(StrEnum):
    """File names, as in KUBEBUILDER_ASSETS."""

    ETCD = "etcd"
    API_SERVER = "kube-apiserver"
    CONTROLLER_MANAGER = "kube-controller-manager"
    KUBECTL = "kubectl"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Seconds are those of two cores with empty caches, in the order of `RECIPES`."""

    package: str
    seconds: int
    megabytes: int


RECIPES: Mapping[Program, Recipe] = {
    Program.API_SERVER: Recipe("k8s.io/kubernetes/cmd/kube-apiserver", 240, 105),
    Program.CONTROLLER_MANAGER: Recipe("k8s.io/kubernetes/cmd/kube-controller-manager", 65, 96),
    Program.KUBECTL: Recipe("k8s.io/kubernetes/cmd/kubectl", 20, 60),
    Program.ETCD: Recipe("go.etcd.io/etcd/server/v3", 10, 27),
}
API_TIER: Sequence[Program] = tuple(RECIPES)
CACHES_MEGABYTES = 3900
BUILD_TIMEOUT_SECONDS = 3600


def kubernetes_version() -> str:
    """`v1.36.3`: the one that go.mod pins, not that of a given program."""
    return _required("k8s.io/kubernetes")


def cache_entry() -> Path:
    """The folder of the built programs; its name changes with every input of the build but the compiler."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((MODULE / name).read_bytes())
    digest.update(" ".join(_flags()).encode())
    etcd = _required("go.etcd.io/etcd/server/v3")
    machine = f"{sys.platform}-{platform.machine()}"
    return cache_folder() / f"kubernetes-{kubernetes_version()}-etcd-{etcd}-{machine}-{digest.hexdigest()[:8]}"


def given(program: Program) -> Path | None:
    """`$TEST_ASSET_KUBE_APISERVER` and the like, else a file in `$KUBEBUILDER_ASSETS`; None when neither is.

    Raises ServerUnavailableError when the first names no file: a typing error must not start a long build.
    """
    variable = "TEST_ASSET_" + program.upper().replace("-", "_")
    explicit = os.environ.get(variable)
    if explicit:
        if not os.access(explicit, os.X_OK):
            raise ServerUnavailableError(f"{variable}={explicit} is not a program: correct or unset it")
        return Path(explicit)
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    return _program(Path(folder) / program) if folder else None


def locate(program: Program) -> Path | None:
    """The given or the cached program; None when it would have to be built."""
    return given(program) or _program(cache_entry() / program)


def missing(programs: Sequence[Program] = API_TIER) -> list[Program]:
    return [program for program in programs if locate(program) is None]


def building_allowed() -> bool:
    return os.environ.get("AIOS_TEST_BUILD") != "0"


def how_to_get(programs: Sequence[Program]) -> str:
    names = ", ".join(programs)
    return f"put {names} into a folder and name it in KUBEBUILDER_ASSETS (setup-envtest does), or {how_to_get_go()}"


def find_or_build(programs: Sequence[Program] = API_TIER, say: Callable[[str], None] = print) -> dict[Program, Path]:
    """Paths of all programs; builds the missing ones first, which takes minutes, reporting to `say`.

    Raises ServerUnavailableError, which says how to get them, when that is forbidden or does not work.
    """
    if missing(programs):
        _build(programs, say)
    found = {program: locate(program) for program in programs}
    return {program: path for program, path in found.items() if path is not None}


def _build(programs: Sequence[Program], say: Callable[[str], None]) -> None:
    if not building_allowed():
        raise ServerUnavailableError(f"AIOS_TEST_BUILD=0: {how_to_get(missing(programs))}")
    go = find_or_install_go(say)
    entry = cache_entry()
    with build_folder(entry, say) as building:
        todo = missing(programs)
        for number, program in enumerate(todo, start=1):
            recipe = RECIPES[program]
            say(f"building {program} {number}/{len(todo)}: about {recipe.seconds} s once, {recipe.megabytes} MB")
            started = time.monotonic()
            _compile(go, recipe.package, building / program)
            (building / program).rename(entry / program)
            say(f"built {program} in {time.monotonic() - started:.0f} s: {entry / program}")


def _compile(go: GoToolchain, package: str, target: Path) -> None:
    command: list[str | Path] = [go.executable, "build", *_flags(), "-o", target, package]
    done = subprocess.run(
        command,
        cwd=MODULE,
        env=go.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_TIMEOUT_SECONDS,
    )
    if done.returncode != 0:
        reason = "\n".join(done.stderr.strip().splitlines()[-10:])
        raise ServerUnavailableError(
            f"Go {go.version} could not build {package} in {MODULE}; {how_to_get([Program(target.name)])}\n{reason}"
        )


def _flags() -> list[str]:
    """Without a version in it the API server says v0.0.0 and refuses feature gates."""
    major, minor, _ = kubernetes_version().removeprefix("v").split(".")
    values = {"gitVersion": kubernetes_version(), "gitMajor": major, "gitMinor": minor}
    stamps = [f"-X k8s.io/component-base/version.{name}={value}" for name, value in values.items()]
    return ["-trimpath", "-ldflags", " ".join(["-s -w", *stamps])]


def _required(module: str) -> str:
    found = re.search(rf"^\s+{re.escape(module)} (v\S+)$", (MODULE / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{MODULE / 'go.mod'} does not require {module}")
    return found.group(1)


def _program(path: Path) -> Path | None:
    return path if os.access(path, os.X_OK) else None
