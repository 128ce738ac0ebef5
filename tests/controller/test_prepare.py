"""An object store that is away at the start keeps only those waiting who need it."""

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from aios.cancellation import cancelled
from aios.controller import main
from aios.controller.main import Controller, OperatorOptions
from aios.errors import ServiceUnavailableError
from aios.ports.clock import SystemClock
from aios.reconcile.workqueue import Pace
from aios.spec.base import Kind, Ref
from aios.wiring.operator import Cluster

MODEL, PROJECT = Ref(Kind.MODEL, "default", "local"), Ref(Kind.PROJECT, "default", "word-count")


class SilentKopf:
    """Hears of nothing."""

    restarts = 0

    def __init__(self, listener: object, context: str | None = None) -> None:
        del listener, context

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


@dataclass
class Installation:
    """Cluster, leadership and reconciler of an operator whose object store is away until the test says otherwise."""

    is_store_back: bool = False
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    reconciled: asyncio.Queue[Ref] = field(default_factory=asyncio.Queue)

    @property
    def leadership(self) -> "Installation":
        return self

    @property
    def reconciler(self) -> "Installation":
        return self

    async def acquire(self) -> None:
        pass

    async def hold(self) -> None:
        await asyncio.Event().wait()

    async def release(self) -> None:
        pass

    async def ask_for_kinds(self) -> None:
        pass

    async def prepare(self) -> None:
        self.asked.set()
        if not self.is_store_back:
            raise ServiceUnavailableError("the object store does not answer")

    async def everything(self) -> list[Ref]:
        return [MODEL, PROJECT]

    async def reconcile(self, key: Ref) -> float | None:
        self.reconciled.put_nowait(key)
        if key == PROJECT and not self.is_store_back:
            raise ServiceUnavailableError("the object store does not answer")
        return None


async def test_who_needs_no_store_is_reconciled_without_one_and_the_others_once_it_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(main, "KopfThread", SilentKopf)
    installation = Installation()
    options = OperatorOptions(pace=Pace(first_delay=3600.0, longest_delay=3600.0))
    running = asyncio.create_task(Controller(cast("Cluster", installation), options, SystemClock()).run())
    try:
        async with asyncio.timeout(30):
            await installation.asked.wait()
            assert {await installation.reconciled.get() for _ in range(2)} == {MODEL, PROJECT}
            installation.is_store_back = True
            assert {await installation.reconciled.get() for _ in range(2)} == {MODEL, PROJECT}, "nobody waits an hour"
    finally:
        await cancelled(running)
