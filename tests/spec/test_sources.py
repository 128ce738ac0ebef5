# ruff: noqa: E501 - the table of hostile files reads better in long rows
"""What files, folders and standard input may hold, however hostile: read as it stands, or refused in one line."""

import io
import json
from pathlib import Path

import pytest

from aios.errors import InvalidSpecError
from aios.spec.loading import load
from aios.spec.sources import EXPORT_MARKER, exported_below, left_alone, standard_input
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


@pytest.mark.timeout(60)
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


@pytest.mark.timeout(60)
def test_file_of_countless_documents_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("---\napiVersion: apps/v1\n" * 200_000)

    result = load(["x.yaml"], cwd=tmp_path)

    assert [finding.place for finding in result.findings] == ["x.yaml:20001:1"]
    assert result.ignored == {"apps": 10_000}


def exported(folder: Path) -> Path:
    """A folder as `aios workspace export` leaves it, with YAML of an agent's in it."""
    folder.mkdir(parents=True)
    (folder / EXPORT_MARKER).touch()
    (folder / "deep").mkdir()
    for place in (folder, folder / "deep"):
        (place / "evil.yaml").write_text(TEAM)
    return folder


def test_yaml_below_an_exported_folder_is_left_alone_and_the_folder_named(tmp_path: Path) -> None:
    exported(tmp_path / "team" / "sub" / "out")
    (tmp_path / "team" / "models.yaml").write_text(MODELS)

    result = load(["team"], cwd=tmp_path)

    assert [path.name for path in result.files] == ["models.yaml"]
    assert [resource.kind for resource in result.require().resources] == ["Model", "Model"]
    told = exported_below(["team", "-", "team/models.yaml"], cwd=tmp_path)
    assert left_alone(told) == "left alone: team/sub/out (what agents wrote: .aios-export lies in it)"
    assert left_alone(exported_below(["team/models.yaml"], cwd=tmp_path)) == ""


@pytest.mark.parametrize(
    ("place", "named", "marker"),
    [
        ("", "out", "out/.aios-export"),
        ("out", ".", ".aios-export"),
        ("", "out/deep", "out/.aios-export"),
        ("", "link", "out/.aios-export"),
        ("out/deep", ".", "/out/.aios-export"),
    ],
)
def test_an_exported_folder_and_one_within_it_are_refused_with_what_to_do(
    place: str, named: str, marker: str, tmp_path: Path
) -> None:
    folder, cwd = exported(tmp_path / "out"), tmp_path / place
    (tmp_path / "link").symlink_to(folder / "deep")

    refused = load([named], cwd=cwd)

    assert refused.files == ()
    told = refused.findings[0].message
    assert f"{marker} says that `aios workspace export` wrote" in told
    assert told.endswith("delete that file")
    assert exported_below([named], cwd=cwd) == ()
    (folder / EXPORT_MARKER).unlink()
    assert len(load([named], cwd=cwd).files) == (1 if "deep" in place + named or named == "link" else 2)


def test_a_file_of_an_exported_folder_is_read_where_it_is_named(tmp_path: Path) -> None:
    exported(tmp_path / "out")
    assert len(load(["out/evil.yaml"], cwd=tmp_path).files) == 1


@pytest.mark.parametrize("content", [PROJECT.encode(), b"\x80\x81", PROJECT.encode("utf-16")])
def test_standard_input_that_is_read_again_says_the_same(content: bytes, tmp_path: Path) -> None:
    def typed() -> io.TextIOWrapper:
        return io.TextIOWrapper(io.BytesIO(content))

    again = io.StringIO(standard_input(typed()))
    assert load(["-"], stdin=again, cwd=tmp_path).findings == load(["-"], stdin=typed(), cwd=tmp_path).findings
    with pytest.raises(InvalidSpecError, match="stdin: there is no standard input to read here"):
        standard_input(None)
