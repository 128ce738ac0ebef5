"""What is left of runs, read from a folder with nothing in it: with the services' variables, as in a cluster's pod."""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from aios.adapters.rabbitmq.topology import RabbitAdmin
from aios.adapters.s3.buckets import S3Buckets
from aios.naming import digest
from tests.acceptance.test_laptop import until
from tests.cli.console import EXAMPLES, aios, running
from tests.servers.rabbitmq import RabbitProcess, made_vhost
from tests.servers.redis import made_database

EXAMPLE = EXAMPLES / "01-hello"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example has run: its state folder is below."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def services(rabbitmq: RabbitProcess, minio: str, redis_server: str, home: Path) -> Mapping[str, str]:
    """The variables of a set of services that these tests have for themselves; the example has run on them."""
    name = digest(str(home))[:12]
    stated = {
        "AIOS_BROKER_URL": made_vhost(rabbitmq.url, rabbitmq.admin_url, name),
        "AIOS_BROKER_ADMIN_URL": rabbitmq.admin_url,
        "AIOS_OBJECTS_URL": f"{minio}?prefix={name}-",
        "AIOS_SESSIONS_URL": made_database(redis_server, name),
    }
    run(home, stated)
    return stated


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A folder that a state folder is neither in nor above."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def run(folder: Path, services: Mapping[str, str], goal: str = "") -> None:
    """The example's project, or one of its name with another `goal`, run to its end with a state folder in `folder`."""
    team = folder / "team"
    shutil.copytree(EXAMPLE, team, dirs_exist_ok=True)
    if goal:
        project = team / "project.yaml"
        project.write_text(project.read_text(encoding="utf-8").replace("goal: ", f"goal: {goal}, "), encoding="utf-8")
    done = aios("up", team, "--once", "-C", folder / "state", cwd=folder, env=services)
    assert done.code == 0, done.err


