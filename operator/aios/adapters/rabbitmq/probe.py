"""What `aios doctor` asks RabbitMQ."""

import statistics
import time
from typing import Any

from aios.adapters.rabbitmq.connection import RabbitServer
from aios.adapters.rabbitmq.management import Management
from aios.errors import ServiceUnavailableError
from aios.ports.probe import Probe

OLDEST = (3, 10)


async def probe(url: str, admin_url: str = "") -> Probe:
    """Raises ServiceUnavailableError when the broker itself does not answer; without its management it is a problem."""
    server = RabbitServer(url, purpose="doctor")
    try:
        taken = []
        for _ in range(3):
            started = time.perf_counter()
            channel = await server.channel()
            taken.append((time.perf_counter() - started) * 1000)
            with server.translated():
                await channel.close()
    finally:
        await server.close()
    management = Management(url, admin_url)
    try:
        overview = await management.ask("GET", "overview")
        nodes = await management.ask("GET", "nodes")
    except ServiceUnavailableError as error:
        return Probe("RabbitMQ", "", statistics.median(taken), (), (f"{error} (the operator and `aios up` need it)",))
    version = str(overview.get("rabbitmq_version", ""))
    return Probe(
        service="RabbitMQ",
        version=version,
        milliseconds=statistics.median(taken),
        details=(*server.trust.told(), f"vhost {management.vhost}", f"management at {management.address}"),
        problems=tuple(_problems(version, nodes)),
    )


def _problems(version: str, nodes: list[dict[str, Any]]) -> list[str]:
    problems = []
    numbers = version.split(".")[:2]
    if all(number.isdigit() for number in numbers) and tuple(map(int, numbers)) < OLDEST:
        problems.append(f"version {version} is older than 3.10: its quorum queues lose dead letters")
    for node in nodes:
        for alarm, what in (("mem_alarm", "memory"), ("disk_free_alarm", "disk space")):
            if node.get(alarm):
                problems.append(f"{node.get('name')} is low on {what} and blocks publishers")
    return problems
