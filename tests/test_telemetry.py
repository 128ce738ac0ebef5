"""Logs carry the ids of what they speak of; metrics are served on loopback."""

import json
import logging
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from aios.telemetry import bound, configure_logs, serve_metrics

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


def test_metrics_and_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    server = serve_metrics("test", "0", ready=lambda: False)
    try:
        root = server.url.removesuffix("/metrics")
        assert b'aios_build_info{process="test",version="0"} 1.0' in urlopen(server.url, timeout=5).read()
        assert urlopen(f"{root}/healthz", timeout=5).status == 200
        with pytest.raises(HTTPError, match="503"):
            urlopen(f"{root}/readyz", timeout=5)
    finally:
        server.close()
