"""What breaks and in which order: a list that a seed decides, made before anything runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tests.faults.battery.aiming import ENGINES_MOMENTS, RARER_MOMENTS, WORKERS_MOMENTS, Moment


class Kind(StrEnum):
    """What may happen. The first five kill a process by SIGKILL."""

    KILL = "kill a process at a random moment"
    AIM = "kill a process at a chosen moment"
    KILL_REDIS = "kill Redis, which forgets"
    KILL_MINIO = "kill the object store, for a while"
    KILL_BROKER = "kill the broker"
    FLUSH = "FLUSHALL"
    FREEZE = "freeze a worker until its lease is over, then wake it"
    STALL = "hold back the object store's replies"
    BLOCK = "block the broker"


KILLS = (Kind.KILL, Kind.AIM, Kind.KILL_REDIS, Kind.KILL_MINIO, Kind.KILL_BROKER)
_SERVERS = (Kind.KILL_REDIS, Kind.KILL_MINIO)
_HARMLESS_PER_KILL = 0.25
SPARE = 1.3
"""Faults planned for each kill that is wanted: some strike where nobody is, and an aimed one may wait in vain."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One of them. `whom` picks among those it may strike, by remainder."""

    kind: Kind
    whom: int
    moment: Moment = Moment.SENT
    engine: bool = False


def plan(kills: int, *, broker: bool, dice: Random) -> Sequence[Fault]:
    """For `kills` of them with some to spare: a third aimed, and a quarter as many other disturbances, shuffled.

    Every kind is there when there are enough kills for it.
    """
    kills = math.ceil(kills * SPARE)
    aimed = kills - kills * 2 // 3
    of_servers = min(len(_SERVERS), kills - aimed) + (kills - aimed) // 8
    kinds = [_SERVERS[at % len(_SERVERS)] for at in range(of_servers)]
    if broker:
        kinds += [Kind.KILL_BROKER] * max(1, kills // 50)
    kinds = kinds[: kills - aimed]
    kinds += [Kind.KILL] * (kills - aimed - len(kinds))
    others = [Kind.FLUSH, Kind.FREEZE, Kind.STALL, *([Kind.BLOCK] if broker else [])]
    kinds += [others[at % len(others)] for at in range(max(len(others), int(kills * _HARMLESS_PER_KILL)))]
    faults = [Fault(kind, dice.randrange(1_000), engine=dice.random() < 0.2) for kind in kinds]
    faults += [_aimed(at, dice) for at in range(aimed)]
    dice.shuffle(faults)
    return _every_kind_early(faults, dice)


def _every_kind_early(faults: Sequence[Fault], dice: Random) -> Sequence[Fault]:
    """One of each kind in the first half: what comes last may find the work done."""
    firsts = list({fault.kind: fault for fault in reversed(faults)}.values())
    rest = [fault for fault in faults if not any(fault is first for first in firsts)]
    early, late = [*firsts, *rest[: len(rest) // 2]], rest[len(rest) // 2 :]
    dice.shuffle(early)
    return [*early, *late]


def _aimed(at: int, dice: Random) -> Fault:
    """The moments in turn, each worker's twice as often as a rarer one or the engine's."""
    moments = [*WORKERS_MOMENTS, *WORKERS_MOMENTS, *RARER_MOMENTS, *ENGINES_MOMENTS]
    moment = moments[at % len(moments)]
    return Fault(Kind.AIM, dice.randrange(1_000), moment, engine=moment in ENGINES_MOMENTS)
