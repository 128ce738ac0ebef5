"""Who does a task, with which model. First everyone who may not or cannot is out, then the rest are ranked.

A pure function of a set: the order in which candidates are listed means nothing, and adding one that is forbidden
changes nothing but the list of rejections.
"""

from collections.abc import Iterable
from decimal import Decimal

from aios.routing.candidates import Candidate, Need, NoRoute, Rejected, Route
from aios.routing.objections import advice, objection, within_reach
from aios.spec.vocabulary import Routing

INPUT_SHARE = Decimal("0.75")
"""Agents read about three tokens for each they write: transcripts grow with every step, replies do not. One nominal
mix for all makes prices comparable before anyone knows what a task will use."""


def expected_price(candidate: Candidate) -> Decimal:
    """USD per million tokens at the nominal mix of 3 input : 1 output."""
    return candidate.input_price * INPUT_SHARE + candidate.output_price * (1 - INPUT_SHARE)


def choose(need: Need, candidates: Iterable[Candidate]) -> Route | NoRoute:
    """The best of those that privacy, capability, tools, address and health leave; else why there is none.

    Each permitted member brings its own best model (Cheapest: the lowest expected price; InOrder: the first listed),
    then members are compared by expected price, fit of tier, seat and name. With `above_capability` only models above
    it are compared; when nobody permitted is above, the most capable of the permitted. Models that are `unusable` for
    the task are compared only when nobody else is permitted. A complexity by default is
    lowered to the best there is, whether that is healthy now or not: a demand nobody made keeps nobody waiting.
    """
    everyone = tuple(sorted(candidates, key=lambda candidate: (candidate.seat, candidate.position, _name(candidate))))
    wanted, need = need.complexity, within_reach(need, everyone)
    said = {candidate: objection(need, candidate) for candidate in everyone}
    permitted = tuple(candidate for candidate in everyone if not said[candidate])
    if not permitted:
        refused = (Rejected(one.member, one.model, said[one], forbidden=True) for one in everyone)
        return NoRoute(advice(need, everyone), tuple(refused))
    pool = _escalated(need, permitted)
    best = min(_favourites(pool), key=lambda candidate: _rank(need, candidate))
    rejected = tuple(
        Rejected(one.member, one.model, said[one] or _compared(need, one, best, pool), forbidden=bool(said[one]))
        for one in everyone
        if one != best
    )
    return Route(best.member, best.model, _praise(need, best, wanted), rejected)


def _escalated(need: Need, permitted: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    answering = tuple(candidate for candidate in permitted if candidate.model not in need.unusable) or permitted
    if not need.above_capability:
        return answering
    above = tuple(candidate for candidate in answering if candidate.capability > need.above_capability)
    top = max(candidate.capability for candidate in answering)
    return above or tuple(candidate for candidate in answering if candidate.capability == top)


def _favourites(pool: tuple[Candidate, ...]) -> Iterable[Candidate]:
    """Each member's own choice among its models."""
    for member in sorted({candidate.member for candidate in pool}):
        yield min((candidate for candidate in pool if candidate.member == member), key=_own_order)


def _own_order(candidate: Candidate) -> tuple[Decimal, int, str]:
    price = Decimal(0) if candidate.routing is Routing.IN_ORDER else expected_price(candidate)
    return (price, candidate.position, candidate.model)


def _rank(need: Need, candidate: Candidate) -> tuple[Decimal, int, int, str]:
    fit = abs(candidate.tier.default_complexity - need.complexity)
    return (expected_price(candidate), fit, candidate.seat, _name(candidate))


def _name(candidate: Candidate) -> str:
    return f"{candidate.member}/{candidate.model}"


def _dollars(candidate: Candidate) -> str:
    return "/".join(f"${_cents(price)}" for price in (candidate.input_price, candidate.output_price))


def _cents(price: Decimal) -> str:
    """At least two decimals, and as many as were stated: 3 is 3.00, 0.075 stays 0.075."""
    whole, _, decimals = f"{price:f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def _praise(need: Need, best: Candidate, wanted: int) -> str:
    price = "free" if expected_price(best) == 0 else _dollars(best)
    if need.complexity < wanted:
        return f"{price}, capability {best.capability} < {wanted} but the best there is, cleared"
    escalated = f" (above {need.above_capability}, which failed)" if best.capability > need.above_capability > 0 else ""
    return f"{price}, capability {best.capability} >= {need.complexity}{escalated}, cleared"


def _compared(need: Need, other: Candidate, best: Candidate, pool: tuple[Candidate, ...]) -> str:
    """Why a permitted candidate was not the one."""
    if other not in pool and other.model in need.unusable:
        return "gave no usable answer already"
    if other not in pool:
        return f"not above capability {need.above_capability}, which failed already"
    if other.member == best.member and other.routing is Routing.IN_ORDER:
        return f"later in the order of {other.member}"
    if expected_price(other) > expected_price(best):
        return f"dearer: {_dollars(other)}"
    if expected_price(other) < expected_price(best):
        return f"later in the order of {other.member}"
    return f"as good, but {best.member}/{best.model} comes first by tier and seat"
