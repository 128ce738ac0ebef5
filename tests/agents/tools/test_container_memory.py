"""What of a container's memory is left to a command: read from cgroups of both versions as they are found there."""

import os
from pathlib import Path

import pytest

from aios.agents.tools.container_memory import LEAST, MARGIN, limit_of_container, share

MEGABYTE = 1024**2
NO_LIMIT = "9223372036854771712\n"
V2 = "0::/\n"
V1 = "9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n"


def machine(place: Path, cgroup: str, limits: dict[str, str], *, resident: int = 0) -> Path:
    """A root folder whose /proc and /sys say that; `resident` bytes are the worker's own."""
    (place / "proc/self").mkdir(parents=True)
    (place / "proc/self/cgroup").write_text(cgroup)
    (place / "proc/self/statm").write_text(f"99999 {resident // os.sysconf('SC_PAGE_SIZE')} 100 1 0 500 0\n")
    for path, text in limits.items():
        file = place / "sys/fs/cgroup" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return place


@pytest.mark.parametrize(
    ("cgroup", "limits"),
    [
        (V2, {"memory.max": "1073741824\n"}),
        ("0::/kubepods/pod7/c1\n", {"memory.max": "1073741824\n"}),  # named as the host does
        ("0::/user/mine\n", {"user/mine/memory.max": "1073741824\n", "memory.max": "max\n"}),
        ("0::/user/mine\n", {"user/mine/memory.max": "max\n", "user/memory.max": "1073741824\n"}),
        ("0::/a/b\n", {"a/b/memory.max": "1073741824\n", "a/memory.max": "2147483648\n"}),
        (V1, {"memory/memory.limit_in_bytes": "1073741824\n"}),
        (V1, {"memory/docker/abc/memory.limit_in_bytes": "1073741824\n", "memory/memory.limit_in_bytes": NO_LIMIT}),
        ("4:cpu:/\n0::/\n", {"unified/memory.max": "1073741824\n"}),
    ],
)
def test_the_smallest_limit_that_is_seen_counts(tmp_path: Path, cgroup: str, limits: dict[str, str]) -> None:
    assert limit_of_container(machine(tmp_path, cgroup, limits)) == 1024 * MEGABYTE


@pytest.mark.parametrize(
    ("cgroup", "limits"),
    [
        (V2, {"memory.max": "max\n"}),
        (V2, {}),
        (V1, {"memory/memory.limit_in_bytes": NO_LIMIT}),
        ("4:cpu:/x\n", {"memory/memory.limit_in_bytes": "1073741824\n"}),
        ("", {"memory.max": "1073741824\n"}),
        ("what is this\n", {"memory.max": "what is that\n"}),
    ],
)
def test_without_a_limit_there_is_nothing_to_share(tmp_path: Path, cgroup: str, limits: dict[str, str]) -> None:
    assert share(machine(tmp_path, cgroup, limits)) is None


def test_a_machine_without_cgroups_has_none(tmp_path: Path) -> None:
    assert share(tmp_path) is None


def test_a_command_gets_what_the_worker_and_a_margin_leave(tmp_path: Path) -> None:
    root = machine(tmp_path, V2, {"memory.max": "1073741824\n"}, resident=200 * MEGABYTE)
    assert share(root) == (1024 - 200) * MEGABYTE - MARGIN


@pytest.mark.parametrize("resident", [100, 200, 900])
def test_it_is_never_so_little_that_nothing_starts(tmp_path: Path, resident: int) -> None:
    root = machine(tmp_path, V2, {"memory.max": f"{192 * MEGABYTE}\n"}, resident=resident * MEGABYTE)
    assert share(root) == LEAST == 64 * MEGABYTE
