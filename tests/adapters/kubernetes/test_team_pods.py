"""Who reads which of a team's own Secrets, told by Deployments and pods as they are really rendered."""

from typing import cast

import pytest

from aios.adapters.kubernetes.api import Api
from aios.adapters.kubernetes.render import PodSettings, render
from aios.adapters.kubernetes.team_pods import TeamPods
from aios.adapters.kubernetes.team_secrets import TeamSecrets
from aios.desired.build import build_workers
from aios.spec.base import Kind
from tests.desired.building import lookup, model, ref, team
from tests.wiring.team_installation import ApiServer

TEAM = ref(Kind.TEAM, "software")
ONE, OTHER = "aios-services-software-0123456789", "aios-services-software-abcdefabcd"


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
def pods(server: ApiServer) -> TeamPods:
    return TeamPods(cast("Api", server))


@pytest.mark.parametrize("has_own", [True, False])
async def test_what_a_rendered_deployment_reads_is_found_in_it(
    server: ApiServer, pods: TeamPods, has_own: bool
) -> None:
    secret = await TeamSecrets(cast("Api", server), "aios-system").make(team(), {}) if has_own else ""
    (worker,) = build_workers(team(), lookup(model("local")))
    assert await pods.secret_of(worker) == "", "there is no Deployment yet"
    server.deployments[worker.agent] = render(worker, PodSettings(team=secret))[-1]
    assert await pods.secret_of(worker) == secret
    assert await pods.standing(TEAM) == ({secret} if has_own else set())


async def test_in_use_is_what_runs_and_what_would_start(server: ApiServer, pods: TeamPods) -> None:
    server.deploy(ONE)
    server.run(OTHER, phase="Pending")
    server.run("")
    assert await pods.in_use(TEAM) == {ONE, OTHER}
    assert await pods.standing(TEAM) == {ONE}


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
async def test_who_has_ended_reads_nothing(server: ApiServer, pods: TeamPods, phase: str) -> None:
    server.run(ONE, phase=phase)
    assert await pods.in_use(TEAM) == set()
    assert not await pods.are_left(TEAM)


async def test_a_pod_works_for_its_team_whatever_became_of_its_deployment(server: ApiServer, pods: TeamPods) -> None:
    server.run("", phase="Pending")
    assert await pods.are_left(TEAM)
    assert not await pods.are_left(ref(Kind.TEAM, "other"))


async def test_a_namesakes_are_its_own(server: ApiServer, pods: TeamPods) -> None:
    server.deploy("aios-services-software-b-0123456789", agent="software-b-writer", team="software-b")
    server.run("aios-services-software-b-0123456789", team="software-b")
    assert await pods.in_use(TEAM) == set()
