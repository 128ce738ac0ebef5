"""Sharing a bounded number of attempts between runs, so that a project of a hundred tasks starves no small one."""

from collections.abc import Mapping


def fair_shares(demands: Mapping[str, int], room: int, *, after: str = "") -> Mapping[str, int]:
    """How many attempts each run may start: one each in turn, by name, beginning after the run `after`, until `room`
    is used up or every demand is met. Runs that get nothing are not listed."""
    names = sorted(name for name, wanted in demands.items() if wanted > 0)
    turn = [name for name in names if name > after] + [name for name in names if name <= after]
    shares: dict[str, int] = {}
    while turn and room > 0:
        for name in turn[:room]:
            shares[name] = shares.get(name, 0) + 1
        room -= len(turn[:room])
        turn = [name for name in turn if shares.get(name, 0) < demands[name]]
    return shares
