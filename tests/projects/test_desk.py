"""What an engine has in hand: when it gives a run up, puts it aside, and says by leases that it drives it."""

from dataclasses import dataclass, field, replace

import pytest

from aios.errors import SequenceConflictError, ServiceUnavailableError
from aios.naming import ANNOTATION_RETRY
from aios.ports.clock import SystemClock
from aios.projects.desk import HANDS_OFF_SECONDS, Desk
from aios.projects.drive import Drive
from aios.projects.mirror import build_run_status
from aios.projects.world import World
from aios.spec.base import Kind, Ref
from aios.spec.project import ProjectStatus
from tests.projects.building import build_project, task
from tests.projects.laptop import Laptop

FIRST, SECOND = (Ref(Kind.PROJECT, namespace, "x") for namespace in ("aaa", "bbb"))
LOST = SequenceConflictError("runs/aaa/x/1", 1, 2)


@dataclass
class Leases:
    """Grants what nobody holds, unless it is away for a name."""

    held: dict[str, str] = field(default_factory=dict)
    away_for: str = ""

    async def acquire(self, name: str, holder: str, *, ttl: float) -> bool:
        assert ttl == HANDS_OFF_SECONDS
        if name == self.away_for:
            raise ServiceUnavailableError("the store went away")
        return self.held.setdefault(name, holder) == holder

    async def release(self, name: str, holder: str) -> None:
        if self.held.get(name) == holder:
            del self.held[name]

    async def holder(self, name: str) -> str | None:
        return self.held.get(name)


class Clock(SystemClock):
    """Stands still until it is set."""

    at = 0.0

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def leases() -> Leases:
    return Leases()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(laptop: Laptop, leases: Leases, clock: Clock) -> Desk:
    return Desk(replace(laptop.ports, leases=leases, clock=clock), World(laptop.resources, None), "us")


async def test_a_store_that_fails_midway_costs_no_run_its_driver(desk: Desk, leases: Leases, clock: Clock) -> None:
    for ref in (FIRST, SECOND):
        desk.fence(ref, LOST)
    clock.at = HANDS_OFF_SECONDS + 1
    leases.away_for = "engine/bbb/x"
    with pytest.raises(ServiceUnavailableError):
        await desk.keep_leases()
    leases.away_for = ""
    assert await desk.keep_leases() == (FIRST, SECOND)
    assert await desk.keep_leases() == ()


async def test_a_run_is_left_to_who_took_it_until_he_lets_its_lease_go(
    desk: Desk, leases: Leases, clock: Clock
) -> None:
    leases.held = {"engine/aaa/x": "them"}
    for ref in (FIRST, SECOND):
        desk.fence(ref, LOST)
    assert await desk.keep_leases() == ()
    clock.at = HANDS_OFF_SECONDS
    assert await desk.keep_leases() == (SECOND,)
    leases.held.clear()
    assert await desk.keep_leases() == (), "it was asked for just now"
    clock.at = 2 * HANDS_OFF_SECONDS
    assert await desk.keep_leases() == (FIRST,)


async def test_one_project_that_is_driven_keeps_no_other_of_its_namespace(laptop: Laptop, leases: Leases) -> None:
    await laptop.prepare()
    world = World(laptop.resources, None)
    desk = Desk(replace(laptop.ports, leases=leases), world, "us")
    refs = [await laptop.apply(build_project(name, task("a"))) for name in ("kept", "taken")]
    await world.load()
    for ref in refs:
        assert await desk.attend(ref)
    await desk.keep_leases()
    assert leases.held == {"engine/default/kept": "us", "engine/default/taken": "us"}
    desk.fence(refs[1], LOST)
    await desk.keep_leases()
    assert leases.held == {"engine/default/kept": "us"}


async def test_a_run_is_put_aside_for_the_wish_that_steered_it_and_for_no_other(laptop: Laptop) -> None:
    await laptop.prepare()
    _, engine = laptop.start_engine()
    laptop.start_workers()
    ref = await laptop.apply(build_project("word-count", task("a")))
    await laptop.ended(ref)
    await laptop.stop(engine)
    await laptop.annotate(ref, ANNOTATION_RETRY, "a-word")  # so that only its run says whether anything is left to do
    world = World(laptop.resources, None)
    await world.load()
    desk, project = Desk(laptop.ports, world, "another"), await laptop.project(ref)
    drive = await desk.attend(ref)
    assert drive is not None
    project = project.model_copy(update={"status": _showing(drive)})
    wish = project.spec.model_copy(update={"goal": "Another goal."})
    assert not desk.put_aside(drive, project.model_copy(update={"spec": wish}))
    assert desk.drives == {ref: drive}
    assert desk.put_aside(drive, project)
    assert desk.drives == {}


def _showing(drive: Drive) -> ProjectStatus:
    return ProjectStatus(run=build_run_status(drive.log))
