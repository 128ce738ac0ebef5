"""What every test may rely on: nobody's keys, no network, a stable order, a control plane when asked for.

The user's credentials, cluster and settings are taken out of the environment before anything of ours is imported.
"""

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import hypothesis
import pytest

from tests.loopback_only import loopback_only, pytest_sessionfinish
from tests.servers.availability import ServerUnavailableError, skip_or_fail
from tests.servers.binaries import Program, find_or_build
from tests.servers.control_plane import ControlPlane
from tests.servers.llama import llama_server
from tests.servers.lossy import minio_lossy
from tests.servers.minio import FIXTURE as MINIO_FIXTURE
from tests.servers.minio import find_or_build_minio, minio, minio_program
from tests.servers.qdrant import qdrant_server
from tests.servers.rabbitmq import rabbitmq
from tests.servers.redis import redis_server
from tests.servers.seaweedfs import seaweedfs
from tests.servers.tls import authorities, mutual_redis, tls_minio, tls_qdrant, tls_rabbitmq, tls_redis

__all__ = [
    "authorities",
    "llama_server",
    "loopback_only",
    "minio",
    "minio_lossy",
    "minio_program",
    "mutual_redis",
    "pytest_sessionfinish",
    "qdrant_server",
    "rabbitmq",
    "redis_server",
    "seaweedfs",
    "tls_minio",
    "tls_qdrant",
    "tls_rabbitmq",
    "tls_redis",
]

FOREIGN = re.compile(
    r"""_API_KEY$ | _AUTH_TOKEN$ | ^AIOS_(?!TEST_)
    | ^(ANTHROPIC|OPENAI|OLLAMA|AWS|AZURE|GOOGLE|LANGCHAIN|LANGSMITH|OTEL|KUBERNETES)_""",
    re.VERBOSE,
)
FOLDERS_IN_ORDER = ("contract", "integration", "acceptance", "faults", "cluster")
PROGRAMS_FIXTURE = "control_plane_programs"
_PROGRAMS = pytest.StashKey[dict[Program, Path] | ServerUnavailableError]()


def forget_the_user() -> None:
    for name in [name for name in os.environ if FOREIGN.search(name)]:
        del os.environ[name]
    os.environ["KUBECONFIG"] = "/nonexistent/no-test-may-use-your-cluster"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "localhost,127.0.0.1,::1"


forget_the_user()

# A deadline per example measures how busy the machine is, not the code.
hypothesis.settings.register_profile("laptop", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, max_examples=200)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "laptop")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: rank(item.path.parts, getattr(item, "fixturenames", ())))


def rank(parts: Sequence[str], fixtures: Sequence[str]) -> int:
    """Unit tests first, what needs a control plane last, so that its build delays nothing else."""
    if PROGRAMS_FIXTURE in fixtures:
        return len(FOLDERS_IN_ORDER)
    below_tests = parts[parts.index("tests") + 1 :] if "tests" in parts else ()
    folder = below_tests[0] if below_tests else ""
    return FOLDERS_IN_ORDER.index(folder) + 1 if folder in FOLDERS_IN_ORDER else 0


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Builds outside of the test, whose time limit is far shorter than the first build."""
    if PROGRAMS_FIXTURE in getattr(item, "fixturenames", ()):
        _obtain_programs(item.config)
    if _needs_minio(item):
        with contextlib.suppress(ServerUnavailableError):  # the fixture says it again, as a skip
            find_or_build_minio(_say(item.config))
    return (yield)


def _needs_minio(item: pytest.Item) -> bool:
    """By its fixtures, or by the implementation that a contract test is run with."""
    call = getattr(item, "callspec", None)
    servers = [getattr(value, "server", "") for value in call.params.values()] if call else []
    return "minio_program" in getattr(item, "fixturenames", ()) or any(
        str(server).startswith(MINIO_FIXTURE) for server in servers
    )


def _say(config: pytest.Config) -> Callable[[str], None]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return reporter.write_line if reporter is not None else print


def _obtain_programs(config: pytest.Config) -> dict[Program, Path] | ServerUnavailableError:
    if _PROGRAMS not in config.stash:
        try:
            config.stash[_PROGRAMS] = find_or_build(say=_say(config))
        except ServerUnavailableError as error:
            config.stash[_PROGRAMS] = error
    return config.stash[_PROGRAMS]


@pytest.fixture(scope="session")
def control_plane_programs(request: pytest.FixtureRequest) -> dict[Program, Path]:
    """Paths of etcd, kube-apiserver, kube-controller-manager and kubectl; skips where they cannot be had."""
    programs = _obtain_programs(request.config)
    if isinstance(programs, ServerUnavailableError):
        skip_or_fail(programs)
    return programs


@pytest.fixture(scope="session")
def control_plane(
    control_plane_programs: dict[Program, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControlPlane]:
    """One running control plane for all tests; keep to your `namespace`, and clean up what is cluster-wide."""
    with ControlPlane(control_plane_programs, tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture
def namespace(request: pytest.FixtureRequest, control_plane: ControlPlane) -> Iterator[str]:
    """A fresh namespace with its default service account; deleted, without waiting, after the test."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))[:40].strip("-")
    name = f"{words}-{secrets.token_hex(3)}"
    control_plane.kubectl("create", "namespace", name)
    control_plane.kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=30s")
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")
