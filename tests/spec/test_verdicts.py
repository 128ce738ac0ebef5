"""The loader's half of the table that tests/cluster/test_crds.py puts to a real API server."""

import json
from pathlib import Path

import pytest

from aios.spec.findings import format_findings
from aios.spec.loading import Loaded, load
from tests.spec.verdicts import INVALID, LOADER_ONLY, NEIGHBOURS, UPDATES, VALID, Case


def judged(case: Case, folder: Path) -> Loaded:
    (folder / "neighbours.yaml").write_text(NEIGHBOURS)
    (folder / "subject.yaml").write_text(json.dumps(case.to_object()))
    return load(["subject.yaml"], cwd=folder, context=["neighbours.yaml"])


@pytest.mark.parametrize("case", VALID, ids=lambda case: case.name)
def test_valid_object_is_loaded(case: Case, tmp_path: Path) -> None:
    loaded = judged(case, tmp_path)

    assert not loaded.findings, format_findings(loaded.findings)
    assert [str(resource.ref) for resource in loaded.catalogue.resources] == [f"{case.kind}/default/{case.object_name}"]


@pytest.mark.parametrize("case", [*INVALID, *LOADER_ONLY], ids=lambda case: case.name)
def test_invalid_object_is_refused_in_one_finding(case: Case, tmp_path: Path) -> None:
    loaded = judged(case, tmp_path)

    assert len(loaded.findings) == 1, format_findings(loaded.findings)
    assert not loaded.catalogue.resources


@pytest.mark.parametrize(
    ("after", "allowed"),
    [(after, allowed) for _, _, after, allowed in UPDATES if after.kind != "Agent"],
    ids=[name for name, _, after, _ in UPDATES if after.kind != "Agent"],
)
def test_object_after_an_update_has_the_same_verdict(after: Case, allowed: bool, tmp_path: Path) -> None:
    text = NEIGHBOURS.replace("name: software", "name: web")
    (tmp_path / "web.yaml").write_text(text.split("---")[-1])
    (tmp_path / "neighbours.yaml").write_text(NEIGHBOURS)
    (tmp_path / "subject.yaml").write_text(json.dumps(after.to_object()))

    loaded = load(["subject.yaml"], cwd=tmp_path, context=["neighbours.yaml", "web.yaml"])

    assert (not loaded.findings) is allowed, format_findings(loaded.findings)
