"""The same YAML over RabbitMQ, MinIO and Redis, by the processes a person starts; services come and go meanwhile."""

import os
import re
import shlex
import shutil
import signal
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from aios.naming import digest
from tests.acceptance.test_laptop import until
from tests.cli.console import EXAMPLES, aios, running
from tests.servers.minio import MinioProcess
from tests.servers.rabbitmq import RabbitProcess, made_vhost
from tests.servers.redis import RedisProcess, made_database

MEMBERS = ("architect", "developer", "tester", "writer")
EXAMPLE = EXAMPLES / "02-software-team"


@pytest.fixture
def services(rabbitmq: RabbitProcess, minio: str, redis_server: str, tmp_path: Path) -> Mapping[str, str]:
    """The variables of a set of services that this test has for itself."""
    name = digest(str(tmp_path))[:12]
    return {
        "AIOS_BROKER_URL": made_vhost(rabbitmq.url, rabbitmq.admin_url, name),
        "AIOS_BROKER_ADMIN_URL": rabbitmq.admin_url,
        "AIOS_OBJECTS_URL": f"{minio}?prefix={name}-",
        "AIOS_SESSIONS_URL": made_database(redis_server, name),
    }


def test_one_command_over_real_services_delivers_what_it_does_on_a_laptop(
    tmp_path: Path, services: Mapping[str, str]
) -> None:
    done = aios("up", EXAMPLE, "--once", "-C", ".aios", cwd=tmp_path, env=services)
    assert done.code == 0, done.err
    assert "word-count  Succeeded  5/5 tasks" in done.out
    assert not (tmp_path / ".aios" / "journal.db").exists(), "the truth is in the object store"
    exported = aios("workspace", "export", "word-count", "out", "-C", ".aios", cwd=tmp_path, env=services)
    assert exported.code == 0, exported.err
    assert (tmp_path / "out" / "wordcount.py").is_file()
    again = aios("up", EXAMPLE, "--once", "-C", ".aios", cwd=tmp_path, env=services)
    assert "nothing started, nothing spent" in again.out


def test_another_state_folder_on_the_same_services_does_not_pay_again(
    tmp_path: Path, services: Mapping[str, str]
) -> None:
    first = aios("up", EXAMPLE, "--once", "-C", "one/.aios", cwd=tmp_path, env=services)
    assert first.code == 0, first.err
    ledger = {**services, "AIOS_SCRIPTED_LEDGER": str(tmp_path / "ledger")}
    second = aios("up", EXAMPLE, "--once", "-C", "two/.aios", cwd=tmp_path, env=ledger)
    assert second.code == 0, second.err
    assert not (tmp_path / "ledger").exists()


def test_another_state_folder_that_means_something_else_by_a_name_is_refused(
    tmp_path: Path, services: Mapping[str, str]
) -> None:
    assert aios("up", EXAMPLE, "--once", "-C", "one/.aios", cwd=tmp_path, env=services).code == 0
    shutil.copytree(EXAMPLE, tmp_path / "edited")
    project = tmp_path / "edited" / "project.yaml"
    project.write_text(project.read_text().replace("goal: ", "goal: Differently, "))
    refused = aios("up", "edited", "--once", "-C", "two/.aios", cwd=tmp_path, env=services)
    assert refused.code == 3
    foreseen = aios("plan", "edited", "-C", "two/.aios", cwd=tmp_path, env=services)
    assert (foreseen.code, "another installation" in foreseen.err) == (3, True)
    assert f"{tmp_path}/one/.aios" in refused.err
    assert "AIOS_NAMESPACE" in refused.err
    remedies = [re.search(r"If that one is gone: `aios (.*)`", told.err) for told in (refused, foreseen)]
    assert all(remedies), (refused.err, foreseen.err)
    words = [shlex.split(remedy[1]) for remedy in remedies if remedy]
    assert words[1] == ["up", "edited", "--take-over", "-C", "two/.aios"]
    taken = aios(*words[0], cwd=tmp_path, env=services)
    assert taken.code == 0, taken.err
    assert aios("up", EXAMPLE, "--once", "-C", "one/.aios", cwd=tmp_path, env=services).code == 3


