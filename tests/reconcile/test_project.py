"""A project's conditions: accepted, running, ended; waiting for services; held until it is cleaned up."""

from dataclasses import replace

from aios.errors import HeldElsewhereError
from aios.naming import FINALIZER
from aios.spec.base import Kind
from aios.spec.conditions import ConditionType, Reason
from aios.spec.project import Project, RunStatus, TaskStatus
from aios.spec.vocabulary import ProjectPhase, TaskPhase
from tests.desired.building import member, model, project, ref, team
from tests.reconcile.laptop import Laptop

PROJECT = ref(Kind.PROJECT, "word-count")


async def read(laptop: Laptop) -> Project:
    found = await laptop.resources.get(PROJECT)
    assert isinstance(found, Project)
    return found


async def given_accepted(laptop: Laptop) -> None:
    await laptop.apply(model(), team(member("a")), project())
    await laptop.settle()


async def run_is(laptop: Laptop, phase: ProjectPhase, *phases: TaskPhase, reason: str = "") -> None:
    tasks = tuple(
        TaskStatus(name=f"t{number}", phase=task, reason=reason if task is TaskPhase.WAITING else "")
        for number, task in enumerate(phases)
    )
    run_id = (await read(laptop)).run_id
    run = RunStatus(id=run_id, phase=phase, tasks=tasks, tokens=42, reason="" if tasks else reason)
    await laptop.resources.write_run(PROJECT, run)
    await laptop.settle()


async def test_a_valid_project_is_ready_to_run(laptop: Laptop) -> None:
    await given_accepted(laptop)
    assert (await laptop.condition(PROJECT)).reason == Reason.ACCEPTED
    shown = (await read(laptop)).status
    assert (shown.phase, shown.done, shown.reason) == (ProjectPhase.PENDING, "", "Accepted")


async def test_it_waits_for_its_team_and_wakes_when_the_team_comes(laptop: Laptop) -> None:
    await laptop.apply(model(), project())
    await laptop.settle()
    assert (await laptop.condition(PROJECT, ConditionType.STALLED)).reason == Reason.TEAM_NOT_FOUND
    assert PROJECT in laptop.reconciler.affected(ref(Kind.TEAM, "software"))
    await laptop.apply(team(member("a")))
    await laptop.settle()
    assert (await laptop.condition(PROJECT)).status == "True"


async def test_a_team_that_stalls_holds_its_projects_back(laptop: Laptop) -> None:
    await given_accepted(laptop)
    await laptop.apply(team(member("a", models=["gone"])))
    await laptop.settle()
    judged = await laptop.condition(PROJECT)
    assert (judged.status, judged.reason) == ("False", Reason.TEAM_NOT_READY)
    assert "ModelNotFound" in judged.message


async def test_a_cycle_that_no_schema_can_see_stalls_with_its_reason(laptop: Laptop) -> None:
    tasks = [
        {"name": "x", "instructions": "X.", "dependsOn": ["y"]},
        {"name": "y", "instructions": "Y.", "dependsOn": ["x"]},
    ]
    await laptop.apply(model(), team(member("a")), project(tasks=tasks))
    await laptop.settle()
    assert (await laptop.condition(PROJECT, ConditionType.STALLED)).reason == Reason.CYCLIC_DEPENDENCIES


async def test_without_services_it_says_so_and_runs_once_they_come(laptop: Laptop) -> None:
    with_services = laptop.world
    laptop.become(replace(with_services, services_ready=False))
    await given_accepted(laptop)
    judged = await laptop.condition(PROJECT, ConditionType.STALLED)
    assert (judged.status, judged.reason) == ("True", Reason.SERVICES_NOT_CONFIGURED)
    assert "`kubectl rollout restart deployment -n aios-system`" in judged.message
    laptop.become(with_services)
    await laptop.settle()
    assert (await laptop.condition(PROJECT)).status == "True"


async def test_a_name_that_another_installation_holds_stalls_until_it_lets_go(laptop: Laptop) -> None:
    refusals = [HeldElsewhereError("Project/default/word-count: another installation, there:/two, ...")]

    async def declare(_: Project) -> None:
        if refusals:
            raise refusals[0]

    laptop.become(replace(laptop.world, declare=declare))
    await given_accepted(laptop)
    judged = await laptop.condition(PROJECT, ConditionType.STALLED)
    assert (judged.status, judged.reason) == ("True", Reason.HELD_ELSEWHERE)
    assert "there:/two" in judged.message
    refusals.clear()
    await laptop.settle()
    assert (await laptop.condition(PROJECT)).status == "True"


