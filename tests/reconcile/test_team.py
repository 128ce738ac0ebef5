"""AgentTeam -> Agents -> Workers. `settle` reconciles until quiet and insists that a further round writes nothing."""

from dataclasses import replace

from aios.reconcile.conditions import holds
from aios.spec.base import Kind, Ref
from aios.spec.conditions import ConditionType, Reason
from aios.spec.team import AgentTeam
from tests.desired.building import config_map, member, model, ref, source, team
from tests.reconcile.laptop import Laptop

TEAM = ref(Kind.TEAM, "software")


async def status(laptop: Laptop) -> tuple[str, str, str]:
    found = await laptop.resources.get(TEAM)
    assert isinstance(found, AgentTeam)
    assert found.status.observed_generation == found.metadata.generation
    return found.status.ready, found.status.reason, found.status.agents


async def test_a_team_becomes_agents_workers_queues_and_a_bucket(laptop: Laptop) -> None:
    await laptop.apply(model(), team(member("a"), member("b", replicas=2)))
    await laptop.settle()
    assert [(agent.metadata.name, agent.spec.replicas) for agent in await laptop.agents()] == [
        ("software-a", 1),
        ("software-b", 2),
    ]
    assert {worker.agent: worker.replicas for worker in laptop.workloads.workers.values()} == {
        "software-a": 1,
        "software-b": 2,
    }
    queues = ["aios.default.engine", "aios.default.software.a", "aios.default.software.b"]
    assert sorted(await laptop.broker.queues()) == queues
    assert list(await laptop.buckets.buckets()) == ["aios-default"]
    assert await status(laptop) == ("True", "Reconciled", "2/2")


async def test_a_member_that_leaves_takes_agent_worker_and_queue_along(laptop: Laptop) -> None:
    await laptop.apply(model(), team(member("a"), member("b")))
    await laptop.settle()
    await laptop.apply(team(member("a")))
    await laptop.settle()
    assert [agent.metadata.name for agent in await laptop.agents()] == ["software-a"]
    assert [worker.agent for worker in laptop.workloads.workers.values()] == ["software-a"]
    assert sorted(await laptop.broker.queues()) == ["aios.default.engine", "aios.default.software.a"]


async def test_a_deleted_team_leaves_no_agent_worker_or_queue(laptop: Laptop) -> None:
    await laptop.apply(model(), team(member("a"), member("b")))
    await laptop.settle()
    await laptop.resources.delete(TEAM)
    await laptop.settle()
    assert await laptop.agents() == []
    assert laptop.workloads.workers == {}
    assert sorted(await laptop.broker.queues()) == ["aios.default.engine"]


async def test_a_deleted_team_leaves_its_queues_to_another_installation_that_has_it_too(laptop: Laptop) -> None:
    async def elsewhere(asked: Ref) -> bool:
        return asked == TEAM

    laptop.become(replace(laptop.world, elsewhere=elsewhere))
    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    await laptop.resources.delete(TEAM)
    await laptop.settle()
    assert laptop.workloads.workers == {}
    assert sorted(await laptop.broker.queues()) == ["aios.default.engine", "aios.default.software.a"]


async def test_a_missing_model_stalls_the_team_and_its_arrival_heals_it(laptop: Laptop) -> None:
    await laptop.apply(team(member(models=["gone"])))
    await laptop.settle()
    stalled = await laptop.condition(TEAM, ConditionType.STALLED)
    assert (stalled.status, stalled.reason) == ("True", Reason.MODEL_NOT_FOUND)
    assert 'no Model named "gone"' in stalled.message
    assert TEAM in laptop.reconciler.affected(ref(Kind.MODEL, "gone"))
    await laptop.apply(model("gone"))
    await laptop.settle()
    assert await status(laptop) == ("True", "Reconciled", "1/1")


async def test_a_broken_edit_keeps_the_agents_that_work(laptop: Laptop) -> None:
    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    running = dict(laptop.workloads.workers)
    await laptop.apply(team(member("a", models=["gone"])))
    await laptop.settle()
    assert await status(laptop) == ("False", "ModelNotFound", "0/1")
    assert laptop.workloads.workers == running
    agent = await laptop.agent("software-a")
    assert (agent.status.ready, agent.status.reason) == ("1/1", "ModelNotFound")


async def test_a_changed_prompt_in_a_config_map_wakes_the_agent_and_replaces_its_worker(laptop: Laptop) -> None:
    await laptop.apply(config_map(p="You write."), model(), team(member("a", prompt=None, promptFrom=source("p"))))
    await laptop.settle()
    before = next(iter(laptop.workloads.workers.values())).config.digest
    await laptop.apply(config_map(p="You write well."))
    woken = laptop.reconciler.affected(ref(Kind.CONFIG_MAP, "texts"))
    assert {str(key) for key in woken} == {"AgentTeam/default/software", "Agent/default/software-a"}
    for key in woken:
        await laptop.reconciler.reconcile(key)
    after = next(iter(laptop.workloads.workers.values())).config
    assert after.member.prompt == "You write well."
    assert after.digest != before
    assert laptop.reconciler.affected(ref(Kind.CONFIG_MAP, "unrelated")) == ()


async def test_two_teams_that_would_share_an_agent_do_not(laptop: Laptop) -> None:
    await laptop.apply(model(), team(member("b-c"), name="a"))
    await laptop.settle()
    await laptop.apply(team(member("c"), name="a-b"))
    await laptop.settle()
    assert (await laptop.agent("a-b-c")).spec.team == "a"
    second = await laptop.condition(Ref(Kind.TEAM, "default", "a-b"), ConditionType.STALLED)
    assert (second.status, second.reason) == ("True", Reason.INVALID_SPEC)
    assert 'belongs to team "a"' in second.message


async def test_events_are_told_when_the_verdict_changes_and_only_then(laptop: Laptop) -> None:
    await laptop.apply(team(member(models=["gone"])))
    await laptop.settle()
    await laptop.apply(model("gone"))
    await laptop.settle()
    told = [(event.type, event.reason, event.count) for event in await laptop.resources.events(TEAM)]
    assert told == [("Warning", "ModelNotFound", 1), ("Normal", "Reconciled", 1)]


async def test_a_team_that_just_comes_up_has_nothing_to_tell(laptop: Laptop) -> None:
    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    assert await status(laptop) == ("True", "Reconciled", "1/1")
    assert await laptop.resources.events(ref(Kind.MODEL, "local")) == []
    assert await laptop.resources.events(ref(Kind.AGENT, "software-a")) == []


async def test_transition_times_move_only_when_a_condition_flips(laptop: Laptop) -> None:
    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    before = await laptop.condition(TEAM)
    laptop.clock.advance(3600)
    await laptop.apply(team(member("a"), member("b")))
    await laptop.settle()
    found = await laptop.resources.get(TEAM)
    assert isinstance(found, AgentTeam)
    stalled = await laptop.condition(TEAM, ConditionType.STALLED)
    assert holds(found.status.conditions, ConditionType.READY)
    assert stalled.last_transition_time == before.last_transition_time
    assert stalled.observed_generation == found.metadata.generation
