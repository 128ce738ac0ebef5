"""Routing: filters before ranking, a set has no order, every candidate gets a reason."""

import random
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aios.routing.candidates import Candidate, Need, NoRoute, Route
from aios.routing.choose import choose, expected_price
from aios.routing.objections import objection
from aios.spec.vocabulary import Locality, Privacy, Routing, Tier, Tool
from tests.routing.strategies import crew, needs

DEVELOPER = Candidate(
    member="developer",
    tier=Tier.EXECUTION,
    member_clearance=Privacy.INTERNAL,
    tools=frozenset({Tool.FILES}),
    allow=frozenset({"python3"}),
    routing=Routing.CHEAPEST,
    seat=1,
    model="local",
    position=0,
    locality=Locality.LOCAL,
    model_clearance=Privacy.RESTRICTED,
    capability=5,
    input_price=Decimal(0),
    output_price=Decimal(0),
)
STRONG = replace(
    DEVELOPER,
    model="strong",
    position=1,
    locality=Locality.CLOUD,
    model_clearance=Privacy.INTERNAL,
    capability=9,
    input_price=Decimal(3),
    output_price=Decimal(15),
)
WRITER = replace(
    DEVELOPER, member="writer", tier=Tier.SUPPORT, member_clearance=Privacy.RESTRICTED, allow=frozenset[str](), seat=2
)
TEAM = (DEVELOPER, STRONG, WRITER)
NEED = Need(Privacy.INTERNAL, 5)


def route(need: Need, candidates: tuple[Candidate, ...] = TEAM) -> Route:
    decision = choose(need, candidates)
    assert isinstance(decision, Route), decision
    return decision


def no_route(need: Need, candidates: tuple[Candidate, ...] = TEAM) -> NoRoute:
    decision = choose(need, candidates)
    assert isinstance(decision, NoRoute), decision
    return decision


@given(crew(), needs)
def test_restricted_task_never_gets_a_cloud_model(candidates: tuple[Candidate, ...], need: Need) -> None:
    decision = choose(replace(need, privacy=Privacy.RESTRICTED), candidates)
    if isinstance(decision, Route):
        chosen = next(one for one in candidates if (one.member, one.model) == (decision.member, decision.model))
        assert chosen.locality is Locality.LOCAL
        assert chosen.member_clearance is Privacy.RESTRICTED
        assert chosen.model_clearance is Privacy.RESTRICTED


@given(crew(), needs, st.randoms())
def test_the_order_in_which_candidates_are_listed_means_nothing(
    candidates: tuple[Candidate, ...], need: Need, chance: random.Random
) -> None:
    shuffled = list(candidates)
    chance.shuffle(shuffled)
    assert choose(need, shuffled) == choose(need, candidates)


@given(crew(), needs)
def test_a_forbidden_candidate_changes_nothing_for_the_others(candidates: tuple[Candidate, ...], need: Need) -> None:
    everyone = choose(need, candidates)
    allowed = choose(need, [one for one in candidates if not objection(need, one)])
    if isinstance(everyone, Route):
        assert isinstance(allowed, Route)
        assert (everyone.member, everyone.model, everyone.reason) == (allowed.member, allowed.model, allowed.reason)
    else:
        assert isinstance(allowed, NoRoute)


@given(crew(), needs)
def test_every_candidate_is_chosen_or_rejected_with_a_reason(candidates: tuple[Candidate, ...], need: Need) -> None:
    decision = choose(need, candidates)
    named = [(one.member, one.model) for one in decision.rejected]
    if isinstance(decision, Route):
        named.append((decision.member, decision.model))
    assert sorted(named) == sorted((one.member, one.model) for one in candidates)
    assert all(one.reason for one in decision.rejected)
    assert decision.reason


@given(crew(), needs)
def test_nobody_waits_while_somebody_is_permitted(candidates: tuple[Candidate, ...], need: Need) -> None:
    permitted = any(not objection(need, one) for one in candidates)
    assert isinstance(choose(need, candidates), Route) == permitted


@given(crew(), needs)
def test_among_cheapest_members_nobody_permitted_is_cheaper(candidates: tuple[Candidate, ...], need: Need) -> None:
    crowd = tuple(replace(one, routing=Routing.CHEAPEST) for one in candidates)
    need = replace(need, above_capability=0)
    decision = choose(need, crowd)
    if isinstance(decision, Route):
        prices = {(one.member, one.model): expected_price(one) for one in crowd if not objection(need, one)}
        assert prices[decision.member, decision.model] == min(prices.values())


def test_the_cheapest_capable_one_wins_and_the_dearer_one_says_so() -> None:
    chosen = route(NEED)
    assert (chosen.member, chosen.model) == ("developer", "local")
    assert chosen.reason == "free, capability 5 >= 5, cleared"
    assert "permitted, dearer: $3.00/$15.00" in [one.sentence for one in chosen.rejected]


