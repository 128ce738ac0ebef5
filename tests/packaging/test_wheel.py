"""The wheel works on its own: package data included, and nothing of the optional extras needed for a first team.

No test may reach a package registry, so the bare environment is made of what this one has installed: links to
exactly the distributions that the wheel requires, extras left out.
"""

import os
import re
import subprocess
import sys
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTRAS = ("qdrant_client", "kopf", "lightkube")


def required(name: str, seen: set[str]) -> set[str]:
    """`name` and every distribution it requires in this environment, transitively, without extras."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in seen:
        return seen
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return seen  # required on another platform or Python only
    seen.add(key)
    for line in found.requires or ():
        if "extra ==" not in line:
            required(re.split(r"[\s\[<>=!~;(]", line, maxsplit=1)[0], seen)
    return seen


def link_requirements(site: Path) -> None:
    """Link the top-level files of every requirement of ours into `site`."""
    for name in required("aios-operator", set()) - {"aios-operator"}:
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in {"..", "__pycache__"}}:
            target = site / top
            if not target.exists():
                target.symlink_to(Path(str(found.locate_file(top))).resolve())


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run to the end, with an environment that leads to no other Python."""
    env = {"PATH": os.environ["PATH"], "HOME": str(cwd), "NO_COLOR": "1"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and its requirements; returns its bin folder."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = folder.glob("aios_operator-*.whl")
    venv.create(folder / "venv", with_pip=True, symlinks=True)
    bin_folder = folder / "venv" / "bin"
    run(bin_folder / "python", "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel, cwd=folder)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    link_requirements(site)
    return bin_folder


def test_the_extras_are_absent_from_a_bare_install(bare: Path, tmp_path: Path) -> None:
    code = f"import importlib.util as u; print([n for n in {EXTRAS!r} if u.find_spec(n)])"
    assert run(bare / "python", "-c", code, cwd=tmp_path).stdout.strip() == "[]"


def test_a_bare_install_scaffolds_a_team_and_runs_it(bare: Path, tmp_path: Path) -> None:
    run(bare / "aios", "init", "x", cwd=tmp_path)
    done = run(bare / "aios", "up", "x", "--once", cwd=tmp_path)
    assert "Succeeded" in done.stdout + done.stderr


def test_a_missing_extra_names_its_install_line(bare: Path, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_COLOR": "1"}
    done = subprocess.run(
        [str(bare / "aios"), "operator"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3
    assert "pip install 'aios-operator[kubernetes]'" in done.stderr
