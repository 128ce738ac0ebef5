"""Who is woken by whom."""

from aios.reconcile.dependants import Dependants
from aios.spec.base import Kind
from tests.desired.building import ref

TEAM, PROJECT, TEXTS, OTHER = (
    ref(Kind.TEAM, "t"),
    ref(Kind.PROJECT, "p"),
    ref(Kind.CONFIG_MAP, "texts"),
    ref(Kind.CONFIG_MAP, "other"),
)


def test_readers_are_found_by_what_they_read() -> None:
    known = Dependants()
    known.record(TEAM, [TEXTS])
    known.record(PROJECT, [TEAM, TEXTS])
    assert known.of(TEXTS) == (TEAM, PROJECT)
    assert known.of(TEAM) == (PROJECT,)
    assert known.of(OTHER) == ()
    assert known.is_referenced(TEXTS)
    assert not known.is_referenced(OTHER)


def test_only_the_latest_reading_counts() -> None:
    known = Dependants()
    known.record(TEAM, [TEXTS])
    known.record(TEAM, [OTHER])
    assert known.of(TEXTS) == ()
    assert known.of(OTHER) == (TEAM,)
    known.record(TEAM, [])
    assert known.known() == frozenset()
    assert not known.is_referenced(OTHER)


def test_nobody_wakes_itself() -> None:
    known = Dependants()
    known.record(TEAM, [TEAM])
    assert known.of(TEAM) == ()
