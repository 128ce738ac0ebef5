from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aios.workspace.globs import matches
from aios.workspace.paths import UnsafePathError, locate, safe_path


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "a/../../x", "a/..", "", ".", "a\0b", "a\nb", "a\\b", "x" * 513, "\ud800"]
)
def test_a_path_that_could_leave_the_workspace_is_refused(path: str) -> None:
    with pytest.raises(UnsafePathError):
        safe_path(path)


def test_one_file_has_one_spelling() -> None:
    assert {safe_path(path) for path in ("a/b", "./a/b", "a//b", "a/./b")} == {"a/b"}


@given(st.text(max_size=40))
def test_whatever_is_accepted_lies_below_the_folder(path: str) -> None:
    try:
        accepted = safe_path(path)
    except UnsafePathError:
        return
    folder = Path("/work")
    assert (folder / accepted).resolve().is_relative_to(folder)
    assert safe_path(accepted) == accepted


def test_a_symbolic_link_is_never_followed(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/etc")
    with pytest.raises(UnsafePathError, match="symbolic link"):
        locate(tmp_path, "out/passwd")


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("*.py", "a.py", True),
        ("*.py", "x/a.py", False),
        ("**/*.py", "a.py", True),
        ("**/*.py", "x/y/a.py", True),
        ("docs/**", "docs/a/b", True),
        ("docs/**", "doc/a", False),
        ("**", "any/thing", True),
        ("test_*.py", "tests/test_a.py", False),
        ("src/*/a?.txt", "src/x/ab.txt", True),
        ("src/*/a?.txt", "src/x/y/ab.txt", False),
        ("README.md", "readme.md", False),
    ],
)
def test_globs_mean_what_shells_taught(glob: str, path: str, expected: bool) -> None:
    assert matches(glob, path) is expected


@pytest.mark.timeout(60)
def test_a_glob_of_many_stars_does_not_take_for_ever() -> None:
    assert not matches("/".join(["**", "*a*"] * 60), "/".join(["b"] * 200))
