"""Random candidates and needs for the routing properties."""

from decimal import Decimal

from hypothesis import strategies as st

from aios.routing.candidates import Candidate, Need
from aios.spec.vocabulary import Locality, Privacy, Routing, Tier, Tool

MEMBERS = ("ann", "bob", "cleo", "dan")
MODELS = ("giant", "local", "small", "tiny")
COMMANDS = ("python3", "make")


@st.composite
def crew(draw: st.DrawFn) -> tuple[Candidate, ...]:
    """A team as `build_candidates` makes it: a model is the same for every member, a member for all its models."""
    models = {
        name: {
            "locality": draw(st.sampled_from(Locality)),
            "model_clearance": draw(st.sampled_from(Privacy)),
            "capability": draw(st.integers(1, 10)),
            "input_price": Decimal(draw(st.integers(0, 30))) / 10,
            "output_price": Decimal(draw(st.integers(0, 30))) / 10,
        }
        for name in MODELS
    }
    candidates: list[Candidate] = []
    for seat, member in enumerate(draw(st.lists(st.sampled_from(MEMBERS), max_size=4, unique=True))):
        tier, clearance = draw(st.sampled_from(Tier)), draw(st.sampled_from(Privacy))
        tools = draw(st.frozensets(st.sampled_from(Tool)))
        allow = draw(st.frozensets(st.sampled_from(COMMANDS)))
        routing, healthy = draw(st.sampled_from(Routing)), draw(st.sampled_from([True, True, True, False]))
        for position, model in enumerate(draw(st.lists(st.sampled_from(MODELS), min_size=1, unique=True))):
            candidates.append(
                Candidate(
                    member=member,
                    tier=tier,
                    member_clearance=clearance,
                    tools=tools,
                    allow=allow,
                    routing=routing,
                    seat=seat,
                    model=model,
                    position=position,
                    healthy=healthy,
                    **models[model],
                )
            )
    return tuple(candidates)


needs = st.builds(
    Need,
    privacy=st.sampled_from(Privacy),
    complexity=st.integers(1, 10),
    tools=st.frozensets(st.sampled_from(Tool), max_size=1),
    commands=st.frozensets(st.sampled_from(COMMANDS), max_size=1),
    member=st.one_of(st.none(), st.none(), st.sampled_from(MEMBERS)),
    tier=st.one_of(st.none(), st.none(), st.sampled_from(Tier)),
    above_capability=st.sampled_from([0, 0, 3, 7, 10]),
)
