"""`aios doctor` accuses nobody for the time that its own libraries take to load."""

import subprocess
import sys

from tests.cli.console import environment

ASKED = """
import asyncio, sys
from pathlib import Path
from aios.embedded.state_folder import StateFolder
from aios.ports.probe import Probe
from aios.wiring import doctor
from aios.wiring.credentials import FoundCredentials
from aios.wiring.services import Services

LIBRARIES = ("aio_pika", "minio", "redis.asyncio", "qdrant_client", "ollama")
services = Services(
    broker="amqp://127.0.0.1:1", objects="s3+http://127.0.0.1:1", sessions="redis://127.0.0.1:1/0",
    knowledge="http://127.0.0.1:1", embeddings="ollama+http://127.0.0.1:1/nomic",
)
assert not any(name in sys.modules for name in LIBRARIES), "the command itself starts without them"

async def ask() -> Probe:
    print(*(name for name in LIBRARIES if name not in sys.modules))
    return Probe("it", "1", 0.0)

doctor._services = lambda _: (("broker", services.broker, ask),)
asyncio.run(doctor.examine(StateFolder(Path("nowhere")), services, (), FoundCredentials(state=Path("nowhere"))))
"""


def test_libraries_are_loaded_before_anybody_is_asked() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ASKED], capture_output=True, text=True, check=False, timeout=60, env=environment()
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, ""), ran.stderr
