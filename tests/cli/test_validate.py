"""`aios validate`: every error at once, with its place."""

import json
from pathlib import Path

import pytest

from tests.cli.console import EXAMPLES, aios

TYPO = (EXAMPLES / "01-hello" / "team.yaml").read_text(encoding="utf-8").replace("tier:", "teir:")


# Some examples are a guide alone, to the YAML of another.
@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in EXAMPLES.glob("*/*.yaml")}), ids=lambda path: path.name
)
def test_what_we_ship_is_valid(folder: Path, tmp_path: Path) -> None:
    ran = aios("validate", folder, cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("valid  ")


def test_errors_name_file_line_and_what_was_meant(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(TYPO, encoding="utf-8")
    ran = aios("validate", "team.yaml", cwd=tmp_path)
    assert ran.code == 1
    assert "team.yaml:8:" in ran.out
    assert 'did you mean "tier"' in ran.out
    assert "Nothing was applied." in ran.out


def test_findings_as_json(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(TYPO, encoding="utf-8")
    ran = aios("validate", "team.yaml", "-o", "json", cwd=tmp_path)
    found = json.loads(ran.out)
    assert ran.code == 1
    assert found["valid"] is False
    assert set(found["findings"][0]) == {"file", "line", "column", "subject", "path", "message"}


def test_stdin(tmp_path: Path) -> None:
    ran = aios("validate", "-", cwd=tmp_path, stdin=TYPO)
    assert ran.code == 1
    assert 'did you mean "tier"' in ran.out


@pytest.mark.parametrize("nothing", ["", "# only a comment", "apiVersion: v1\nkind: Service\nmetadata: {name: s}"])
def test_what_up_refuses_for_holding_nothing_is_not_valid(nothing: str, tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text(nothing, encoding="utf-8")
    ran = aios("validate", "empty.yaml", cwd=tmp_path)
    assert (ran.code, ran.out) == (1, "empty.yaml no resource of ours in it\n1 error in 1 file. Nothing was applied.\n")
    found = aios("validate", "empty.yaml", "-o", "json", cwd=tmp_path)
    assert (found.code, json.loads(found.out)["valid"]) == (1, False)
    assert aios("up", "empty.yaml", "--once", cwd=tmp_path).code == 1
