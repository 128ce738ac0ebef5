"""Where tasks would go, before anything starts."""

from aios.projects.preview import preview
from aios.routing.candidates import NoRoute, Route
from aios.spec.vocabulary import Strategy
from aios.tasks.task import TaskKind
from tests.projects.building import MEMBERS, MODELS, build_project, build_team, task


def test_stated_tasks_show_their_routes_and_who_waits() -> None:
    project = build_project("word-count", task("a"), task("b", "a", privacy="Restricted", member="developer"))
    (first, _, route), (_, need, waits) = preview(project, build_team(), MODELS)
    assert first.name == "a"
    assert isinstance(route, Route)
    assert (route.member, route.model) == ("developer", "local")
    assert isinstance(waits, NoRoute)
    assert need.privacy == "Restricted"


def test_a_supervisor_shows_its_planning_and_sequential_its_turns() -> None:
    [(plan, _, route)] = preview(build_project(), build_team(), MODELS)
    assert (plan.kind, isinstance(route, Route)) == (TaskKind.PLAN, True)
    turns = preview(build_project(), build_team(strategy=Strategy.SEQUENTIAL), MODELS)
    assert [one.name for one, _, _ in turns] == ["architect", "developer", "writer"]


def test_a_task_that_inherits_a_label_is_shown_with_it() -> None:
    project = build_project("word-count", task("a", privacy="Restricted"), task("b", "a"), task("c", "b"))
    needs = [need for _, need, _ in preview(project, build_team(), MODELS)]
    assert [need.privacy for need in needs] == ["Restricted"] * 3


def test_nobody_is_sent_to_a_member_without_replicas() -> None:
    absent = tuple(one.model_copy(update={"replicas": 0}) if one.name == "developer" else one for one in MEMBERS)
    [(_, _, route)] = preview(
        build_project("word-count", task("a", member="developer")), build_team(members=absent), MODELS
    )
    assert isinstance(route, NoRoute)
