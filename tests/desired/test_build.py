"""What a team needs, from what the user wrote."""

import pytest

from aios.desired.build import build_agents, build_buckets, build_queues, build_workers, worker_config
from aios.spec.catalogue import UnresolvedError
from aios.spec.conditions import Reason
from aios.spec.model import ScriptRule
from tests.desired.building import config_map, lookup, member, model, source, team


def test_each_member_becomes_an_agent_owned_by_its_team() -> None:
    agents = build_agents(team(member("architect", tier="Strategic"), member("developer", replicas=3)))
    assert [(agent.metadata.name, agent.spec.replicas) for agent in agents] == [
        ("software-architect", 1),
        ("software-developer", 3),
    ]
    owner = agents[0].metadata.owner_references[0]
    assert (owner.kind, owner.name, owner.uid, owner.controller) == ("AgentTeam", "software", "uid-1", True)
    assert agents[0].metadata.labels["aios.dev/tier"] == "Strategic"


def test_prompt_and_script_are_resolved_into_the_worker_configuration() -> None:
    texts = config_map(prompt="You write.", script="- reply: hello")
    scripted = model("local", script=None, scriptFrom=source("script"))
    crew = team(member(prompt=None, promptFrom=source("prompt")))
    config = worker_config(crew, crew.spec.members[0], lookup(texts, scripted))
    assert (config.member.prompt, config.member.prompt_from) == ("You write.", None)
    assert config.models[0].spec.script == (ScriptRule(reply="hello"),)
    assert config.models[0].spec.script_from is None


def test_what_is_missing_is_named() -> None:
    crew = team(member(prompt=None, promptFrom=source("prompt")))
    with pytest.raises(UnresolvedError, match='"texts"') as found:
        worker_config(crew, crew.spec.members[0], lookup(model()))
    assert found.value.reason is Reason.CONFIG_MAP_KEY_NOT_FOUND
    crew = team(member(models=["nobody"]))
    with pytest.raises(UnresolvedError, match='no Model named "nobody"') as found:
        worker_config(crew, crew.spec.members[0], lookup())
    assert found.value.reason is Reason.MODEL_NOT_FOUND


def test_replicas_are_the_teams_unless_somebody_scaled() -> None:
    crew = team(member("a", replicas=2), member("b", replicas=2))
    workers = build_workers(crew, lookup(model()), {"software-b": 7})
    assert [(worker.agent, worker.replicas) for worker in workers] == [("software-a", 2), ("software-b", 7)]


def test_replicas_are_no_reason_to_replace_workers_but_a_prompt_is() -> None:
    digests = [
        build_workers(team(member(**fields)), lookup(model()))[0].config.digest
        for fields in ({}, {"replicas": 5}, {"prompt": "Work harder."})
    ]
    assert digests[0] == digests[1] != digests[2]


def test_queues_and_bucket_are_named_by_namespace_and_team() -> None:
    crew = team(member("a"), member("b"))
    assert [queue.name for queue in build_queues(crew)] == ["aios.default.software.a", "aios.default.software.b"]
    assert [bucket.name for bucket in build_buckets(crew)] == ["aios-default"]
