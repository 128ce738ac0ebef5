"""A RabbitMQ, a MinIO and a Redis as the processes of a test use them, and the verdict on what those leave there."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from aios.embedded.state_folder import StateFolder
from aios.wiring.ports import open_work_ports
from aios.wiring.services import Services
from tests.faults.battery.verdict import Verdict, judge
from tests.servers.rabbitmq import made_vhost


@dataclass(frozen=True, slots=True)
class RealServices:
    """Their URLs."""

    broker: str
    broker_admin: str
    objects: str
    sessions: str

    def apart(self, name: str, number: int) -> "RealServices":
        """A vhost, buckets and a Redis database that nobody else has. `number`: 1 to 15."""
        return replace(
            self,
            broker=made_vhost(self.broker, self.broker_admin, name),
            objects=f"{self.objects}?prefix={name}-",
            sessions=self.sessions.replace("/0", f"/{number}"),
        )

    @property
    def variables(self) -> Mapping[str, str]:
        """What `aios` reads."""
        return {
            "AIOS_BROKER_URL": self.broker,
            "AIOS_BROKER_ADMIN_URL": self.broker_admin,
            "AIOS_OBJECTS_URL": self.objects,
            "AIOS_SESSIONS_URL": self.sessions,
        }

    async def judge(self, folder: Path, *, kills: int) -> Verdict:
        """Once nothing runs any more. The model's till is `ledger.jsonl` below `folder`."""
        services = Services(
            broker=self.broker,
            broker_admin=self.broker_admin,
            objects=self.objects,
            journal=self.objects,
            sessions=self.sessions,
        )
        ports = open_work_ports(StateFolder(folder / ".aios"), services)
        try:
            return await judge(ports, ledger=folder / "ledger.jsonl", receipts=folder / "receipts", kills=kills)
        finally:
            await ports.close()
