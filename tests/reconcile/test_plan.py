"""`aios plan`: what applying would change; after applying, nothing."""

from aios.desired.changes import Action, Change
from aios.naming import ANNOTATION_SOURCE
from aios.ports.resources import AnyResource
from aios.reconcile.plan import plan
from aios.spec.base import Kind, Secret
from aios.spec.catalogue import Catalogue, Declared
from aios.spec.model import Model
from tests.desired.building import PRICES, member, model, project, ref, team
from tests.reconcile.laptop import Laptop

DECLARED = (
    model("strong", locality="Cloud", prices=PRICES),
    model("local"),
    team(*(member(name, replicas=2 if name == "b" else 1) for name in "abcd")),
    project(),
)


async def planned(laptop: Laptop, *declared: Declared, source: str | None = None) -> tuple[Change, ...]:
    return (await plan(Catalogue(declared), laptop.resources, laptop.workloads, source=source)).changes


def sourced(item: AnyResource, source: str) -> AnyResource:
    metadata = item.metadata.model_copy(update={"annotations": {ANNOTATION_SOURCE: source}})
    return item.model_copy(update={"metadata": metadata})


async def test_a_first_plan_is_the_line_of_the_readme_and_writes_nothing(laptop: Laptop) -> None:
    before = await laptop.written()
    found = await plan(Catalogue(DECLARED), laptop.resources, laptop.workloads)
    assert found.summary() == "+ 2 models  + 1 team  + 4 agents (5 workers)  + 1 project"
    assert await laptop.written() == before


async def test_after_applying_a_second_plan_is_empty(laptop: Laptop) -> None:
    await laptop.apply(*DECLARED)
    await laptop.settle()
    assert await planned(laptop, *DECLARED) == ()


async def test_a_changed_field_is_told_with_before_and_after_and_what_follows_from_it(laptop: Laptop) -> None:
    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    changes = await planned(laptop, model(capability=7), team(member("a", replicas=3)))
    told = {change.subject: {field.path: (field.before, field.after) for field in change.fields} for change in changes}
    assert told["Model/default/local"] == {"spec.capability": (5, 7)}
    assert told["AgentTeam/default/software"] == {"spec.members[a].replicas": (1, 3)}
    assert told["Agent/default/software-a"] == {"spec.replicas": (1, 3)}
    assert told["Worker/default/software-a"]["replicas"] == (1, 3)
    assert "config" in told["Worker/default/software-a"]


async def test_what_somebody_scaled_is_not_planned_back(laptop: Laptop) -> None:
    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    await laptop.resources.scale(ref(Kind.AGENT, "software-a"), 4)
    await laptop.settle()
    assert await planned(laptop, model(), team(member("a"))) == ()


async def test_a_member_that_left_is_deleted_with_its_workers(laptop: Laptop) -> None:
    await laptop.apply(model(), team(member("a"), member("b", replicas=2)))
    await laptop.settle()
    changes = await planned(laptop, model(), team(member("a")))
    deleted = [change.subject for change in changes if change.action is Action.DELETE]
    assert deleted == ["Worker/default/software-b", "Agent/default/software-b"]


async def test_what_disappeared_from_its_source_is_deleted_and_other_sources_are_left_alone(laptop: Laptop) -> None:
    mine = [sourced(item, "here") for item in (model(), model("old"), team(member("a")))]
    await laptop.apply(*mine, sourced(model("theirs"), "elsewhere"), model("by-hand"))
    await laptop.settle()
    changes = await planned(laptop, model(), source="here")
    assert [change.subject for change in changes if change.action is Action.DELETE] == [
        "Worker/default/software-a",
        "Agent/default/software-a",
        "AgentTeam/default/software",
        "Model/default/old",
    ]
    assert await planned(laptop, model()) == ()


async def test_a_secrets_values_are_never_shown(laptop: Laptop) -> None:
    def secret(value: str) -> Secret:
        return Secret.model_validate({"metadata": {"name": "s"}, "stringData": {"key": value}})

    await laptop.apply(secret("hunter2"))
    assert await planned(laptop, secret("hunter2")) == ()
    (change,) = await planned(laptop, secret("swordfish"))
    assert [field.path for field in change.fields] == ["data.key"]
    assert "hunter2" not in repr(change)
    assert "swordfish" not in repr(change)


async def test_a_default_that_is_stated_is_no_change(laptop: Laptop) -> None:
    await laptop.apply(model())
    stated = Model.model_validate(model(capability=5).model_dump(by_alias=True))
    assert await planned(laptop, stated) == ()
