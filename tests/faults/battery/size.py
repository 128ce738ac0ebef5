"""How much is asked for, by the environment: AIOS_TEST_FAULTS (`full`, or a number of kills), or AIOS_TEST_TASKS and
AIOS_TEST_KILLS; AIOS_TEST_SEED takes another course of events, AIOS_TEST_BROKER=0 does without RabbitMQ."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from tests.servers.availability import ServerUnavailableError
from tests.servers.rabbitmq import rabbitmq_scripts

FULL_KILLS = 1_000
TASKS_A_KILL = 10
SEED = 20_261_127


@dataclass(frozen=True, slots=True)
class Size:
    """Of a battery. Without `broker` the children share the state folder's."""

    tasks: int
    kills: int
    seed: int
    broker: bool


def long_size(environment: Mapping[str, str] = os.environ) -> Size:
    """10,000 tasks and 1,000 kills, or what is asked for."""
    depth = environment.get("AIOS_TEST_FAULTS") or "full"
    kills = FULL_KILLS if depth == "full" else int(depth)
    return _size(environment, tasks=TASKS_A_KILL * kills, kills=kills)


def short_size(environment: Mapping[str, str] = os.environ) -> Size:
    """What fits into a minute or two, or what is asked for in numbers."""
    return _size(environment, tasks=60, kills=12)


def _size(environment: Mapping[str, str], *, tasks: int, kills: int) -> Size:
    return Size(
        tasks=int(environment.get("AIOS_TEST_TASKS") or tasks),
        kills=int(environment.get("AIOS_TEST_KILLS") or kills),
        seed=int(environment.get("AIOS_TEST_SEED") or SEED),
        broker=environment.get("AIOS_TEST_BROKER") != "0" and has_rabbitmq(),
    )


def has_rabbitmq() -> bool:
    """Whether it is installed."""
    try:
        rabbitmq_scripts()
    except ServerUnavailableError:
        return False
    return True
