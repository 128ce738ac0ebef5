"""A service that is away is told once, with its reason, and once that everything answers again."""

from aios.errors import ServiceUnavailableError
from aios.wiring.instrument import as_they_are
from aios.wiring.outages import Outages


class Shaky:
    """A port that answers while it is up."""

    up = True

    async def ask(self) -> str:
        if not self.up:
            raise ServiceUnavailableError("the store at 127.0.0.1:1 does not answer")
        return "yes"


async def failing(port: Shaky) -> bool:
    try:
        await port.ask()
    except ServiceUnavailableError:
        return True
    return False


async def test_an_outage_is_told_once_and_its_end_once() -> None:
    told: list[str] = []
    inner = Shaky()
    port = Outages(told.append).instrument(as_they_are)("journal", inner)
    assert await port.ask() == "yes"
    inner.up = False
    assert [await failing(port) for _ in range(3)] == [True] * 3
    inner.up = True
    assert await port.ask() == "yes"
    assert told == ["the store at 127.0.0.1:1 does not answer", ""]


async def test_ports_of_one_service_tell_its_outage_once_and_its_end_when_all_answer() -> None:
    told: list[str] = []
    instrument = Outages(told.append).instrument(as_they_are)
    inner = Shaky()
    sessions, leases = instrument("sessions", inner), instrument("leases", inner)
    inner.up = False
    assert await failing(sessions)
    assert await failing(leases)
    inner.up = True
    await sessions.ask()
    assert len(told) == 1
    await leases.ask()
    assert told[1:] == [""]
