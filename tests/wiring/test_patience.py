"""Why nothing goes on is told once, also where no service is away."""

from collections.abc import Iterator

from aios.errors import BeingRemovedError, ServiceUnavailableError
from aios.ports.clock import SystemClock
from aios.wiring.patience import until_free

REMOVING = BeingRemovedError("here:/one removes what it had by this name")


class AtOnce(SystemClock):
    """Nobody waits."""

    async def sleep(self, seconds: float) -> None:
        del seconds


async def told_while(errors: Iterator[Exception]) -> list[str]:
    """What a person hears while `work` meets these errors before it succeeds."""
    told: list[str] = []

    async def work() -> str:
        if error := next(errors, None):
            raise error
        return "done"

    assert await until_free(work, "declare it", told.append, AtOnce()) == "done"
    return told


async def test_a_name_that_another_installation_still_removes_is_told_once_and_its_end_once() -> None:
    assert await told_while(iter([REMOVING, REMOVING, REMOVING])) == [str(REMOVING), ""]


async def test_a_service_that_is_away_is_left_to_who_listens_to_services() -> None:
    assert await told_while(iter([ServiceUnavailableError("away")])) == []
