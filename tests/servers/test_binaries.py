"""How a program is found or built, with a stand-in for the Go compiler: the real build takes minutes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.preflight import Verdict, find_all, main
from tests.servers import binaries, go
from tests.servers.availability import ServerUnavailableError
from tests.servers.binaries import API_TIER, Program, cache_entry, find_or_build, locate, missing

FAKE_GO = """#!/bin/sh
if [ "$1" = env ]; then echo go{version}; exit 0; fi
echo "$@" >> {log}
while [ "$1" != -o ]; do shift; done
{before_writing}
printf '#!/bin/sh\\n' > "$2" && chmod +x "$2"
"""
BUILD_ALL = "from tests.servers.binaries import find_or_build; find_or_build()"


@pytest.fixture(autouse=True)
def empty_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing given, nothing cached, no Go."""
    for name in ("KUBEBUILDER_ASSETS", "AIOS_TEST_GO", "AIOS_TEST_BUILD", "AIOS_TEST_REQUIRE_ALL"):
        monkeypatch.delenv(name, raising=False)
    for program in API_TIER:
        monkeypatch.delenv(asset_variable(program), raising=False)
    monkeypatch.setenv("AIOS_TEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr("shutil.which", lambda _: None)


def asset_variable(program: Program) -> str:
    return "TEST_ASSET_" + program.upper().replace("-", "_")


def install_fake_go(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *, version: str = "1.99.1", before_writing: str = ":"
) -> Path:
    """Names a stand-in in AIOS_TEST_GO; answers the file in which it notes its builds, a line each."""
    folder.mkdir(parents=True, exist_ok=True)
    log, executable = folder / "builds.log", folder / "go"
    executable.write_text(FAKE_GO.format(version=version, log=log, before_writing=before_writing))
    executable.chmod(0o755)
    monkeypatch.setenv("AIOS_TEST_GO", str(executable))
    return log


def make_program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_everything_is_built_once_and_found_afterwards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    log = install_fake_go(monkeypatch, tmp_path / "go")
    said: list[str] = []

    first = find_or_build(say=said.append)
    again = find_or_build(say=said.append)

    assert first == again == {program: cache_entry() / program for program in API_TIER}
    assert len(log.read_text().splitlines()) == len(API_TIER)
    assert "gitVersion=v1." in log.read_text()
    assert [line.split()[0] for line in said] == ["building", "built"] * len(API_TIER)


def test_two_processes_build_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    log = install_fake_go(monkeypatch, tmp_path / "go", before_writing="sleep 0.2")
    root = Path(__file__).parents[2]

    builders = [subprocess.Popen([sys.executable, "-c", BUILD_ALL], cwd=root) for _ in range(3)]

    assert [builder.wait(60) for builder in builders] == [0, 0, 0]
    assert len(log.read_text().splitlines()) == len(API_TIER)
    assert missing() == []


def test_a_build_that_fails_leaves_nothing_and_shows_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = 'echo partial > "$2"; echo disk is full >&2; exit 1'
    install_fake_go(monkeypatch, tmp_path / "go", before_writing=broken)

    with pytest.raises(ServerUnavailableError, match=r"KUBEBUILDER_ASSETS(.|\n)*disk is full"):
        find_or_build()

    assert list(cache_entry().iterdir()) == []


def test_what_a_killed_builder_left_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install_fake_go(monkeypatch, tmp_path / "go")
    make_program(cache_entry() / ".building-x" / "etcd")

    find_or_build()

    assert sorted(path.name for path in cache_entry().iterdir()) == sorted(API_TIER)


def test_given_programs_win_over_cached_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    make_program(cache_entry() / Program.ETCD)
    make_program(cache_entry() / Program.KUBECTL)
    assets = make_program(tmp_path / "assets" / "etcd").parent
    exact = make_program(tmp_path / "my-kubectl")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    monkeypatch.setenv(asset_variable(Program.KUBECTL), str(exact))

    assert locate(Program.ETCD) == assets / "etcd"
    assert locate(Program.KUBECTL) == exact
    assert missing() == [Program.API_SERVER, Program.CONTROLLER_MANAGER]


def test_a_mistyped_program_is_refused_instead_of_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(asset_variable(Program.ETCD), "/no/such/etcd")

    with pytest.raises(ServerUnavailableError, match="TEST_ASSET_ETCD=/no/such/etcd is not a program"):
        find_or_build()


def test_a_changed_dependency_is_another_cache_entry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = cache_entry()
    for name in ("go.mod", "go.sum"):
        (tmp_path / name).write_bytes((go.MODULE / name).read_bytes() + b"\n")
    monkeypatch.setattr(binaries, "MODULE", tmp_path)

    assert cache_entry() != before


def test_an_old_go_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install_fake_go(monkeypatch, tmp_path / "go", version="1.19.8")

    with pytest.raises(ServerUnavailableError, match=f"is not Go {go.wanted_version()} or newer"):
        find_or_build()


def test_preflight_tells_what_will_be_built_and_how_long_it_takes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_fake_go(monkeypatch, tmp_path / "go")

    findings = {finding.what: finding for finding in find_all()}

    assert findings["kubernetes"].verdict is Verdict.BUILD
    assert "6 min on two idle cores\n288 MB" in findings["kubernetes"].details
    assert "1.99.1" in findings["go"].details
    assert not cache_entry().exists()


def test_preflight_says_how_to_get_what_it_skips(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIOS_TEST_BUILD", "0")

    assert main() == 0

    said = capsys.readouterr().out
    assert "will skip" in said
    assert "KUBEBUILDER_ASSETS" in said


def test_a_machine_that_must_have_everything_fails_before_the_tests(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIOS_TEST_BUILD", "0")
    monkeypatch.setenv("AIOS_TEST_REQUIRE_ALL", "1")

    assert main() == 1

    gaps = capsys.readouterr().err.partition("forbids to skip: ")[2]
    assert "kubernetes" in gaps
