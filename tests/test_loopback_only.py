"""The guard that keeps tests on this machine does so, and cannot be overlooked."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.loopback_only import OutsideConnectionError, is_inside, take_refused

OUTSIDE = "192.0.2.1"  # TEST-NET-1: nobody answers there
SWALLOWS = f"""
import contextlib, socket
def test_swallows_every_error():
    with contextlib.suppress(Exception):
        socket.create_connection(("{OUTSIDE}", 80), timeout=1)
def test_stays_inside():
    assert socket.socket().connect_ex(("127.0.0.1", 1)) != 0
"""


def test_a_connection_outside_is_refused_before_a_packet_leaves() -> None:
    with socket.socket() as connection, pytest.raises(OutsideConnectionError, match=OUTSIDE):
        connection.connect((OUTSIDE, 443))
    assert len(take_refused()) == 1


def test_a_name_is_not_even_looked_up() -> None:
    with pytest.raises(OutsideConnectionError, match="example"):
        socket.getaddrinfo("example.invalid", 443)
    assert "test_loopback_only.py" in take_refused()[0]


async def test_asyncio_cannot_leave_either() -> None:
    with pytest.raises(OutsideConnectionError):
        await asyncio.open_connection(OUTSIDE, 443)
    take_refused()


async def test_loopback_works() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("localhost", port, family=socket.AF_INET)
        assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost", b"localhost", None, "0.0.0.0"])
def test_this_machine_is_inside(host: object) -> None:
    assert is_inside(host)


@pytest.mark.parametrize("host", ["8.8.8.8", "10.0.0.1", "fe80::1%eth0", "localhost.example", b"example.org"])
def test_everything_else_is_outside(host: object) -> None:
    assert not is_inside(host)


def test_a_test_that_swallows_the_error_fails_nevertheless(tmp_path: Path) -> None:
    file = tmp_path / "test_swallows.py"
    file.write_text(SWALLOWS)
    arguments = ["-p", "tests.loopback_only", "-p", "no:cacheprovider", "-c", "/dev/null", f"--rootdir={tmp_path}"]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[1],
    )

    assert done.returncode == 1, done.stdout
    assert "reached out of this machine" in done.stdout
    assert "2 passed, 1 error" in done.stdout
