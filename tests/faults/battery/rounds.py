"""The battery cut into rounds of their own servers, so that the thousandth kill meets no more history than the tenth,
and a round that went wrong is repeated alone."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.faults.battery.campaign import Report, Round, fight
from tests.faults.battery.size import Size
from tests.faults.battery.verdict import Verdict

ROUND_TASKS = 500
SECONDS_A_KILL = 8.0
LEAST_SECONDS = 240.0


def rounds(size: Size) -> Iterator[Round]:
    """Tasks and kills shared out evenly; one round's seed follows the other's."""
    count = -(-size.tasks // ROUND_TASKS)
    for at in range(count):
        tasks = size.tasks // count + (at < size.tasks % count)
        kills = size.kills // count + (at < size.kills % count)
        bound = LEAST_SECONDS + SECONDS_A_KILL * kills + tasks
        yield Round(tasks, kills, 1 + tasks // 250, seed=size.seed + at, seconds=bound, broker=size.broker)


def fight_all(size: Size, folder: Path) -> Verdict:
    """The sum of all rounds. What went wrong is printed with the command that repeats it."""
    total, planned = Verdict(), 0
    for one in rounds(size):
        planned += one.kills
        report = fight(replace(one, kills=planned - total.kills), place := folder / f"round-{one.seed}")
        total += report.verdict
        tell(one, report, place)
        if not report.verdict.wrong:
            shutil.rmtree(place)
    return total


def tell(one: Round, report: Report, place: Path) -> None:
    """One round in two lines, or more when it went wrong."""
    struck = " ".join(f"{name}={count}" for name, count in report.struck.items())
    print(f"round {one.seed}: {report.seconds:.0f} s, {report.aimed} kills aimed, {report.by_task} by poison; {struck}")
    print(f"round {one.seed}: {report.verdict} failed={report.verdict.failed}", flush=True)
    for line in report.verdict.wrong[:20]:
        print(f"  {line}")
    if report.verdict.wrong:
        print(f"  left in {place}; again: {_command(one)}", flush=True)


def _command(one: Round) -> str:
    asked = {"TASKS": one.tasks, "KILLS": one.kills, "SEED": one.seed, "BROKER": int(one.broker)}
    environment = " ".join(f"AIOS_TEST_{name}={value}" for name, value in asked.items())
    return f"{environment} .venv/bin/python -m tests.faults.battery"
