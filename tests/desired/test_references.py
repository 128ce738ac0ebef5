"""What must be read to judge a resource."""

from aios.desired.references import agents_of, closure, references
from aios.spec.base import Kind, Ref, Resource
from tests.desired.building import config_map, member, model, project, ref, source, team


def test_a_team_names_its_models_and_prompts_once_each() -> None:
    crew = team(member("a", models=["x", "y"]), member("b", models=["x"], prompt=None, promptFrom=source("p")))
    assert references(crew) == (ref(Kind.MODEL, "x"), ref(Kind.MODEL, "y"), ref(Kind.CONFIG_MAP, "texts"))


def test_agents_are_named_by_team_and_member() -> None:
    assert agents_of(team(member("a"))) == (ref(Kind.AGENT, "software-a"),)


async def test_the_closure_follows_references_and_keeps_what_is_missing() -> None:
    scripted = model("local", script=None, scriptFrom=source("s"))
    there: dict[Ref, Resource] = {item.ref: item for item in (team(member(models=["local", "gone"])), scripted)}

    async def read(wanted: Ref) -> Resource | None:
        return there.get(wanted)

    found = await closure(project(), read)
    assert {str(key): value is not None for key, value in found.items()} == {
        "AgentTeam/default/software": True,
        "Model/default/local": True,
        "Model/default/gone": False,
        "ConfigMap/default/texts": False,
    }


def test_what_names_nothing_has_no_references() -> None:
    assert references(config_map(a="b")) == references(model()) == ()
