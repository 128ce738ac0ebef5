"""The catalogue of models that we ship: valid, dated, and honest about who may see what."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from aios.spec.loading import load
from aios.spec.model import Model
from aios.spec.vocabulary import Locality, Privacy
from tests.cli.console import ROOT, aios

FOLDER = ROOT / "specs" / "models"
FILES = sorted(path for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")
DATED = re.compile(r"^ +prices: +# \d{4}-\d{2}-\d{2}, \w", re.MULTILINE)
KEY = re.compile(r"sk-[A-Za-z0-9]|Bearer ")


def models(path: Path) -> list[Model]:
    loaded = load([str(path)], cwd=ROOT)
    assert not loaded.findings
    return [resource for resource in loaded.catalogue.resources if isinstance(resource, Model)]


def test_the_whole_folder_is_valid() -> None:
    ran = aios("validate", FOLDER, cwd=ROOT)
    assert ran.code == 0, ran.out


def test_kustomize_applies_every_file() -> None:
    listed = YAML(typ="safe").load(FOLDER / "kustomization.yaml")["resources"]
    assert sorted(listed) == [path.name for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_price_has_a_date_and_a_source(path: Path) -> None:
    for document in path.read_text().split("\n---\n"):
        assert ("prices:" in document) == bool(DATED.search(document)), document


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_cloud_models_cost_and_local_ones_do_not(path: Path) -> None:
    for model in models(path):
        spec = model.spec
        assert (spec.effective_locality is Locality.CLOUD) == (spec.output_price > 0), model.metadata.name
        assert spec.effective_clearance is (
            Privacy.INTERNAL if spec.effective_locality is Locality.CLOUD else Privacy.RESTRICTED
        )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_cache_is_read_for_less_than_it_is_written(path: Path) -> None:
    for model in models(path):
        assert model.spec.cache_read_price <= model.spec.input_price <= model.spec.cache_write_price


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_no_key_stands_in_the_folder(path: Path) -> None:
    assert not KEY.search(path.read_text())


def test_no_name_stands_twice() -> None:
    names = [model.metadata.name for path in FILES for model in models(path)]
    assert len(names) == len(set(names)) >= 10