async def test_a_running_project_mirrors_its_run(laptop: Laptop) -> None:
    await given_accepted(laptop)
    await run_is(laptop, ProjectPhase.RUNNING, TaskPhase.SUCCEEDED, TaskPhase.RUNNING)
    shown = (await read(laptop)).status
    assert (shown.phase, shown.done, shown.reason, shown.tokens) == (ProjectPhase.RUNNING, "1/2", "Running", 42)
    assert (await laptop.condition(PROJECT, ConditionType.RECONCILING)).status == "True"
    assert (await laptop.condition(PROJECT, ConditionType.COMPLETE)).status == "False"


async def test_success_is_complete_and_failure_is_failed_as_a_job_has_it(laptop: Laptop) -> None:
    await given_accepted(laptop)
    await run_is(laptop, ProjectPhase.SUCCEEDED, TaskPhase.SUCCEEDED)
    complete = await laptop.condition(PROJECT, ConditionType.COMPLETE)
    assert (complete.status, complete.reason) == ("True", Reason.RUN_SUCCEEDED)
    assert (await laptop.condition(PROJECT, ConditionType.RECONCILING)).status == "False"
    await run_is(laptop, ProjectPhase.FAILED, reason="test: check failed 3 times")
    failed = await laptop.condition(PROJECT, ConditionType.FAILED)
    assert (failed.status, failed.reason, failed.message) == ("True", "RunFailed", "test: check failed 3 times")
    await run_is(laptop, ProjectPhase.CANCELLED)
    assert (await laptop.condition(PROJECT, ConditionType.FAILED)).reason == Reason.RUN_CANCELLED


async def test_a_task_that_nobody_may_do_shows_its_reason_when_nothing_else_moves(laptop: Laptop) -> None:
    await given_accepted(laptop)
    waiting = (ProjectPhase.RUNNING, TaskPhase.SUCCEEDED, TaskPhase.WAITING)
    await run_is(laptop, *waiting, reason="Restricted, and only Cloud models")
    judged = await laptop.condition(PROJECT, ConditionType.RECONCILING)
    assert judged.reason == Reason.NO_PERMITTED_MODEL
    assert judged.message == "t1: Restricted, and only Cloud models"


async def test_a_plan_that_nobody_may_make_shows_its_reason_too(laptop: Laptop) -> None:
    await given_accepted(laptop)
    await run_is(laptop, ProjectPhase.PLANNING, reason="plan waits: Restricted, and only Cloud models")
    shown = (await read(laptop)).status
    judged = await laptop.condition(PROJECT, ConditionType.RECONCILING)
    assert (shown.phase, shown.reason, judged.reason) == ("Planning", "NoPermittedModel", Reason.NO_PERMITTED_MODEL)
    assert judged.message == "plan waits: Restricted, and only Cloud models"
    await run_is(laptop, ProjectPhase.PLANNING)
    assert (await read(laptop)).status.reason == "Planning"


async def test_the_end_of_an_earlier_run_says_nothing_about_a_changed_spec(laptop: Laptop) -> None:
    await given_accepted(laptop)
    await run_is(laptop, ProjectPhase.SUCCEEDED, TaskPhase.SUCCEEDED)
    await laptop.apply(project(goal="Count lines."))
    await laptop.settle()
    assert (await laptop.condition(PROJECT, ConditionType.COMPLETE)).status == "False"
    assert (await read(laptop)).status.phase is ProjectPhase.PENDING


async def test_deletion_waits_for_the_cleanup_only_when_the_policy_is_delete(laptop: Laptop) -> None:
    cleaned: list[str] = []

    async def cleanup(gone: Project) -> None:
        cleaned.append(gone.metadata.name)

    laptop.become(replace(laptop.world, cleanup=cleanup))
    await laptop.apply(model(), team(member("a")), project(), project("other", deletionPolicy="Delete"))
    await laptop.settle()
    other = ref(Kind.PROJECT, "other")
    held = await laptop.resources.get(other)
    assert held is not None
    assert held.metadata.finalizers == (FINALIZER,)
    assert (await read(laptop)).metadata.finalizers == ()
    for gone in (PROJECT, other):
        await laptop.resources.delete(gone)
        await laptop.reconciler.reconcile(gone)
        assert await laptop.resources.get(gone) is None
    assert cleaned == ["other"]


async def test_a_policy_changed_back_to_retain_lets_go(laptop: Laptop) -> None:
    async def cleanup(gone: Project) -> None:
        raise AssertionError(f"{gone.ref} is to be retained")

    laptop.become(replace(laptop.world, cleanup=cleanup))
    await laptop.apply(model(), team(member("a")), project(deletionPolicy="Delete"))
    await laptop.settle()
    await laptop.apply(project(deletionPolicy="Retain"))
    await laptop.settle()
    assert (await read(laptop)).metadata.finalizers == ()