def test_a_project_deleted_in_one_state_folder_keeps_its_files_while_another_declares_it(
    tmp_path: Path, services: Mapping[str, str]
) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "mine")
    project = tmp_path / "mine" / "project.yaml"
    project.write_text(project.read_text().replace("spec:\n", "spec:\n  deletionPolicy: Delete\n"))
    for folder in ("one/.aios", "two/.aios"):
        assert aios("up", "mine", "--once", "-C", folder, cwd=tmp_path, env=services).code == 0
    fates = {
        "one/.aios": f"its runs and files stay, for {socket.gethostname()}:",
        "two/.aios": "its runs and files are removed",
    }
    for folder, files in (("one/.aios", 0), ("two/.aios", 1)):
        assert aios("delete", "project", "word-count", "-C", folder, cwd=tmp_path, env=services).code == 0
        again = aios("up", "--once", "-C", folder, cwd=tmp_path, env=services)
        assert again.code == 0, again.err
        assert f"deleted  Project/word-count: {fates[folder]}" in again.out
        left = aios("workspace", "export", "word-count", f"out{files}", "-C", "two/.aios", cwd=tmp_path, env=services)
        assert left.code == files, left.out + left.err


def test_forgotten_variables_do_not_begin_the_projects_anew(tmp_path: Path, services: Mapping[str, str]) -> None:
    assert aios("up", EXAMPLE, "--once", "-C", ".aios", cwd=tmp_path, env=services).code == 0
    forgotten = aios("up", EXAMPLE, "--once", "-C", ".aios", cwd=tmp_path)
    assert forgotten.code == 3
    assert "AIOS_JOURNAL_URL" in forgotten.err


def test_engine_and_workers_without_a_common_folder_outlive_kills(tmp_path: Path, services: Mapping[str, str]) -> None:
    engine = ("engine", EXAMPLE, "-C", tmp_path / ".aios")
    with ExitStack() as stack:
        for member in MEMBERS[1:]:
            worker = ("worker", "--agent", f"default/software-{member}")
            stack.enter_context(running(tmp_path / f"{member}.log", services, *worker))
        architect = ("worker", "--agent", "default/software-architect")
        with (
            running(tmp_path / "architect.log", services, *architect) as first,
            running(tmp_path / "engine.log", services, *engine) as driving,
        ):
            until(lambda: "planned by architect" in (tmp_path / "engine.log").read_text(), "a plan")
            os.kill(first.pid, signal.SIGKILL)
            os.kill(driving.pid, signal.SIGKILL)
        stack.enter_context(running(tmp_path / "architect.log", services, *architect))
        done = aios(*engine, "--once", cwd=tmp_path, env=services)
    assert done.code == 0, done.err
    assert "word-count  Succeeded  5/5 tasks" in done.out


def test_services_that_come_late_are_waited_for_with_a_reason(tmp_path: Path, minio_program: Path) -> None:
    folders = [tmp_path / name for name in ("rabbitmq", "minio", "redis")]
    for folder in folders:
        folder.mkdir()
    redis, minio, rabbit = RedisProcess(folders[2]), MinioProcess(minio_program, folders[1]), RabbitProcess(folders[0])
    services = {
        "AIOS_BROKER_URL": rabbit.url,
        "AIOS_BROKER_ADMIN_URL": rabbit.admin_url,
        "AIOS_OBJECTS_URL": minio.url,
        "AIOS_SESSIONS_URL": redis.url,
    }
    log = tmp_path / "up.log"
    try:
        rabbit.kill()
        for doomed in (redis, minio):
            os.kill(doomed.process.pid, signal.SIGKILL)
            doomed.process.stop()
        with running(log, services, "up", EXAMPLE, "--once", "-C", tmp_path / ".aios") as process:
            for server, name in ((minio, "object store"), (rabbit, "RabbitMQ"), (redis, "Redis")):
                until(lambda name=name: name in log.read_text(), f"a line about {name}: {log}")  # type: ignore[misc]
                server.start()
            assert process.wait(timeout=90) == 0, log.read_text()
        assert "word-count  Succeeded  5/5 tasks" in log.read_text()
    finally:
        redis.process.stop()
        minio.process.stop()
        rabbit.stop()


def test_doctor_names_every_service_and_no_credential(tmp_path: Path, services: Mapping[str, str]) -> None:
    told = aios("doctor", "-C", ".aios", cwd=tmp_path, env=services)
    assert told.code == 0, told.out
    for product in ("RabbitMQ 3.", "MinIO", "Redis 7"):
        assert product in told.out.replace("Valkey 9", "Redis 7")
    for url in services.values():
        secret = url.partition("://")[2].partition("@")[0].rpartition(":")[2]
        assert not secret or "@" not in url or secret not in told.out + told.err


def test_doctor_says_what_does_not_answer(tmp_path: Path, services: Mapping[str, str]) -> None:
    broken = {**services, "AIOS_SESSIONS_URL": "redis://127.0.0.1:1/0", "AIOS_OBJECTS_URL": "s3+http://k:s@127.0.0.1:1"}
    told = aios("doctor", "-C", ".aios", cwd=tmp_path, env=broken)
    assert told.code == 3
    assert "needs attention: objects, journal, sessions" in told.err
