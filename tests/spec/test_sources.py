# ruff: noqa: E501 - the table of hostile files reads better in long rows
"""What files, folders and standard input may hold, however hostile: read as it stands, or refused in one line."""

import io
import json
from pathlib import Path

import pytest

from aios.spec.loading import load
from tests.spec.samples import MODELS, PROJECT, TEAM, lines, loaded

LAUGHS = "".join(f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 30))
HOSTILE = {
    "billion laughs": (f"{PROJECT}  l0: &l0 [ha]\n{LAUGHS}".encode(), "larger than 256 KiB once its anchors are expanded"),
    "an anchor within itself": (f"{PROJECT}  l: &l [*l]\n".encode(), "nested deeper than 64 levels"),
    "a mapping merged into itself": (f"{PROJECT}  l: &l {{<<: *l}}\n".encode(), "merges a mapping into itself"),
    "a hundred thousand brackets": (f"{PROJECT}  l: {'[' * 100_000}\n".encode(), "nested deeper than 64 levels"),
    "a resource over 256 KiB": (f"{PROJECT}  rerun: {'x' * 262_144}\n".encode(), "larger than 256 KiB"),
    "a program": (b"\x7fELF\x02\x01\x01\x00\x00", "a binary file, not YAML (it holds NUL bytes)"),
    "Latin-1": (f"{PROJECT}  rerun: Gr\xfc\xdfe\n".encode("latin-1"), "not UTF-8 text (byte 0xfc); save the file as UTF-8"),
    "UTF-16": (PROJECT.encode("utf-16"), "UTF-16 text; save the file as UTF-8"),
}  # fmt: skip


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("content", "message"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_file_is_refused_in_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(content)

    result = load(["x.yaml"], cwd=tmp_path)

    assert len(result.findings) == 1, lines(result)
    assert message in result.findings[0].message
    assert result.findings[0].line > 0


def test_mark_and_windows_line_ends_move_no_place(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + PROJECT.replace("goal", "gaol").replace("\n", "\r\n").encode()
    (tmp_path / "x.yaml").write_bytes(content)

    assert [finding.place for finding in loaded(tmp_path, team=TEAM).findings] == []
    result = load(["x.yaml"], cwd=tmp_path, context=["team.yaml"])
    assert [finding.place for finding in result.findings] == ["x.yaml:6:3"]


def test_folder_is_read_without_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "team" / ".git").mkdir(parents=True)
    (tmp_path / "team" / "deep").mkdir()
    (tmp_path / "team" / "models.yaml").write_text(MODELS)
    (tmp_path / "team" / "deep" / "team.yml").write_text(TEAM)
    (tmp_path / "team" / "kustomization.yaml").write_text("resources: [models.yaml]\n")
    (tmp_path / "team" / ".hidden.yaml").write_text("{")
    (tmp_path / "team" / ".git" / "x.yaml").write_text("{")
    (tmp_path / "team" / "README.md").write_text("# no YAML")

    result = load(["team", "team/models.yaml"], cwd=tmp_path)

    assert len(result.require().resources) == 3
    assert [path.name for path in result.files] == ["models.yaml", "team.yml"]


def test_dash_reads_standard_input(tmp_path: Path) -> None:
    stdin = io.StringIO(MODELS + "---\n" + TEAM.replace("tier: Support", "tier: Suport"))

    result = load(["-"], stdin=stdin, cwd=tmp_path)

    assert [finding.place for finding in result.findings] == ["stdin:34:11"]
    binary = load(["-"], stdin=io.TextIOWrapper(io.BytesIO(b"\x80\x81")), cwd=tmp_path)
    assert "not UTF-8 text" in binary.findings[0].message


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "no such file or folder"),
        ("empty", "no *.yaml or *.yml file in this folder"),
        ("-", "standard input"),
    ],
)
def test_source_that_gives_nothing_is_a_finding(source: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    result = load([source], cwd=tmp_path)

    assert message in result.findings[0].message
    assert result.findings[0].line == 0


def test_list_as_kubectl_prints_it_can_be_read_back(tmp_path: Path) -> None:
    server = {"uid": "1", "resourceVersion": "2", "generation": 3, "creationTimestamp": "2026-01-01T00:00:00Z",
              "managedFields": [{"manager": "kubectl", "time": "2026-01-01T00:00:00Z"}]}  # fmt: skip
    item = {"apiVersion": "aios.dev/v1alpha1", "kind": "Project", "metadata": {"name": "p", **server},
            "spec": {"team": "software", "gaol": "x", "inputs": {"language": "C"}}, "status": {"phase": "Running", "newer": 1}}  # fmt: skip
    text = json.dumps({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": [item]}, indent=2)

    wrong = loaded(tmp_path, project=text)
    right = loaded(
        tmp_path,
        project=text.replace('"gaol"', '"goal"'),
    )

    assert [finding.sentence for finding in wrong.findings] == ['spec.gaol: unknown field, did you mean "goal"?']
    (project,) = right.require().projects.values()
    assert (project.spec.goal, project.metadata.uid) == ("x", "")


@pytest.mark.timeout(30)
def test_file_of_countless_documents_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("---\napiVersion: apps/v1\n" * 200_000)

    result = load(["x.yaml"], cwd=tmp_path)

    assert [finding.place for finding in result.findings] == ["x.yaml:20001:1"]
    assert result.ignored == {"apps": 10_000}
