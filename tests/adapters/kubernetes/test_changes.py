"""Whoever follows changes sees them again once the API server lets him, and is told when he never will."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import cast

import pytest

from aios.adapters.kubernetes import changes
from aios.adapters.kubernetes.api import Api, Manifest, RefusedError
from aios.adapters.kubernetes.changes import Trouble, watch_all
from aios.errors import AiosError, EnvironmentProblemError, ServiceUnavailableError
from aios.spec.base import Kind, Ref

LOST = ServiceUnavailableError("watching Project ended: too old")
FORBIDDEN = EnvironmentProblemError("list Project: projects.aios.dev is forbidden")
ABSENT = RefusedError("list Project: the server could not find the requested resource", 404)


class Server:
    """One Project; each list first raises what `refusals` holds. Its watch goes on for ever."""

    def __init__(self, *refusals: Exception) -> None:
        self.refusals = list(refusals)

    async def list_with_version(self, kind: str) -> tuple[Sequence[Manifest], str]:
        if kind == Kind.PROJECT and self.refusals:
            raise self.refusals.pop(0)
        return ([{"metadata": {"namespace": "n", "name": "x"}}] if kind == Kind.PROJECT else []), "1"

    async def watch(self, _kind: str, _version: str) -> AsyncIterator[tuple[str, Manifest]]:
        await asyncio.Event().wait()
        yield "", {}


def of(server: Server) -> AsyncGenerator[Ref, None]:
    return cast("AsyncGenerator[Ref, None]", watch_all(cast("Api", server), (Kind.MODEL, Kind.PROJECT)))


@pytest.mark.parametrize("refusal", [LOST, FORBIDDEN, ABSENT])
async def test_a_refused_list_is_asked_for_again(monkeypatch: pytest.MonkeyPatch, refusal: AiosError) -> None:
    monkeypatch.setattr(changes, "_PAUSE", 0.001)
    async with aclosing(of(Server(refusal, refusal))) as seen:
        assert await asyncio.wait_for(anext(seen), 10) == Ref(Kind.PROJECT, "n", "x")


async def test_a_defect_is_raised_and_not_waited_out() -> None:
    async with aclosing(of(Server(KeyError("items")))) as seen:
        with pytest.raises(KeyError, match="items"):
            await asyncio.wait_for(anext(seen), 10)


def test_a_refusal_is_said_once_until_it_is_over_and_asked_about_less_and_less_often(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    trouble = Trouble(Kind.PROJECT)
    assert [trouble.tell(FORBIDDEN) for _ in range(6)] == [1, 2, 4, 8, 15, 15]
    trouble.tell(ABSENT)
    trouble.over()
    trouble.over()
    assert trouble.tell(FORBIDDEN) == 1
    blind = "changes of Project are not seen; trying again until they are: "
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", f"{blind}{FORBIDDEN}"),
        ("WARNING", f"{blind}{ABSENT}"),
        ("INFO", "changes of Project are seen again"),
        ("WARNING", f"{blind}{FORBIDDEN}"),
    ]


def test_a_watch_that_ends_is_nothing_to_warn_of_unless_it_does_not_begin_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    trouble = Trouble(Kind.PROJECT)
    for _ in range(3):
        trouble.tell(LOST)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]


class Cut(Server):
    """Its watch is cut off after so many seconds, three times."""

    def __init__(self, lasts: float) -> None:
        super().__init__()
        self._lasts, self._cuts = lasts, 3
        self.time = 0.0

    async def watch(self, kind: str, version: str) -> AsyncIterator[tuple[str, Manifest]]:
        if kind == Kind.PROJECT and self._cuts:
            self._cuts -= 1
            self.time += self._lasts
            raise LOST
        async for told in super().watch(kind, version):
            yield told


@pytest.mark.parametrize(("lasts", "said"), [(0.0, ["INFO", "WARNING"]), (30.0, ["INFO", "INFO", "INFO"])])
async def test_a_watch_that_is_cut_off_while_it_is_quiet_was_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, lasts: float, said: list[str]
) -> None:
    server = Cut(lasts)
    monkeypatch.setattr(changes, "_PAUSE", 0.001)
    monkeypatch.setattr(changes, "monotonic", lambda: server.time)
    caplog.set_level(logging.INFO, changes.__name__)
    async with aclosing(of(server)) as seen:
        for _ in range(4):
            await asyncio.wait_for(anext(seen), 10)
    assert [record.levelname for record in caplog.records] == said