def test_a_hard_task_goes_to_the_dear_model() -> None:
    assert route(replace(NEED, complexity=8)).model == "strong"


def test_members_may_insist_on_their_order() -> None:
    in_order = tuple(replace(one, routing=Routing.IN_ORDER, position=1 - one.position) for one in (DEVELOPER, STRONG))
    chosen = route(NEED, in_order)
    assert chosen.model == "strong"
    assert chosen.rejected[0].reason == "later in the order of developer"


def test_prices_are_compared_at_three_tokens_read_for_each_written() -> None:
    assert expected_price(STRONG) == Decimal("6.00")


def test_a_failed_check_goes_above_the_model_that_failed() -> None:
    chosen = route(replace(NEED, above_capability=5))
    assert chosen.model == "strong"
    assert "above 5, which failed" in chosen.reason


def test_when_nobody_is_above_the_best_permitted_tries_again() -> None:
    assert route(replace(NEED, above_capability=9)).model == "strong"
    assert route(replace(NEED, above_capability=9, privacy=Privacy.RESTRICTED, complexity=3)).member == "writer"


def test_who_gave_no_usable_answer_is_asked_again_only_when_nobody_else_may() -> None:
    other = replace(STRONG, model="second", position=2, capability=8)
    declined = replace(NEED, above_capability=9, unusable=frozenset({"strong"}))
    chosen = route(declined, (*TEAM, other))
    assert chosen.model == "second", "the most capable of those that were not asked"
    assert [one.reason for one in chosen.rejected if one.model == "strong"] == ["gave no usable answer already"]
    twin = replace(STRONG, model="twin", position=2, input_price=Decimal(30))
    assert route(declined, (STRONG, twin)).model == "twin", "dearer, and of the same capability"
    assert route(declined, (STRONG,)).model == "strong"
    assert route(replace(declined, unusable=frozenset({"strong", "second"})), (STRONG, other)).model == "strong"


def test_equal_prices_are_settled_by_the_tier_that_fits() -> None:
    assert route(replace(NEED, complexity=3)).member == "writer"
    assert route(replace(NEED, complexity=5)).member == "developer"


@pytest.mark.parametrize(
    ("need", "says"),
    [
        (Need(Privacy.RESTRICTED, 5, member="developer"), "give a member with only Local models clearance Restricted"),
        (Need(Privacy.INTERNAL, 10), "the best permitted model of any member is strong with 9"),
        (Need(Privacy.INTERNAL, 5, commands=frozenset({"make"})), "needs make in run.allow"),
        (Need(Privacy.INTERNAL, 5, tools=frozenset({Tool.MEMORY})), "needs Memory in tools"),
        (Need(Privacy.INTERNAL, 5, member="zoe"), "the team has no member zoe"),
        (Need(Privacy.INTERNAL, 5, tier=Tier.STRATEGIC), "the team has no tier Strategic"),
    ],
)
def test_when_nobody_may_or_can_the_reason_says_what_to_change(need: Need, says: str) -> None:
    assert says in no_route(need).reason


def test_a_member_that_is_scaled_to_zero_is_left_out() -> None:
    gone = tuple(replace(one, healthy=False) for one in TEAM)
    assert "scale it up" in no_route(NEED, gone).reason
    assert route(NEED, (*gone[:2], WRITER)).member == "writer"


def test_an_empty_team_says_that_it_is_empty() -> None:
    assert "no member with an existing model" in no_route(NEED, ()).reason


def test_a_complexity_by_default_keeps_nobody_waiting() -> None:
    wish = replace(NEED, complexity=8, by_default=True, member="developer")
    assert isinstance(choose(replace(wish, by_default=False), (DEVELOPER,)), NoRoute)
    assert route(wish, (DEVELOPER,)).reason == "free, capability 5 < 8 but the best there is, cleared"
    assert route(wish).model == "strong"


def test_a_complexity_by_default_waits_for_who_could_but_is_not_there_now() -> None:
    wish = replace(NEED, complexity=8, by_default=True)
    assert "no replica" in no_route(wish, (DEVELOPER, replace(STRONG, healthy=False))).reason


@given(crew(), needs)
def test_a_complexity_by_default_never_outweighs_privacy_or_equipment(
    candidates: tuple[Candidate, ...], need: Need
) -> None:
    decision = choose(replace(need, by_default=True), candidates)
    if isinstance(decision, Route):
        chosen = next(one for one in candidates if (one.member, one.model) == (decision.member, decision.model))
        assert objection(replace(need, complexity=1), chosen) == ""
