"""A service that is away or refuses: the object that waits for it says so, whoever looks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import pytest

from aios.embedded.resources import SqliteResources
from aios.errors import (
    AiosError,
    CredentialsRefusedError,
    EnvironmentProblemError,
    NotFoundError,
    ServiceUnavailableError,
)
from aios.ports.broker import BrokerAdmin
from aios.ports.resources import AnyResource, AnyStatus, Resources
from aios.ports.workloads import Workloads
from aios.reconcile.activity import AgentActivity
from aios.reconcile.outages import REWORDED_AFTER
from aios.reconcile.reconciler import Reconciler
from aios.routing.build import build_candidates
from aios.spec.base import ConfigMap, Kind, ObjectMeta, Ref
from aios.spec.conditions import ConditionType, Reason
from aios.spec.model import Model
from aios.spec.project import Project, RunStatus
from aios.spec.team import AgentTeam
from aios.spec.vocabulary import ProjectPhase
from tests.desired.building import member, model, project, ref, source, team
from tests.reconcile.laptop import Laptop

TEAM, PROJECT, MODEL = ref(Kind.TEAM, "software"), ref(Kind.PROJECT, "word-count"), ref(Kind.MODEL, "local")
AGENT = ref(Kind.AGENT, "software-a")
REFUSED = "RabbitMQ at broker:5672 refuses the user, password or vhost in AIOS_BROKER_URL: correct them"


@dataclass
class Faulty:
    """Stands before a port and fails where the test says so."""

    port: object
    method: str = ""
    error: AiosError | None = None

    def __getattr__(self, name: str) -> object:
        if self.error is not None and name == self.method:
            raise self.error
        return getattr(self.port, name)

    def fails(self, method: str, error: AiosError | None) -> None:
        self.method, self.error = method, error


@dataclass
class WithoutConfigMaps:
    """A store that the operator may read but for ConfigMaps."""

    real: SqliteResources

    async def get(self, wanted: Ref) -> AnyResource | None:
        if wanted.kind is Kind.CONFIG_MAP:
            raise EnvironmentProblemError("configmaps is forbidden")
        return await self.real.get(wanted)

    async def write_status(self, about: Ref, status: AnyStatus) -> bool:
        return await self.real.write_status(about, status)


@pytest.fixture
def broker(laptop: Laptop) -> Iterator[Faulty]:
    made = Faulty(laptop.broker)
    laptop.become(replace(laptop.world, broker_admin=cast("BrokerAdmin", made)))
    yield made
    made.fails("", None)


async def fails(laptop: Laptop, key: Ref, times: int = 2) -> None:
    for _ in range(times):
        with pytest.raises(AiosError):
            await laptop.reconciler.reconcile(key)


async def found_team(laptop: Laptop) -> AgentTeam:
    found = await laptop.resources.get(TEAM)
    assert isinstance(found, AgentTeam)
    return found


async def version(laptop: Laptop, key: Ref) -> str:
    found = await laptop.resources.get(key)
    assert found is not None
    return found.metadata.resource_version


async def test_a_wrong_password_at_the_first_install_is_told_by_the_team(laptop: Laptop, broker: Faulty) -> None:
    broker.fails("ensure_queue", CredentialsRefusedError(REFUSED))
    await laptop.apply(model(), team(member("a")), project())
    await fails(laptop, TEAM)
    judged = await laptop.condition(TEAM)
    assert (judged.status, judged.reason, judged.message) == ("False", Reason.SERVICE_UNAVAILABLE, REFUSED)
    assert (await laptop.condition(TEAM, ConditionType.RECONCILING)).status == "True"
    assert (await laptop.condition(TEAM, ConditionType.STALLED)).status == "False"
    shown = (await found_team(laptop)).status
    assert (shown.ready, shown.reason) == ("False", "ServiceUnavailable")
    told = [(event.type, event.reason, event.message) for event in await laptop.resources.events(TEAM)]
    assert told == [("Warning", "ServiceUnavailable", REFUSED)]
    await laptop.reconciler.reconcile(PROJECT)
    assert (await laptop.condition(PROJECT)).message == "AgentTeam/default/software: ServiceUnavailable"


async def test_the_next_success_replaces_what_was_told(laptop: Laptop, broker: Faulty) -> None:
    broker.fails("ensure_queue", CredentialsRefusedError(REFUSED))
    await laptop.apply(model(), team(member("a")))
    await fails(laptop, TEAM)
    broker.fails("", None)
    await laptop.settle()
    shown = (await found_team(laptop)).status
    assert (shown.ready, shown.reason, shown.agents) == ("True", "Reconciled", "1/1")


async def test_what_stood_in_the_status_stays_but_for_the_conditions(laptop: Laptop, broker: Faulty) -> None:
    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    before = (await found_team(laptop)).status
    broker.fails("ensure_queue", ServiceUnavailableError("RabbitMQ at broker:5672 did not answer in time"))
    await fails(laptop, TEAM)
    after = (await found_team(laptop)).status
    assert (after.ready, after.agents) == ("False", "1/1")
    same = {"conditions": before.conditions, "ready": before.ready, "reason": before.reason}
    assert after.model_copy(update=same) == before


async def test_one_failure_is_no_outage_for_two_may_write_at_the_same_time(laptop: Laptop, broker: Faulty) -> None:
    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    before = await version(laptop, TEAM)
    for _ in range(3):
        broker.fails("ensure_queue", ServiceUnavailableError("the object has been modified"))
        await fails(laptop, TEAM, times=1)
        broker.fails("", None)
        await laptop.reconciler.reconcile(TEAM)
    assert await version(laptop, TEAM) == before


async def test_the_same_failure_is_written_once(laptop: Laptop, broker: Faulty) -> None:
    broker.fails("ensure_queue", CredentialsRefusedError(REFUSED))
    await laptop.apply(model(), team(member("a")))
    await fails(laptop, TEAM)
    before = await version(laptop, TEAM)
    laptop.clock.advance(3600)
    await fails(laptop, TEAM)
    assert await version(laptop, TEAM) == before


async def test_a_failure_that_is_worded_anew_each_time_does_not_wake_its_object_each_time(
    laptop: Laptop, broker: Faulty
) -> None:
    await laptop.apply(model(), team(member("a")))
    written = set[str]()
    for number in range(10):
        broker.fails("ensure_queue", ServiceUnavailableError(f"request {number} failed"))
        await fails(laptop, TEAM, times=1)
        written.add((await laptop.resources.get(TEAM) or team()).metadata.resource_version)
    assert len(written) == 2, "as it was applied, and told once"
    laptop.clock.advance(REWORDED_AFTER)
    await fails(laptop, TEAM, times=1)
    assert (await laptop.condition(TEAM)).message == "request 9 failed"


async def test_what_comes_and_goes_is_told_once_a_while(laptop: Laptop, broker: Faulty) -> None:
    await laptop.apply(model(), team(member("a")))
    told = 0
    for _ in range(5):
        broker.fails("ensure_queue", CredentialsRefusedError(REFUSED))
        before = await version(laptop, TEAM)
        await fails(laptop, TEAM, times=3)
        told += await version(laptop, TEAM) != before
        broker.fails("", None)
        await laptop.reconciler.reconcile(TEAM)
    assert told == 1


async def test_a_team_that_was_found_wrong_is_not_usable_for_being_unavailable(laptop: Laptop, broker: Faulty) -> None:
    """What was wrong with it may be mended while the broker is away: then it has neither queues nor agents."""
    await laptop.apply(model(), team(member("a", prompt=None, promptFrom=source("texts"))), project())
    await laptop.settle()
    assert (await laptop.condition(TEAM, ConditionType.STALLED)).status == "True"
    broker.fails("ensure_queue", CredentialsRefusedError(REFUSED))
    await laptop.apply(ConfigMap(metadata=ObjectMeta(name="texts"), data={"texts": "You work."}))
    await fails(laptop, TEAM)
    await laptop.reconciler.reconcile(PROJECT)
    assert (await laptop.condition(PROJECT)).status == "False"


async def test_what_fails_after_the_verdict_does_not_take_it_back(laptop: Laptop, broker: Faulty) -> None:
    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    before = await version(laptop, TEAM)
    broker.fails("queues", ServiceUnavailableError("RabbitMQ's management at broker:15672 is away"))
    await fails(laptop, TEAM, times=3)
    assert await version(laptop, TEAM) == before


async def test_a_project_that_cannot_be_cleaned_up_says_why_it_does_not_go(laptop: Laptop) -> None:
    async def cleanup(gone: Project) -> None:
        del gone
        raise ServiceUnavailableError("the object store at http://minio:9000 does not answer")

    laptop.become(replace(laptop.world, cleanup=cleanup))
    await laptop.apply(model(), team(member("a")), project(deletionPolicy="Delete"))
    await laptop.settle()
    found = await laptop.resources.get(PROJECT)
    assert isinstance(found, Project)
    run = RunStatus(id=found.run_id, phase=ProjectPhase.SUCCEEDED, tokens=42)
    await laptop.resources.write_run(PROJECT, run)
    await laptop.settle()
    await laptop.resources.delete(PROJECT)
    await fails(laptop, PROJECT)
    left = await laptop.resources.get(PROJECT)
    assert isinstance(left, Project)
    assert left.metadata.deletion_timestamp is not None
    assert (left.status.run, left.status.tokens, left.status.reason) == (run, 42, "ServiceUnavailable")
    assert (await laptop.condition(PROJECT, ConditionType.COMPLETE)).status == "True"
    said = (await laptop.condition(PROJECT)).message
    assert said == "the object store at http://minio:9000 does not answer"
    assert ("Warning", "ServiceUnavailable", said) in [
        (event.type, event.reason, event.message) for event in await laptop.resources.events(PROJECT)
    ]


async def test_what_is_missing_at_a_service_is_told_as_well(laptop: Laptop) -> None:
    async def declare(declared: Project) -> None:
        del declared
        raise NotFoundError("no bucket aios-journal at http://minio:9000; the operator, or `aios up`, makes it")

    laptop.become(replace(laptop.world, declare=declare))
    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    await laptop.apply(project())
    await fails(laptop, PROJECT)
    assert (await laptop.condition(PROJECT)).message.startswith("no bucket aios-journal")


async def test_no_service_decides_whether_replicas_run(laptop: Laptop) -> None:
    async def activity(agent: Ref) -> AgentActivity:
        raise ServiceUnavailableError(f"Redis does not answer for {agent}")

    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    laptop.become(replace(laptop.world, activity=activity))
    await fails(laptop, AGENT)
    agent = await laptop.agent("software-a")
    assert (await laptop.condition(AGENT)).status == "True"
    assert (agent.status.ready, agent.status.reason) == ("1/1", "ServiceUnavailable")
    assert (await laptop.condition(AGENT, ConditionType.RECONCILING)).message.startswith("Redis does not answer")


async def test_routing_does_not_pass_over_a_model_that_could_not_be_looked_at(laptop: Laptop) -> None:
    laptop.become(replace(laptop.world, resources=cast("Resources", WithoutConfigMaps(laptop.resources))))
    await laptop.apply(model(script=None, scriptFrom=source("s")))
    await fails(laptop, MODEL)
    found = await laptop.resources.get(MODEL)
    assert isinstance(found, Model)
    assert (found.status.ready, found.status.reason) == ("", "ServiceUnavailable")
    (told,) = [one for one in found.status.conditions if one.status == "True"]
    assert (told.type, told.message) == (ConditionType.RECONCILING, "configmaps is forbidden")
    (candidate, *_) = build_candidates(team(member("a")), [found])
    assert candidate.healthy


async def test_a_refusal_that_the_agent_tells_itself_stands(laptop: Laptop) -> None:
    workloads = Faulty(laptop.workloads)
    workloads.fails("apply", EnvironmentProblemError("exceeded quota: pods"))
    await laptop.apply(model(), team(member("a")))
    await laptop.reconciler.reconcile(TEAM)
    laptop.become(replace(laptop.world, workloads=cast("Workloads", workloads)))
    await fails(laptop, AGENT, times=3)
    judged = await laptop.condition(AGENT, ConditionType.RECONCILING)
    assert (judged.reason, judged.message) == (Reason.WORKERS_NOT_READY, "exceeded quota: pods")
    assert (await laptop.agent("software-a")).status.reason == "WorkersNotReady"


async def test_credentials_in_an_address_are_not_told(laptop: Laptop, broker: Faulty) -> None:
    broker.fails("ensure_queue", ServiceUnavailableError("amqp://aios:s3cr@t@broker:5672/ does not answer"))
    await laptop.apply(model(), team(member("a")))
    await fails(laptop, TEAM)
    assert (await laptop.condition(TEAM)).message == "amqp://broker:5672/ does not answer"


async def test_a_status_that_cannot_be_written_hides_nothing(
    laptop: Laptop, broker: Faulty, caplog: pytest.LogCaptureFixture
) -> None:
    resources = Faulty(laptop.resources)
    resources.fails("write_status", ServiceUnavailableError("the API server does not answer"))
    broker.fails("ensure_queue", CredentialsRefusedError(REFUSED))
    await laptop.apply(model(), team(member("a")))
    reconciler = Reconciler(replace(laptop.world, resources=cast("Resources", resources)))
    with caplog.at_level("INFO"):
        for _ in range(2):
            with pytest.raises(CredentialsRefusedError, match="refuses the user"):
                await reconciler.reconcile(TEAM)
    assert "the API server does not answer" in caplog.text


async def test_nothing_is_told_of_what_is_gone(laptop: Laptop, broker: Faulty) -> None:
    broker.fails("queues", ServiceUnavailableError("away"))
    await fails(laptop, TEAM, times=3)
    assert await laptop.resources.get(TEAM) is None
