"""`aios doctor PATH` finds a key where `aios up PATH` would, and says where nobody did."""

import json
from pathlib import Path

from tests.cli.console import aios

MODEL = """
apiVersion: aios.dev/v1alpha1
kind: Model
metadata: {name: remote}
spec:
  provider: OpenAICompatible
  model: some
  endpoint: http://127.0.0.1:1/v1
  locality: Local
  credentialsSecretRef: {name: remote, key: api-key}
"""
SECRET = """
---
apiVersion: v1
kind: Secret
metadata: {name: remote}
stringData: {api-key: never-shown}
"""


def test_a_secret_among_the_files_is_named_as_the_source(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(MODEL + SECRET)
    told = aios("doctor", "team.yaml", cwd=tmp_path)
    assert "key: Secret default/remote, key api-key" in told.out, told.err
    assert "no API key" not in told.out
    assert "never-shown" not in told.out + told.err
    assert not (tmp_path / ".aios").exists()


def test_a_key_that_is_nowhere_is_asked_for_with_each_place(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(MODEL)
    told = aios("doctor", "team.yaml", cwd=tmp_path)
    file = tmp_path / ".aios" / "secrets" / "remote" / "api-key"
    assert told.code == 3
    assert f"no API key. Put one into Secret default/remote, key api-key or {file}" in told.out


def test_yaml_on_stdin_is_looked_at_as_a_files(tmp_path: Path) -> None:
    told = aios("doctor", "-", cwd=tmp_path, stdin=MODEL + SECRET)
    assert "key: Secret default/remote, key api-key" in told.out, told.err


def test_a_format_that_it_does_not_print_is_refused(tmp_path: Path) -> None:
    for unknown in ("yaml", "wide", "name"):
        told = aios("doctor", "-o", unknown, cwd=tmp_path)
        assert (told.code, told.out, '"table" or "json"' in told.err) == (2, "", True), told.err
    assert isinstance(json.loads(aios("doctor", "-o", "json", cwd=tmp_path).out), list)
