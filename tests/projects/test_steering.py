"""What the user's resources ask of a run that exists."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from aios.naming import ANNOTATION_RETRY
from aios.projects.fold import fold
from aios.projects.state import RunState
from aios.projects.steering import DELETED, build_run_started, steer
from aios.spec.project import Project
from aios.spec.vocabulary import ProjectPhase, TaskPhase
from aios.tasks.run_events import CancelRequested, LimitsChanged, Planned, Resumed, RetryRequested, RunEnded, Suspended
from tests.projects.building import build_project, build_team, task

TEAM = build_team()
PROJECT = build_project("word-count", task("a"))
FRESH = fold([build_run_started(PROJECT, TEAM)])


def asked(project: Project | None, state: RunState = FRESH) -> list[object]:
    """Steering twice asks once: what was journalled is known."""
    events = steer(state, project, TEAM, 1.0)
    assert steer(fold(events, state), project, TEAM, 2.0) == ()
    return [*events]


def test_a_project_that_is_as_it_was_asks_nothing() -> None:
    assert asked(PROJECT) == []


def test_suspend_cancel_and_limits_are_told_once() -> None:
    assert asked(build_project("word-count", task("a"), suspend=True)) == [Suspended(at=1.0)]
    [cancel] = asked(build_project("word-count", task("a"), cancel=True))
    assert isinstance(cancel, CancelRequested)
    [limits] = asked(build_project("word-count", task("a"), timeout="5m"))
    assert limits == LimitsChanged(at=1.0, max_attempts=3, max_in_flight=10, timeout=300.0)
    paused = fold([Suspended(at=0.5)], FRESH)
    assert asked(PROJECT, paused) == [Resumed(at=1.0)]


def test_another_spec_cancels_only_when_on_change_says_so() -> None:
    assert asked(build_project("word-count", task("b"))) == []
    [event] = asked(build_project("word-count", task("b"), on_change="Cancel"))
    assert isinstance(event, CancelRequested)


def test_deletion_stops_the_run_whether_marked_or_gone() -> None:
    marked = PROJECT.metadata.model_copy(update={"deletion_timestamp": datetime.now(UTC)})
    for project in (None, PROJECT.model_copy(update={"metadata": marked})):
        assert asked(project) == [CancelRequested(at=1.0, reason=DELETED)]


def test_a_retry_names_its_tasks_and_is_answered_even_when_nothing_failed_yet() -> None:
    meta = PROJECT.metadata.model_copy(update={"annotations": {ANNOTATION_RETRY: "t1=a, b"}})
    assert asked(PROJECT.model_copy(update={"metadata": meta})) == [
        RetryRequested(at=1.0, tasks=("a", "b"), token="t1")
    ]


def test_only_a_run_that_deletion_cut_off_goes_on_for_a_recreated_project() -> None:
    end = RunEnded(phase=ProjectPhase.CANCELLED)
    cut_off = fold([CancelRequested(reason=DELETED), end], FRESH)
    [again] = asked(PROJECT, cut_off)
    assert isinstance(again, RetryRequested)
    assert asked(PROJECT, fold([CancelRequested(reason="by a person"), end], FRESH)) == []
    assert asked(PROJECT, fold([RunEnded(phase=ProjectPhase.SUCCEEDED)], FRESH)) == []


def test_a_retry_asked_for_while_the_run_is_being_stopped_is_answered_when_it_has_ended() -> None:
    meta = PROJECT.metadata.model_copy(update={"annotations": {ANNOTATION_RETRY: "t1"}})
    project = PROJECT.model_copy(update={"metadata": meta})
    stopping = fold([CancelRequested(reason="by a person")], FRESH)
    assert asked(project, stopping) == []
    [again] = asked(project, fold([RunEnded(phase=ProjectPhase.CANCELLED)], stopping))
    assert isinstance(again, RetryRequested)


def test_a_project_that_becomes_stricter_stops_its_run_whatever_on_change_says() -> None:
    [event] = asked(build_project("word-count", task("a"), privacy="Restricted"))
    assert isinstance(event, CancelRequested)
    assert "Restricted" in event.reason
    assert asked(build_project("word-count", task("a"), privacy="Public")) == []


@pytest.mark.parametrize("phase", [TaskPhase.BLOCKED, TaskPhase.RUNNING, TaskPhase.SUCCEEDED])
def test_a_task_that_becomes_stricter_stops_the_run_that_thought_otherwise(phase: TaskPhase) -> None:
    """Also one that is done: others read its files, which carry the label that it had."""
    tasks = (task("a"), task("b", "a"))
    state = fold([build_run_started(build_project("word-count", *tasks), TEAM), Planned(member="", tasks=tasks)])
    state = replace(state, tasks={**state.tasks, "a": replace(state.tasks["a"], phase=phase)})
    assert asked(build_project("word-count", task("a", privacy="Internal"), task("b", "a")), state) == []
    [event] = asked(build_project("word-count", task("a", privacy="Restricted"), task("b", "a")), state)
    assert isinstance(event, CancelRequested)
    assert event.reason.startswith("the data of task a is Restricted now")


def test_saying_of_a_task_what_it_inherits_anyway_stops_nothing() -> None:
    tasks = (task("a", privacy="Restricted"), task("b", "a"))
    state = fold([build_run_started(build_project("word-count", *tasks), TEAM), Planned(member="", tasks=tasks)])
    assert asked(build_project("word-count", tasks[0], task("b", "a", privacy="Restricted")), state) == []


def test_a_task_that_becomes_stricter_before_the_run_has_a_plan_stops_it_too() -> None:
    """Planned and dispatched in one turn, it would be on its way before anybody asked again."""
    [event] = asked(build_project("word-count", task("a", privacy="Restricted")))
    assert isinstance(event, CancelRequested)


def test_a_new_name_does_not_hide_that_a_task_became_stricter() -> None:
    renamed = task("b", instructions="do a", privacy="Restricted")
    [event] = asked(build_project("word-count", renamed))
    assert isinstance(event, CancelRequested)
    assert event.reason.startswith("the data of task b is Restricted now")
    assert asked(build_project("word-count", task("a"), renamed)) == []
    assert asked(build_project("word-count", task("b", privacy="Restricted"))) == []
