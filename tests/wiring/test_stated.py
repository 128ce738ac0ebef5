"""How the paths on the command line are remembered."""

from pathlib import Path

from aios.wiring.stated import Sources


def test_a_path_that_is_read_for_another_namespace_is_another_source(tmp_path: Path) -> None:
    plain, other = Sources((str(tmp_path),)), Sources((str(tmp_path),), namespace="blue")
    assert plain.names == (str(tmp_path.resolve()),)
    assert other.names == (f"{tmp_path.resolve()} (namespace blue)",)
