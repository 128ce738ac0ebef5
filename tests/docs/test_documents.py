"""Code blocks marked `sh` are executed; `console` blocks need a cluster, so what they name must exist."""

import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "operator" / "README.md",
    ROOT / "operator" / "DECISIONS.md",
    ROOT / "operator" / "SERVICES.md",
    ROOT / "crds" / "README.md",
    *sorted((ROOT / "examples").rglob("README.md")),
    *sorted((ROOT / "specs").rglob("README.md")),
]
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


def blocks(path: Path, language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)


def commands(block: str) -> list[str]:
    """One command a line, comments and prompts off."""
    lines = [re.sub(r"\s+#.*$", "", line).removeprefix("$ ").strip() for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def targets() -> set[str]:
    """What `make` knows."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def executed() -> list[tuple[Path, str]]:
    """Every block that a reader would paste into a shell."""
    return [(path, block) for path in DOCUMENTS for block in blocks(path, "sh")]


@pytest.mark.parametrize(("path", "block"), executed(), ids=lambda value: getattr(value, "name", None))
def test_what_a_reader_would_paste_works(path: Path, block: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns(".aios"))
    env = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "NO_COLOR": "1",
    }
    for command in commands(block):
        if command.startswith("make "):
            assert command.split()[1] in targets(), f"{path}: no such target: {command}"
            continue
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == 0, f"{path}: {command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_files_that_console_blocks_name_exist(path: Path) -> None:
    for block in blocks(path, "console"):
        for line in block.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True) if line.startswith("$ kubectl apply") else []
            for flag, name in itertools.pairwise(words):
                if flag in {"-k", "-f"}:
                    assert (ROOT / name).exists(), f"{path}: {line}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
        if "://" not in link:
            assert (path.parent / link).exists(), f"{path}: {link}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_source_files_that_are_named_exist(path: Path) -> None:
    package = ROOT / "operator" / "aios"
    for name in re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`", path.read_text()):
        assert (package / name).exists() or (ROOT / name).exists(), f"{path}: {name}"


def test_every_command_that_the_readme_names_has_help() -> None:
    named = set(re.findall(r"`aios ([a-z]+)", (ROOT / "README.md").read_text()))
    assert named
    for command in sorted(named):
        done = subprocess.run(
            [Path(sys.executable).with_name("aios"), command, "--help"], capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"aios {command} --help"
