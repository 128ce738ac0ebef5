"""No test of this process talks to anything but this machine, even if the code under test hides the error.

An audit hook sees every connection that Python's socket module makes, refuses what leaves, and remembers it;
the test during which it happened fails. Child processes and libraries with sockets of their own (gRPC, Rust)
are not seen.
"""

import ipaddress
import socket
import sys
import traceback
from collections.abc import Iterator

import pytest

_NAMES = frozenset({"localhost", "", socket.gethostname()})
_refused: list[str] = []


class OutsideConnectionError(RuntimeError):
    """No OSError on purpose: code that copes with a broken network must not cope with this."""


def is_inside(host: object) -> bool:
    """True for loopback and unspecified addresses, and for the names of this machine."""
    if host is None:
        return True
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name in _NAMES:
        return True
    try:
        address = ipaddress.ip_address(name.split("%", 1)[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def take_refused() -> list[str]:
    """What was refused since the last call, each with the line that tried it."""
    taken = _refused.copy()
    _refused.clear()
    return taken


def _host_of(event: str, arguments: tuple[object, ...]) -> object:
    """The host that this audit event is about, None when there is none."""
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        return arguments[0]
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        connection, address = arguments[0], arguments[1]
        internet = isinstance(connection, socket.socket) and connection.family in (socket.AF_INET, socket.AF_INET6)
        return address[0] if internet and isinstance(address, tuple) else None
    return None


def _refuse_outside(event: str, arguments: tuple[object, ...]) -> None:
    if not event.startswith("socket."):
        return
    host = _host_of(event, arguments)
    if is_inside(host):
        return
    caller = "".join(traceback.format_stack(limit=6)[:-1])
    _refused.append(f"{event} to {host!r}\n{caller}")
    raise OutsideConnectionError(f"a test tried to reach {host!r}: tests talk to loopback only ({event})")


sys.addaudithook(_refuse_outside)


@pytest.fixture(autouse=True)
def loopback_only() -> Iterator[None]:
    """Fails the test that tried to reach another machine."""
    before = take_refused()  # an import or a session fixture tried
    yield
    refused = before + take_refused()
    if refused:
        pytest.fail("reached out of this machine:\n" + "\n".join(refused), pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    refused = take_refused()  # a thread that outlived its test tried
    if refused:
        print("reached out of this machine after the last test:", *refused, sep="\n", file=sys.stderr)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
