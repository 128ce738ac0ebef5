"""A task's outputs are globs that files can match, for users and for planners."""

import pytest

from aios.spec.outputs import output_fault
from aios.workspace.globs import matches


@pytest.mark.parametrize("glob", ["app.py", "**/*.py", "docs/**", "a/b/c.txt", ".env", "..a", "*"])
def test_what_files_can_match_has_no_fault(glob: str) -> None:
    assert output_fault(glob) == ""


@pytest.mark.parametrize("glob", ["/workspace/app.py", "../c", "a/../b", "/", "..\\c"])
def test_what_is_outside_is_told(glob: str) -> None:
    assert "outside of the workspace" in output_fault(glob)


@pytest.mark.parametrize(
    ("glob", "meant", "file"),
    [
        ("./b.py", "b.py", "b.py"),
        ("src/", "src/**", "src/a.py"),
        ("a//b.py", "a/b.py", "a/b.py"),
        ("a/./b.py", "a/b.py", "a/b.py"),
        (".", "**", "x"),
        ("src\\a.py", "src/a.py", "src/a.py"),
    ],
)
def test_what_matches_nothing_is_told_with_what_was_meant(glob: str, meant: str, file: str) -> None:
    assert output_fault(glob).endswith(f'write "{meant}"')
    assert (matches(glob, file), matches(meant, file)) == (False, True)
