"""Logs carry the ids of what they speak of; metrics are served on loopback."""

import json
import logging
import socket
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from aios.telemetry import ONCE, SELDOM_SECONDS, Seldom, bound, configure_logs, serve_metrics

log = logging.getLogger("aios.tests")


def test_a_log_line_is_json_with_the_bound_ids(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "aios.jsonl"
    configure_logs(file=file, stderr=False)
    assert not file.parent.exists(), "made with the first line"
    with bound(run="r", project="p"), bound(task="t"):
        log.info("said %d", 1)
    log.info("outside")
    log.debug("too much")
    configure_logs(file=None, stderr=False)
    inside, outside = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert (inside["message"], inside["run"], inside["project"], inside["task"]) == ("said 1", "r", "p", "t")
    assert inside["level"] == "info"
    assert "run" not in outside


def record(message: str, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("aios.tests", level, __file__, 1, message, (), None)


def test_the_same_warning_is_logged_once_a_minute_and_errors_always() -> None:
    times = iter((0.0, 1.0, SELDOM_SECONDS - 1, SELDOM_SECONDS - 1, SELDOM_SECONDS + 1))
    seldom = Seldom(now=lambda: next(times))
    assert [seldom.filter(record("away")) for _ in range(3)] == [True, False, False]
    assert seldom.filter(record("another reason"))
    assert seldom.filter(record("wrong", logging.ERROR))
    assert seldom.filter(record("away"))


def test_what_cannot_change_while_a_process_runs_is_said_once(tmp_path: Path) -> None:
    file = tmp_path / "aios.jsonl"
    configure_logs(file=file, stderr=False)
    for _ in range(3):
        log.warning("no memory here: %s", "set a variable", extra=ONCE)
    configure_logs(file=None, stderr=False)
    assert [json.loads(line)["message"] for line in file.read_text().splitlines()] == ["no memory here: set a variable"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system: it is Linux's")
def test_a_full_disk_prints_no_trace_for_each_line_that_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(file=Path("/dev/full"), stderr=False)
    log.warning("nobody will read this")
    configure_logs(file=None, stderr=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("address", "asked", "url"),
    [
        ("127.0.0.1", ("127.0.0.1",), "http://127.0.0.1:"),
        ("::1", ("[::1]",), "http://[::1]:"),
        ("::", ("127.0.0.1", "[::1]"), "http://[::]:"),
        ("0.0.0.0", ("127.0.0.1",), "http://0.0.0.0:"),
    ],
)
def test_metrics_are_served_at_the_address_that_is_stated(
    address: str, asked: tuple[str, ...], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ":" in address and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    monkeypatch.setenv("no_proxy", "*")
    server = serve_metrics("test", "0", address=address)
    try:
        assert server.url.startswith(url)
        for host in asked:
            assert urlopen(f"http://{host}:{server.port}/healthz", timeout=30).status == 200
    finally:
        server.close()


def test_where_the_kernel_has_no_ipv6_every_address_is_every_one_of_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(socket, "AF_INET6", 255)  # no kernel has this family
    server = serve_metrics("test", "0", address="::")
    try:
        assert server.address == "0.0.0.0"
        assert urlopen(f"http://127.0.0.1:{server.port}/healthz", timeout=30).status == 200
    finally:
        server.close()
    with pytest.raises(OSError, match="family"):
        serve_metrics("test", "0", address="::1")


def test_a_port_that_is_taken_is_no_reason_to_serve_somewhere_else() -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken, pytest.raises(OSError, match="in use"):
        serve_metrics("test", "0", port=taken.getsockname()[1], address="::" if has_ipv6() else "0.0.0.0")


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_metrics_and_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    server = serve_metrics("test", "0", ready=lambda: False)
    try:
        root = server.url.removesuffix("/metrics")
        assert b'aios_build_info{process="test",version="0"} 1.0' in urlopen(server.url, timeout=30).read()
        assert urlopen(f"{root}/healthz", timeout=30).status == 200
        with pytest.raises(HTTPError, match="503"):
            urlopen(f"{root}/readyz", timeout=30)
    finally:
        server.close()