def made(services: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The buckets and the queues that there are."""

    async def look() -> tuple[list[str], list[str]]:
        buckets = S3Buckets(services["AIOS_OBJECTS_URL"])
        admin = RabbitAdmin(services["AIOS_BROKER_URL"], services["AIOS_BROKER_ADMIN_URL"])
        try:
            return list(await buckets.buckets()), sorted(await admin.queues())
        finally:
            await buckets.close()
            await admin.close()

    return asyncio.run(look())


def test_records_and_files_are_read_without_a_state_folder(
    home: Path, empty: Path, services: Mapping[str, str]
) -> None:
    before = made(services)
    told = aios("logs", "greeting", "-n", "default", cwd=empty, env=services)
    assert (told.code, told.err) == (0, "")
    assert told.out == aios("logs", "greeting", "-C", home / "state", cwd=empty, env=services).out
    assert "Succeeded  1/1 tasks" in told.out
    assert aios("logs", "greeting", "-f", cwd=empty, env=services).out == told.out
    task = aios("logs", "greeting/greet", cwd=empty, env=services).out
    assert "You greet World in one line." in task
    assert "ended: Succeeded" in task

    assert "greeting.txt   14" in aios("workspace", "ls", "greeting", cwd=empty, env=services).out
    shown = aios("workspace", "cat", "greeting", "greeting.txt", cwd=empty, env=services)
    assert (shown.code, shown.out, shown.err) == (0, "Hello, World!\n", "")
    assert "greet: Write the greeting" in aios("workspace", "log", "greeting", cwd=empty, env=services).out
    assert list(empty.iterdir()) == [], "reading makes no state folder"
    exported = aios("workspace", "export", "greeting", "out", cwd=empty, env=services)
    assert (exported.code, exported.out) == (0, "out/greeting.txt\n")
    assert made(services) == before


def test_of_several_runs_the_one_that_began_last_is_shown_and_the_others_are_named(
    tmp_path: Path, empty: Path, services: Mapping[str, str]
) -> None:
    twice = {**services, "AIOS_NAMESPACE": "twice"}
    run(tmp_path, twice)
    first = aios("logs", "greeting", cwd=empty, env=twice)
    run(tmp_path, twice, "Once more")
    second = aios("logs", "greeting", cwd=empty, env=twice)
    assert second.out not in {"", first.out}
    assert 'project "greeting" ran 2 times: this is run ' in second.err
    earlier = second.err.rpartition("--run: ")[2].strip()
    again = aios("logs", "greeting", "--run", earlier, cwd=empty, env=twice)
    assert (again.out, again.err) == (first.out, "")
    assert aios("logs", "greeting", "--run", "nonsense", cwd=empty, env=twice).err.count(earlier) == 1


def test_services_on_which_nothing_has_run_are_left_as_they_are(empty: Path, services: Mapping[str, str]) -> None:
    unused = {**services, "AIOS_OBJECTS_URL": services["AIOS_OBJECTS_URL"].replace("?prefix=", "?prefix=no-")}
    queues = made(services)[1]
    logs, files = (aios(*words, "greeting", cwd=empty, env=unused) for words in (("logs",), ("workspace", "ls")))
    for refused in (logs, files):
        assert (refused.code, refused.out) == (1, "")
        assert "aios up" not in refused.err, "it would run the project"
    assert "AIOS_OBJECTS_URL" in logs.err
    assert made(unused) == ([], queues)
    assert list(empty.iterdir()) == []


def test_an_unknown_project_is_told_with_those_on_record(empty: Path, services: Mapping[str, str]) -> None:
    unknown = aios("logs", "greetings", cwd=empty, env=services)
    assert (unknown.code, "on record there: greeting\n" in unknown.err) == (1, True)
    elsewhere = aios("logs", "greeting", "-n", "blue", cwd=empty, env=services)
    assert (elsewhere.code, "on record there: none" in elsewhere.err) == (1, True)
    files = aios("workspace", "ls", "greeting", "-n", "blue", cwd=empty, env=services)
    assert (files.code, "has no files yet in namespace blue" in files.err) == (1, True)


def test_a_run_that_has_not_begun_is_waited_for_and_followed(
    tmp_path: Path, empty: Path, services: Mapping[str, str]
) -> None:
    log, later = empty / "log", {**services, "AIOS_NAMESPACE": "later"}
    with running(log, later, "logs", "greeting", "-f") as following:
        until(lambda: "waiting: " in log.read_text(), "a line that it waits")
        run(tmp_path, later)
        assert following.wait(timeout=60) == 0, log.read_text()
    assert "Succeeded  1/1 tasks" in log.read_text()


def test_what_is_declared_is_neither_shown_nor_changed_without_a_state_folder(
    empty: Path, services: Mapping[str, str]
) -> None:
    for words in (("retry", "greeting"), ("cancel", "greeting"), ("delete", "project/greeting"), ("get",)):
        refused = aios(*words, cwd=empty, env=services)
        assert (refused.code, refused.out) == (1, ""), words
        assert "whatever services are stated" in refused.err
        assert "kubectl" in refused.err


def test_a_service_that_does_not_answer_is_named(empty: Path, services: Mapping[str, str]) -> None:
    away = {**services, "AIOS_OBJECTS_URL": "s3+http://k:s@127.0.0.1:1"}
    told = aios("logs", "greeting", cwd=empty, env=away)
    assert (told.code, "AIOS_OBJECTS_URL" in told.err) == (3, True), told.err


def test_what_another_installation_declares_is_not_called_deleted(empty: Path, services: Mapping[str, str]) -> None:
    model = "{apiVersion: aios.dev/v1alpha1, kind: Model, metadata: {name: m}, spec: {provider: Ollama, model: any}}"
    assert aios("up", "-", "--once", cwd=empty, env=services, stdin=model).code == 0
    told = aios("logs", "greeting", "-C", ".aios", cwd=empty, env=services)
    assert "Succeeded  1/1 tasks" in told.out, told.err
    assert 'project "greeting" is not declared in this state folder: this is run' in told.err
    assert "deleted" not in told.err
