"""How large what is read may be: one resource of ours, one of Kubernetes' own, a List of many."""

import json
from pathlib import Path
from typing import Any

from aios.spec.loading import Loaded, load

MODEL = {
    "apiVersion": "aios.dev/v1alpha1",
    "kind": "Model",
    "spec": {"provider": "Ollama", "model": "qwen3", "capability": 5},
}


def read(folder: Path, document: object) -> Loaded:
    file = folder / "all.yaml"
    file.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return load([str(file)], cwd=folder)


def config_map(size: int) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "board"}, "data": {"a.json": "x" * size}}


def models(count: int, **more: object) -> dict[str, Any]:
    items = [{**MODEL, "metadata": {"name": f"m{number}", **more}} for number in range(count)]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def test_a_list_may_be_larger_than_each_of_its_items(tmp_path: Path) -> None:
    found = read(tmp_path, models(150, annotations={"note": "n" * 3_000}))
    assert (tmp_path / "all.yaml").stat().st_size > 2 * 256 * 1024 - 100_000
    assert (len(found.require().models), found.findings) == (150, ())


def test_a_config_map_may_be_as_large_as_kubernetes_takes_it(tmp_path: Path) -> None:
    assert read(tmp_path, config_map(1_000_000)).findings == ()
    [finding] = read(tmp_path, config_map(1_048_576)).findings
    assert "larger than 1,024 KiB" in finding.message


def test_an_item_that_is_too_large_is_refused_as_it_would_be_alone(tmp_path: Path) -> None:
    [finding] = read(tmp_path, models(1, annotations={"note": "n" * 262_144})).findings
    assert "larger than 256 KiB" in finding.message
    [finding] = read(tmp_path, {**models(0), "items": [config_map(1_048_576)]}).findings
    assert "larger than 1,024 KiB" in finding.message


def test_what_kubernetes_took_of_others_does_not_spoil_a_list(tmp_path: Path) -> None:
    theirs = {"apiVersion": "grafana.example/v1", "kind": "Dashboard", "metadata": {"name": "d"}, "spec": "x" * 300_000}
    found = read(tmp_path, {**models(2), "items": [theirs, config_map(300_000), *models(2)["items"]]})
    assert (len(found.require().models), found.findings) == (2, ())


def test_anchors_in_a_list_cannot_fill_the_memory(tmp_path: Path) -> None:
    """Each item is within its bound, and thousands of them would be gigabytes."""
    anchors = f"x: &a [{'a,' * 100}]\ny: &b [{'*a,' * 30}]\n"
    items = "\n".join(f"- [{'*b,' * 20}]" for _ in range(40))
    (tmp_path / "all.yaml").write_text(f"apiVersion: v1\nkind: List\n{anchors}items:\n{items}\n", encoding="utf-8")
    [finding] = load([str(tmp_path)], cwd=tmp_path).findings
    assert "once its anchors are expanded" in finding.message


def test_one_of_ours_has_a_smaller_bound(tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text(f"apiVersion: aios.dev/v1alpha1\nkind: Model\nspec: {'n' * 262_144}\n")
    [finding] = load([str(tmp_path)], cwd=tmp_path).findings
    assert "larger than 256 KiB" in finding.message
