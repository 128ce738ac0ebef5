"""A state folder in which the hello example has run: made once, read by many."""

import shutil
from pathlib import Path

import pytest

from tests.cli.console import EXAMPLES, aios


@pytest.fixture(scope="package")
def hello(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of 01-hello and, beside it, the state folder of its run."""
    folder = tmp_path_factory.mktemp("hello")
    shutil.copytree(EXAMPLES / "01-hello", folder / "01-hello")
    ran = aios("up", "01-hello", "--once", cwd=folder)
    assert ran.code == 0, ran.out + ran.err
    return folder
