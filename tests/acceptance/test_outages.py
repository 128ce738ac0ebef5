"""What a person sees of services that are away, frozen, or do not let us in: one line with the reason, soon."""

import contextlib
import os
import re
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from tests.acceptance.test_laptop import PATIENCE, until
from tests.cli.console import EXAMPLES, aios, running
from tests.desired.building import worker_file
from tests.servers.minio import MinioProcess
from tests.servers.rabbitmq import RabbitProcess, made_vhost
from tests.servers.redis import RedisProcess

EXAMPLE = EXAMPLES / "02-software-team"
WRONG = "not-the-password"


@pytest.fixture
def private_minio(tmp_path: Path, minio_program: Path) -> Iterator[MinioProcess]:
    """A server that a test may freeze."""
    (tmp_path / "minio").mkdir()
    server = MinioProcess(minio_program, tmp_path / "minio")
    yield server
    os.kill(server.process.pid, signal.SIGCONT)
    server.process.stop()


@pytest.fixture
def guarded_redis(tmp_path: Path) -> Iterator[RedisProcess]:
    """A server with a password."""
    (tmp_path / "redis").mkdir()
    server = RedisProcess(tmp_path / "redis", password="the-password")
    yield server
    server.process.stop()


def with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    user = f"{parts.username or ''}:{password}@" if password else ""
    return parts._replace(netloc=f"{user}{parts.netloc.rpartition('@')[2]}").geturl()


