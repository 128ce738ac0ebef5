"""The compose file and its passwords: Docker is not needed to see that they are complete, bounded and private."""

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from ruamel.yaml import YAML

from aios.settings import Settings
from aios.spec.loading import load
from aios.spec.vocabulary import seconds
from aios.wiring.services import Services
from tests.cli.console import EXAMPLES, ROOT
from tests.servers.availability import ServerUnavailableError, skip_or_fail
from tests.servers.process import ServerProcess, free_ports
from tests.servers.redis import answers, redis_program

FOLDER = ROOT / "specs" / "platform"
COMPOSE = YAML(typ="safe").load(FOLDER / "compose.yaml")
SERVICES: Mapping[str, Any] = COMPOSE["services"]
PINNED = re.compile(r":(v?\d+\.\d+(\.\d+)?|RELEASE\.[0-9TZ-]+)(-[a-z]+)?$")
DECLARED = {"name", "services", "networks", "volumes", "configs"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy without what a developer's own run of the script has left."""
    return shutil.copytree(FOLDER, tmp_path / "platform", ignore=shutil.ignore_patterns("*.env"))


def credentials(folder: Path, kind: str) -> None:
    subprocess.run(["sh", folder / "credentials", kind], check=True, capture_output=True, timeout=30)


def variables(file: Path) -> dict[str, str]:
    lines = [line.removeprefix("export ").partition("=") for line in file.read_text().splitlines()]
    return {name: value for name, _, value in lines}


def each_service() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", SERVICES)


def test_every_top_level_key_is_one_that_compose_knows() -> None:
    assert {key for key in COMPOSE if not key.startswith("x-")} == DECLARED


@each_service()
def test_a_service_says_when_it_is_ready_and_how_much_it_may_take(name: str) -> None:
    service = SERVICES[name]
    assert {"test", "interval", "timeout", "retries", "start_period"} == service["healthcheck"].keys()
    assert service["mem_limit"]
    assert service["cpus"]
    assert service["cap_drop"] == ["ALL"]


@each_service()
def test_an_image_is_pinned_or_ours(name: str) -> None:
    image = SERVICES[name]["image"]
    assert PINNED.search(image) or (image == "aios:dev" and SERVICES[name]["build"])


@each_service()
def test_nothing_listens_beyond_this_host(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@each_service()
def test_data_lie_in_declared_volumes(name: str) -> None:
    sources = [volume.partition(":")[0] for volume in SERVICES[name].get("volumes", ())]
    assert all(source in COMPOSE["volumes"] or source.startswith("$") for source in sources)
    assert sources or SERVICES[name]["image"] == "aios:dev"


def test_the_variables_of_the_compose_file_are_those_that_the_script_writes(folder: Path) -> None:
    credentials(folder, "compose")
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", (folder / "compose.yaml").read_text()))
    assert used - {"AIOS_TEAM"} == set(variables(folder / ".env"))


def test_no_password_stands_in_the_folder() -> None:
    secret = re.compile(r"\b(\w*PASS\w*|\w+_KEY|requirepass)[:= ]+(?!\$|%s|&|\*|aios\b)\w+", re.IGNORECASE)
    for path in sorted(FOLDER.rglob("*.yaml")):
        stated = [
            line
            for line in path.read_text().splitlines()
            if not line.lstrip().startswith(("#", "key: AIOS_", "name: "))
        ]
        assert not secret.search("\n".join(stated)), path


@pytest.mark.parametrize("kind", ["compose", "kubernetes"])
def test_passwords_are_random_private_and_made_once(folder: Path, tmp_path: Path, kind: str) -> None:
    other = shutil.copytree(folder, tmp_path / "other")
    credentials(folder, kind)
    credentials(other, kind)
    written = sorted(path.relative_to(folder) for path in folder.rglob("*.env"))
    assert len(written) == 2
    for path in written:
        assert stat.S_IMODE((folder / path).stat().st_mode) == 0o600
        mine, others = variables(folder / path), variables(other / path)
        assert all(mine[name] != others[name] for name in mine)
    before = [(folder / path).read_text() for path in written]
    credentials(folder, kind)
    assert [(folder / path).read_text() for path in written] == before


@pytest.mark.parametrize(("kind", "file"), [("compose", "host.env"), ("kubernetes", "kustomize/clients/services.env")])
def test_the_urls_that_are_written_are_what_aios_reads(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, file: str
) -> None:
    credentials(folder, kind)
    for name, value in variables(folder / file).items():
        monkeypatch.setenv(name, value)
    services = Services.from_settings(Settings())
    assert services.missing() == ()
    assert services.knowledge


def test_git_ignores_what_the_script_and_people_write_there() -> None:
    for path in (".env", "host.env", "keys.env", "kustomize/servers.env", "kustomize/clients/services.env"):
        asked = ["git", "check-ignore", "-q", "--no-index", f"specs/platform/{path}"]
        assert subprocess.run(asked, cwd=ROOT, check=False, timeout=30).returncode == 0, path


def test_no_image_is_built_with_what_stands_there() -> None:
    assert "specs/platform" in (ROOT / ".dockerignore").read_text().splitlines()


def test_keys_of_models_go_to_workers_alone_and_may_be_missing() -> None:
    told = {name for name, service in SERVICES.items() if "env_file" in service}
    assert told == {name for name, service in SERVICES.items() if service.get("command", [""])[0] == "worker"}
    for name in told:
        assert SERVICES[name]["env_file"] == [{"path": "keys.env", "required": False}]


@each_service()
def test_no_capability_is_given_back_but_to_an_entrypoint_that_changes_its_user(name: str) -> None:
    expected = {"CHOWN", "SETGID", "SETUID"} if name == "seaweedfs" else set()
    assert set(SERVICES[name].get("cap_add", ())) == expected


@pytest.mark.skipif(not (shutil.which("setpriv") and os.geteuid() == 0), reason="only root may give capabilities away")
@pytest.mark.parametrize("enough", [True, False])
def test_those_capabilities_are_what_giving_a_folder_away_and_changing_the_user_takes(
    tmp_path: Path, enough: bool
) -> None:
    """What SeaweedFS's entrypoint does, in the same order, over a volume that an older image left to root."""
    left = [f"+{name.lower()}" for name in SERVICES["seaweedfs"]["cap_add"]] if enough else []
    data = tmp_path / "data"
    data.mkdir()
    (data / "file").touch()
    become = "setpriv --reuid 12345 --regid 12345 --clear-groups"
    steps = f"chown -R 12345:12345 . && exec {become} sh -c 'id -u; touch file more'"
    bounded = ["setpriv", "--no-new-privs", f"--bounding-set={','.join(['-all', *left])}", "--inh-caps=-all"]
    command = [*bounded, "sh", "-c", steps]
    done = subprocess.run(command, cwd=data, check=False, capture_output=True, text=True, timeout=30)
    assert ((done.returncode, done.stdout) == (0, "12345\n")) == enough, done.stderr


def test_no_step_puts_the_administrators_keys_into_a_namespace_of_teams() -> None:
    told = (FOLDER / "README.md").read_text()
    assert re.findall(r"clients -n (\S+)", told) == ["aios-system"]
    (shared,) = re.findall(
        r"^\$ cat >>.*?^\$ kubectl create secret generic aios-services", told, re.MULTILINE | re.DOTALL
    )
    assert set(re.findall(r"^(AIOS_\w+)=", shared, re.MULTILINE)) == {"AIOS_BROKER_URL", "AIOS_OBJECTS_URL"}


def test_there_is_a_worker_for_each_agent_of_the_team() -> None:
    (team,) = load([str(EXAMPLES / "02-software-team")], cwd=ROOT).catalogue.teams.values()
    agents = {f"default/{team.metadata.name}-{member.name}" for member in team.spec.members}
    commands = [service["command"] for service in SERVICES.values() if service["image"] == "aios:dev"]
    assert {command[2] for command in commands if command[0] == "worker"} == agents


def test_a_worker_that_is_told_to_stop_has_the_time_of_a_task() -> None:
    (team,) = load([str(EXAMPLES / "02-software-team")], cwd=ROOT).catalogue.teams.values()
    workers = [service for service in SERVICES.values() if service.get("command", [""])[0] == "worker"]
    assert workers
    for worker in workers:
        assert seconds(worker["stop_grace_period"]) > seconds(team.spec.limits.task_timeout)


def test_the_command_of_valkey_starts_a_server_with_that_password(tmp_path: Path) -> None:
    try:
        program = redis_program()
    except ServerUnavailableError as error:
        skip_or_fail(error)
    (port,) = free_ports(1)
    (written,) = SERVICES["valkey"]["command"]
    command = written.replace("$$", "$").replace("/tmp/", f"{tmp_path}/").replace("--dir /data", f"--dir {tmp_path}")
    command = command.replace("valkey-server", str(program), 1)
    process = ServerProcess(
        Path(shutil.which("sh") or "/bin/sh"),
        ["-c", f"{command} --port {port} --bind 127.0.0.1"],
        log=tmp_path / "log",
        environment={"PATH": "/usr/bin:/bin", "AIOS_PASSWORD": "secret"},
    )
    try:
        process.wait_until(lambda: answers(port, "secret"), what=f"it answers on {port}")
        assert not answers(port)
        assert not answers(port, "another")
    finally:
        process.stop()


class Answering(BaseHTTPRequestHandler):
    """Says what its server's `code` is."""

    code = 200

    def do_GET(self) -> None:
        self.send_response(self.code if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named as http.server names it
        """Into no test's output."""


@pytest.fixture
def web() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Answering)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def passes(command: Sequence[str], service: Mapping[str, Any]) -> bool:
    """As Docker takes it: a check that fails has failed once it did so that many times in a row."""
    return any(
        subprocess.run(command, check=False, timeout=60, capture_output=True).returncode == 0
        for _ in range(service["healthcheck"]["retries"])
    )


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
@pytest.mark.parametrize(("code", "healthy"), [(200, True), (503, False)])
def test_qdrant_is_healthy_when_it_says_that_it_is_ready(
    web: HTTPServer, monkeypatch: pytest.MonkeyPatch, code: int, healthy: bool
) -> None:
    monkeypatch.setattr(Answering, "code", code)
    _, *command = SERVICES["qdrant"]["healthcheck"]["test"]
    command[-1] = command[-1].replace("6333", str(web.server_port)).replace("$$", "$")
    assert passes(command, SERVICES["qdrant"]) == healthy


@pytest.mark.parametrize("code", [200, 503])
def test_our_own_processes_are_healthy_when_they_say_that_they_are_ready(
    web: HTTPServer, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(Answering, "code", code)
    _, _, *arguments = SERVICES["engine"]["healthcheck"]["test"]
    arguments[-1] = arguments[-1].replace("9464", str(web.server_port))
    assert passes([sys.executable, *arguments], SERVICES["engine"]) == (code == 200)
