"""An operator that may no longer act does not: not even for as long as its threads need to end."""

import subprocess
import sys

PROGRAM = """
import asyncio, time
from types import SimpleNamespace

from aios.adapters.kubernetes.leadership import LeadershipLostError
from aios.controller.main import Controller, OperatorOptions
from aios.ports.clock import SystemClock

writing = asyncio.Event()

async def acquire():
    pass

async def hold():
    await writing.wait()
    raise LeadershipLostError("another operator holds Lease aios-system/aios-operator")

async def release():
    print("released")

async def ask_for_kinds():
    writing.set()
    await asyncio.to_thread(time.sleep, 300)

async def reconcile(key):
    pass

leadership = SimpleNamespace(acquire=acquire, hold=hold, release=release)
reconciler = SimpleNamespace(reconcile=reconcile)
cluster = SimpleNamespace(leadership=leadership, reconciler=reconciler, ask_for_kinds=ask_for_kinds)
asyncio.run(Controller(cluster, OperatorOptions(), SystemClock()).run())
"""


def test_an_operator_that_lost_the_lease_ends_while_a_thread_still_writes() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], check=False, capture_output=True, text=True, timeout=120)
    told = "another operator holds Lease aios-system/aios-operator; this operator ends at once, started again it waits"
    assert told in ended.stderr
    assert (ended.returncode, ended.stdout) == (3, "")