def test_a_frozen_store_is_told_within_seconds_and_its_return_once(tmp_path: Path, private_minio: MinioProcess) -> None:
    log, pid = tmp_path / "up.log", private_minio.process.pid
    with running(log, {"AIOS_OBJECTS_URL": private_minio.url}, "up", EXAMPLE, "-C", tmp_path / ".aios"):
        until(lambda: "design" in log.read_text(), "a first task")
        os.kill(pid, signal.SIGSTOP)
        frozen = time.monotonic()
        until(lambda: "waiting" in log.read_text(), "a line about the outage")
        assert time.monotonic() - frozen < 30
        told = re.search(r"waiting.* no answer from .*AIOS_OBJECTS_URL\) for (\d+) s", log.read_text())
        assert told, log.read_text()
        assert int(told[1]) < 20, "the client's own timeouts are not waited for"
        os.kill(pid, signal.SIGCONT)
        until(lambda: "5/5 tasks" in log.read_text(), "the project's end")
    said = log.read_text()
    turns = re.findall("waiting|served", said)
    assert turns == ["waiting", "served"] * (len(turns) // 2), said  # several if the store is slow after that, too
    assert private_minio.password not in said


@pytest.mark.parametrize("password", [WRONG, ""])
def test_redis_that_does_not_let_us_in_ends_the_process_at_once(
    tmp_path: Path, guarded_redis: RedisProcess, password: str
) -> None:
    refused(tmp_path, {"AIOS_SESSIONS_URL": with_password(guarded_redis.url, password)}, "AIOS_SESSIONS_URL")


def test_a_store_that_does_not_let_us_in_ends_the_process_at_once(tmp_path: Path, minio: str) -> None:
    refused(tmp_path, {"AIOS_OBJECTS_URL": with_password(minio, WRONG)}, "AIOS_OBJECTS_URL")


def test_a_broker_that_does_not_let_us_in_ends_the_process_at_once(tmp_path: Path, rabbitmq: RabbitProcess) -> None:
    admin = {"AIOS_BROKER_ADMIN_URL": rabbitmq.admin_url}
    refused(tmp_path, {**admin, "AIOS_BROKER_URL": with_password(rabbitmq.url, WRONG)}, "AIOS_BROKER_URL")


def test_a_brokers_management_that_does_not_let_us_in_is_told_and_holds_nothing_up(
    tmp_path: Path, rabbitmq: RabbitProcess
) -> None:
    vhost = made_vhost(rabbitmq.url, rabbitmq.admin_url, tmp_path.name)
    services = {"AIOS_BROKER_URL": vhost, "AIOS_BROKER_ADMIN_URL": with_password(rabbitmq.admin_url, WRONG)}
    done = aios("up", EXAMPLE, "--once", "-C", ".aios", cwd=tmp_path, env=services)
    assert done.code == 0, done.out + done.err
    assert "AIOS_BROKER_ADMIN_URL" in done.err
    assert WRONG not in done.out + done.err


@pytest.fixture
def hanging_up() -> Iterator[tuple[int, list[int]]]:
    """A port where something ends every connection at once, as a broker that starts does, and its count of them."""
    seen: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            with contextlib.suppress(OSError):  # closed at the end
                while True:
                    server.accept()[0].close()
                    seen.append(len(seen))

        Thread(target=hang_up, daemon=True).start()
        yield server.getsockname()[1], seen


def test_a_management_port_alone_that_is_away_is_told_once(
    tmp_path: Path, rabbitmq: RabbitProcess, hanging_up: tuple[int, list[int]]
) -> None:
    port, tries = hanging_up
    vhost = made_vhost(rabbitmq.url, rabbitmq.admin_url, tmp_path.name)
    services = {"AIOS_BROKER_URL": vhost, "AIOS_BROKER_ADMIN_URL": f"http://u:p@127.0.0.1:{port}"}
    log = tmp_path / "up.log"
    with running(log, services, "up", EXAMPLE, "-C", tmp_path / ".aios"):
        until(lambda: len(tries) > 4, "some tries")
    said = log.read_text()
    assert (said.count("waiting"), said.count("served")) == (1, 0), said


def test_a_worker_logs_an_outage_once_however_often_it_tries(
    tmp_path: Path, minio: str, redis_server: str, hanging_up: tuple[int, list[int]]
) -> None:
    port, tries = hanging_up
    services = {
        "AIOS_BROKER_URL": f"amqp://u:p@127.0.0.1:{port}/",
        "AIOS_OBJECTS_URL": minio,
        "AIOS_SESSIONS_URL": redis_server,
    }
    log = tmp_path / "worker.log"
    with running(log, services, "worker", "--config", worker_file(tmp_path)):
        until(lambda: len(tries) > 4, "some tries")
    said = log.read_text()
    assert said.count(f"RabbitMQ at 127.0.0.1:{port}") == 1, said


def test_a_worker_that_is_not_let_in_ends_at_once(
    tmp_path: Path, minio: str, rabbitmq: RabbitProcess, guarded_redis: RedisProcess
) -> None:
    services = {
        "AIOS_BROKER_URL": rabbitmq.url,
        "AIOS_OBJECTS_URL": minio,
        "AIOS_SESSIONS_URL": with_password(guarded_redis.url, WRONG),
    }
    done = aios("worker", "--config", worker_file(tmp_path), cwd=tmp_path, env=services)
    assert done.code == 3, done.err
    assert "AIOS_SESSIONS_URL" in done.err


def refused(tmp_path: Path, services: Mapping[str, str], variable: str) -> None:
    done = aios("up", EXAMPLE, "--once", "-C", ".aios", cwd=tmp_path, env=services)
    assert done.code == 3, done.out + done.err
    assert variable in done.err
    assert "refuses" in done.err
    assert WRONG not in done.out + done.err


def test_a_goal_given_to_a_running_up_waits_for_a_frozen_store_and_is_done(
    tmp_path: Path, private_minio: MinioProcess
) -> None:
    up_log, run_log, pid = tmp_path / "up.log", tmp_path / "run.log", private_minio.process.pid
    services, state = {"AIOS_OBJECTS_URL": private_minio.url}, tmp_path / ".aios"
    goal = ("run", "hello", "Greet once more.", "--name", "again", "--input", "whom=you")
    with running(up_log, services, "up", EXAMPLES / "01-hello", "-C", state):
        until(lambda: "1/1 tasks" in up_log.read_text(), "the project's end")
        os.kill(pid, signal.SIGSTOP)
        with running(run_log, services, *goal, "-C", state) as process:
            until(lambda: "waiting" in run_log.read_text(), "a line about the outage")
            assert "AIOS_OBJECTS_URL" in run_log.read_text()
            os.kill(pid, signal.SIGCONT)
            process.wait(timeout=PATIENCE)
    said = run_log.read_text()
    assert "served" in said, said
    assert "again  " in said, said


@pytest.mark.parametrize("words", [("logs", "greeting"), ("plan", EXAMPLES / "01-hello")])
def test_a_command_that_ends_at_once_names_the_variable_of_who_does_not_answer(
    tmp_path: Path, words: tuple[str | Path, ...]
) -> None:
    services, log = {"AIOS_OBJECTS_URL": "s3+http://key:the-secret@127.0.0.1:1"}, tmp_path / "up.log"
    with running(log, services, "up", EXAMPLES / "01-hello", "-C", tmp_path / ".aios"):
        until(lambda: "waiting" in log.read_text(), "a line about the outage")
    done = aios(*words, "-C", ".aios", cwd=tmp_path, env=services)
    assert "(AIOS_OBJECTS_URL)" in done.err, done.err
    assert "the-secret" not in done.out + done.err
