"""What `kubectl get agents` shows, and who decides about replicas."""

import pytest

from aios.ports.workloads import ObservedWorker
from aios.reconcile.activity import AgentActivity
from aios.spec.base import Kind
from aios.spec.conditions import ConditionType
from tests.desired.building import member, model, ref, team
from tests.reconcile.laptop import Laptop

AGENT = ref(Kind.AGENT, "software-a")


def trouble(reason: str, *, ready: int = 0, message: str = "") -> ObservedWorker:
    return ObservedWorker("default", "software-a", 1, ready, "", reason, message)


async def row(laptop: Laptop) -> tuple[str, str, str, str, int, int]:
    found = await laptop.agent("software-a")
    shown = found.status
    return shown.tier, shown.model, shown.phase, shown.ready, shown.busy, shown.done


async def test_the_columns_of_an_idle_and_of_a_working_agent(laptop: Laptop) -> None:
    await laptop.apply(model(), model("strong"), team(member("a", replicas=2, models=["local", "strong"])))
    await laptop.settle()
    assert await row(laptop) == ("Execution", "local,strong", "Idle", "2/2", 0, 0)
    laptop.activities["software-a"] = AgentActivity(busy=1, done=3, tokens=1200)
    await laptop.settle()
    assert await row(laptop) == ("Execution", "local,strong", "Working", "2/2", 1, 3)
    found = await laptop.agent("software-a")
    assert found.status.tokens == 1200
    assert found.status.replicas == 2
    assert "aios.dev/member=a" in found.status.selector


async def test_activity_is_looked_at_again_as_long_as_somebody_may_be_working(laptop: Laptop) -> None:
    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    assert await laptop.reconciler.reconcile(AGENT) == laptop.world.activity_seconds
    await laptop.resources.scale(AGENT, 0)
    assert await laptop.reconciler.reconcile(AGENT) is None


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("ImagePullBackOff", "ImagePullBackOff"),
        ("ErrImagePull", "ImagePullBackOff"),
        ("CrashLoopBackOff", "CrashLoopBackOff"),
        ("Unschedulable", "Unschedulable"),
        ("FailedCreate", "WorkersNotReady"),
    ],
)
async def test_why_replicas_are_not_ready_surfaces_and_heals(laptop: Laptop, reason: str, shown: str) -> None:
    laptop.workloads.trouble["software-a"] = trouble(reason, message="exceeded quota: none")
    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    judged = await laptop.condition(AGENT)
    assert (judged.status, judged.reason) == ("False", shown)
    assert judged.message == f"{reason}: exceeded quota: none"
    assert (await laptop.agent("software-a")).status.phase == "Degraded"
    assert "software-a: " + shown in (await laptop.condition(ref(Kind.TEAM, "software"))).message
    del laptop.workloads.trouble["software-a"]
    await laptop.settle()
    assert (await laptop.condition(AGENT)).status == "True"


async def test_trouble_is_told_as_a_warning_and_its_end_as_news(laptop: Laptop) -> None:
    laptop.workloads.trouble["software-a"] = trouble("ImagePullBackOff")
    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    del laptop.workloads.trouble["software-a"]
    await laptop.settle()
    told = [(event.type, event.reason) for event in await laptop.resources.events(AGENT)]
    assert told == [("Warning", "ImagePullBackOff"), ("Normal", "Reconciled")]


async def test_a_new_agents_first_status_waits_until_somebody_took_its_worker_up(laptop: Laptop) -> None:
    laptop.workloads.is_slow = True
    await laptop.apply(model(), team(member("a")))
    await laptop.reconciler.reconcile(ref(Kind.TEAM, "software"))
    for _ in range(2):
        await laptop.reconciler.reconcile(AGENT)
    assert (await laptop.agent("software-a")).status.conditions == ()
    laptop.workloads.is_slow = False
    await laptop.settle()
    assert (await laptop.condition(AGENT)).status == "True"


async def test_the_first_status_does_not_wait_for_ever(laptop: Laptop) -> None:
    laptop.workloads.is_slow = True
    await laptop.apply(model(), team(member("a")))
    await laptop.reconciler.reconcile(ref(Kind.TEAM, "software"))
    left = await laptop.reconciler.reconcile(AGENT)
    assert left == 30
    laptop.clock.advance(left)
    await laptop.reconciler.reconcile(AGENT)
    assert (await laptop.condition(AGENT)).reason == "Progressing"
    assert (await laptop.agent("software-a")).status.phase == "Starting"


async def test_starting_replicas_are_no_trouble(laptop: Laptop) -> None:
    laptop.workloads.trouble["software-a"] = trouble("")
    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    assert await row(laptop) == ("Execution", "local", "Starting", "0/1", 0, 0)
    assert (await laptop.condition(AGENT, ConditionType.RECONCILING)).status == "True"


async def test_kubectl_scale_survives_ten_reconciles_and_a_changed_team(laptop: Laptop) -> None:
    await laptop.apply(model(), team(member("a", replicas=2)))
    await laptop.settle()
    await laptop.resources.scale(AGENT, 5)
    for _ in range(10):
        await laptop.settle()
    await laptop.apply(team(member("a", replicas=3)))
    await laptop.settle()
    assert (await laptop.agent("software-a")).spec.replicas == 5
    assert laptop.workloads.workers[AGENT].replicas == 5


async def test_the_teams_replicas_are_followed_while_nobody_else_scaled(laptop: Laptop) -> None:
    await laptop.apply(model(), team(member("a", replicas=2)))
    await laptop.settle()
    await laptop.apply(team(member("a", replicas=3)))
    await laptop.settle()
    assert laptop.workloads.workers[AGENT].replicas == 3


async def test_scaled_to_zero_is_ready_and_stopped(laptop: Laptop) -> None:
    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    await laptop.resources.scale(AGENT, 0)
    await laptop.settle()
    judged = await laptop.condition(AGENT)
    assert (judged.status, judged.reason) == ("True", "ScaledToZero")
    assert (await laptop.agent("software-a")).status.phase == "Stopped"


async def test_a_broken_script_stalls_the_agent_that_would_play_it(laptop: Laptop) -> None:
    scripted = model("local", script=None, scriptFrom={"configMapKeyRef": {"name": "texts", "key": "s"}})
    await laptop.apply(scripted, team(member("a")))
    await laptop.settle()
    judged = await laptop.condition(AGENT, ConditionType.STALLED)
    assert (judged.status, judged.reason) == ("True", "ConfigMapKeyNotFound")
    assert laptop.workloads.workers == {}
