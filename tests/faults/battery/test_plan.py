"""A plan is the seed's alone, and a third of its kills are aimed."""

from random import Random

from tests.faults.battery.plan import KILLS, Kind, plan


def test_the_same_seed_plans_the_same() -> None:
    assert plan(40, broker=True, dice=Random(1)) == plan(40, broker=True, dice=Random(1))
    assert plan(40, broker=True, dice=Random(1)) != plan(40, broker=True, dice=Random(2))


def test_a_third_of_all_kills_are_aimed_and_every_kind_is_there() -> None:
    faults = plan(60, broker=True, dice=Random(1))
    kills = [fault for fault in faults if fault.kind in KILLS]
    assert sum(fault.kind is Kind.AIM for fault in kills) * 3 >= len(kills) >= 60
    assert {fault.kind for fault in faults} == set(Kind)


def test_without_a_broker_of_its_own_nothing_is_planned_for_it() -> None:
    kinds = {fault.kind for fault in plan(60, broker=False, dice=Random(1))}
    assert kinds == set(Kind) - {Kind.KILL_BROKER, Kind.BLOCK}
