"""What a run does next: order, retries, escalation, skipping, cancelling, pausing, timeouts."""

from dataclasses import replace

import pytest

from aios.projects.decide import Assign, decide
from aios.projects.timers import next_due
from aios.projects.view import AttemptLine, view_of
from aios.spec.team import Member
from aios.spec.vocabulary import Privacy, ProjectPhase, Strategy, TaskPhase, Tier
from aios.tasks.result import Outcome, Spend, TaskResult
from aios.tasks.run_events import (
    CancelRequested,
    Dispatched,
    EngineStarted,
    LimitsChanged,
    PlanRejected,
    Resumed,
    RetryRequested,
    RetryScheduled,
    RunEnded,
    Suspended,
    TaskFailed,
    Waiting,
)
from tests.projects.building import build_team, task
from tests.projects.simulation import answers, ended, phases, simulate, succeed

CHAIN = (task("a"), task("b", "a"), task("c", "b"))


def test_tasks_start_when_what_they_depend_on_has_succeeded() -> None:
    run = simulate(*CHAIN)
    run.turn()
    assert [one.name for one in run.state.running] == ["a"]
    run.finish("a")
    run.turn()
    assert [one.name for one in run.state.running] == ["b"]
    assert run.play().phase is ProjectPhase.SUCCEEDED
    assert run.state.succeeded == 3


def test_no_more_attempts_fly_than_the_run_may_have() -> None:
    run = simulate(*(task(f"t{number}") for number in range(9)), team=build_team(maxInFlight=4))
    run.turn()
    assert len(run.state.running) == 4
    run.finish("t0")
    run.turn()
    assert len(run.state.running) == 4


def test_the_engine_may_allow_less_than_the_run() -> None:
    run = simulate(*(task(f"t{number}") for number in range(9)))
    run.turn(allowance=2)
    assert len(run.state.running) == 2


def test_settling_what_is_settled_yields_nothing() -> None:
    run = simulate(*CHAIN, task("r", privacy="Restricted", outputs=["x"], check={"run": ["python3"]}))
    assert run.turn()
    assert run.turn() == ()


def test_a_model_error_waits_for_its_journalled_timer() -> None:
    run = simulate(task("a"), answer=answers(Outcome.MODEL_ERROR, Outcome.SUCCEEDED))
    run.turn()
    run.finish("a")
    run.turn()
    scheduled = run.of(RetryScheduled)[0]
    assert isinstance(scheduled, RetryScheduled)
    assert 0.375 <= scheduled.due - run.now <= 0.625
    assert run.state.tasks["a"].phase is TaskPhase.BACKOFF
    assert run.turn() == ()
    assert next_due(run.state) == scheduled.due
    run.now = scheduled.due
    run.turn()
    assert [one.attempt for one in run.state.running] == [2]


def test_a_task_that_fails_every_attempt_fails_and_what_needs_it_is_skipped() -> None:
    run = simulate(*CHAIN, task("other"), answer=lambda name, _: _fails_if(name == "a"))
    state = run.play()
    assert phases(state) == {"a": "Failed", "b": "Skipped", "c": "Skipped", "other": "Succeeded"}
    assert state.tasks["a"].attempt == 3
    assert state.phase is ProjectPhase.FAILED
    assert state.ended is not None
    assert state.ended.reason == "a failed: no good (after 3 attempts); 2 skipped because of it"


def test_attempts_that_do_not_count_are_told_beside_those_that_do() -> None:
    failing = answers(Outcome.WITHDRAWN, Outcome.CHECK_FAILED, Outcome.CHECK_FAILED)
    run = simulate(task("a"), team=build_team(max_attempts=2), answer=failing)
    reason = run.play().tasks["a"].reason
    assert "(after 3 attempts, 1 of them not counted)" in reason
    lines = [line for line in view_of(run.events)[1] if isinstance(line, AttemptLine)]
    assert (lines[-1].attempt, lines[-1].max_attempts) == (3, 3)


def _fails_if(wanted: bool) -> TaskResult:
    outcome = Outcome.CHECK_FAILED if wanted else Outcome.SUCCEEDED
    return TaskResult(outcome=outcome, message="no good" if wanted else "")


@pytest.mark.parametrize("outcome", [Outcome.POISONED, Outcome.IN_DOUBT, Outcome.CANCELLED])
def test_what_no_retry_can_mend_fails_at_once_and_nobody_waits(outcome: Outcome) -> None:
    state = simulate(*CHAIN, answer=answers(outcome)).play()
    assert phases(state) == {"a": "Failed", "b": "Skipped", "c": "Skipped"}
    assert state.tasks["a"].attempt == 1
    assert state.phase is ProjectPhase.FAILED


def test_cancelled_before_dispatch_nothing_starts() -> None:
    run = simulate(*CHAIN)
    run.take(CancelRequested(reason="enough"))
    run.turn()
    assert run.state.phase is ProjectPhase.CANCELLED
    assert run.of(Dispatched) == []
    assert set(phases(run.state).values()) <= {"Cancelled"}


def test_a_result_after_cancel_counts_and_then_the_run_is_cancelled() -> None:
    run = simulate(*CHAIN)
    run.turn()
    run.take(CancelRequested(reason="enough"))
    assert run.turn() == ()
    run.finish("a")
    run.turn()
    assert phases(run.state) == {"a": "Succeeded", "b": "Cancelled", "c": "Cancelled"}
    assert run.state.phase is ProjectPhase.CANCELLED


def test_of_two_results_for_one_attempt_the_first_counts() -> None:
    run = simulate(*CHAIN)
    run.turn()
    run.take(ended("a", 1, spend=Spend(calls=1)), ended("a", 1, Outcome.CHECK_FAILED, spend=Spend(calls=1)))
    run.turn()
    assert run.state.tasks["a"].phase is TaskPhase.SUCCEEDED
    assert run.state.spend.calls == 1


def test_a_late_result_of_an_earlier_attempt_changes_nothing() -> None:
    run = simulate(task("a"), answer=answers(Outcome.CHECK_FAILED, Outcome.SUCCEEDED))
    run.turn()
    run.finish("a")
    run.turn()
    before = run.state
    run.take(ended("a", 1))
    assert run.state == before
    assert [one.attempt for one in run.state.running] == [2]


def test_suspended_nothing_starts_and_resumed_it_goes_on() -> None:
    run = simulate(*CHAIN)
    run.turn()
    run.take(Suspended())
    run.finish("a")
    assert run.turn() == ()
    assert run.state.phase is ProjectPhase.PAUSED
    run.take(Resumed())
    run.turn()
    assert [one.name for one in run.state.running] == ["b"]


def test_a_run_that_takes_too_long_fails_with_that_reason() -> None:
    run = simulate(*CHAIN)
    run.take(LimitsChanged(max_attempts=3, max_in_flight=10, timeout=60.0))
    run.turn()
    run.now = 60.0
    run.turn()
    assert run.state.cancel is not None
    run.take(ended("a", 1, Outcome.CANCELLED))
    run.turn()
    assert run.state.ended is not None
    assert run.state.ended.phase is ProjectPhase.FAILED
    assert "timed out" in run.state.ended.reason


def test_time_spent_suspended_does_not_count_against_the_timeout() -> None:
    run = simulate(*CHAIN)
    run.take(LimitsChanged(max_attempts=3, max_in_flight=10, timeout=60.0))
    run.now = 10.0
    run.take(Suspended())
    run.now = 1_000.0
    assert run.turn() is not None
    assert run.state.cancel is None
    run.take(Resumed())
    run.turn()
    assert run.state.ended is None
    assert next_due(run.state) == 1_050.0


def test_retry_runs_failed_tasks_and_their_dependents_only() -> None:
    run = simulate(*CHAIN, task("other"), answer=lambda name, attempt: _fails_if(name == "b" and attempt <= 3))
    assert run.play().phase is ProjectPhase.FAILED
    run.now += 10_000_000.0
    run.take(RetryRequested(tasks=(), token="once"))
    assert run.state.ended is None
    assert phases(run.state) == {"a": "Succeeded", "b": "Ready", "c": "Blocked", "other": "Succeeded"}
    before = len(run.of(Dispatched))
    assert run.play().phase is ProjectPhase.SUCCEEDED
    assert [event.task.name for event in run.events if isinstance(event, Dispatched)][before:] == ["b", "c"]
    assert run.state.tasks["b"].attempt == 4


def test_the_same_retry_is_never_answered_twice() -> None:
    run = simulate(task("a"), answer=answers(Outcome.POISONED))
    run.play()
    run.take(RetryRequested(tasks=(), token="once"))
    assert run.play().phase is ProjectPhase.FAILED
    run.take(RetryRequested(tasks=(), token="once"))
    assert run.state.phase is ProjectPhase.FAILED
    assert len(run.of(Dispatched)) == 2


def test_a_retry_with_nothing_to_repeat_reopens_nothing() -> None:
    run = simulate(task("a"))
    run.play()
    run.take(RetryRequested(tasks=(), token="t"), RetryRequested(tasks=("a", "zoe"), token="u"))
    assert run.state.phase is ProjectPhase.SUCCEEDED


def test_a_task_nobody_may_do_waits_with_the_reason_and_goes_on_when_somebody_may() -> None:
    restricted = task("secret", privacy="Restricted", member="developer")
    run = simulate(restricted, task("open"))
    run.turn()
    waiting = [event for event in run.events if isinstance(event, Waiting)]
    assert len(waiting) == 1
    assert "clearance Restricted" in waiting[0].reason
    assert run.turn() == ()
    run.candidates = tuple(replace(one, member_clearance=Privacy.RESTRICTED) for one in run.candidates)
    run.turn()
    assert {one.name: one.model for one in run.state.running} == {"secret": "local", "open": "local"}


def test_labels_grow_along_dependencies_and_attempts() -> None:
    run = simulate(task("a"), task("b", "a"))
    run.turn()
    run.take(ended("a", 1, privacy="Restricted"))
    run.turn()
    second = run.of(Dispatched)[-1]
    assert isinstance(second, Dispatched)
    assert (second.task.name, second.task.privacy) == ("b", Privacy.RESTRICTED)
    assert (second.member, second.model) == ("writer", "local")


def test_a_task_that_outgrew_its_clearance_is_dispatched_anew_under_its_new_label() -> None:
    run = simulate(task("a", complexity=3, member="writer"))
    run.turn()
    run.take(ended("a", 1, Outcome.OUTGREW_CLEARANCE, privacy="Restricted"))
    run.turn()
    again = run.of(Dispatched)[-1]
    assert isinstance(again, Dispatched)
    assert (again.attempt, again.task.privacy, again.model) == (2, Privacy.RESTRICTED, "local")


def test_sequential_teams_take_turns_in_their_order() -> None:
    run = simulate(team=build_team(strategy=Strategy.SEQUENTIAL))
    assert run.play().phase is ProjectPhase.SUCCEEDED
    turns = [(event.task.name, event.member) for event in run.events if isinstance(event, Dispatched)]
    assert turns == [("architect", "architect"), ("developer", "developer"), ("writer", "writer")]


def test_a_supervisor_plans_and_then_its_plan_is_done() -> None:
    plan = '{"tasks": [{"name": "x", "instructions": "do x"}, {"name": "y", "instructions": "y", "dependsOn": ["x"]}]}'
    run = simulate(answer=lambda *_: TaskResult(outcome=Outcome.SUCCEEDED, text=plan))
    run.turn()
    assert run.state.phase is ProjectPhase.PLANNING
    assert [(one.name, one.member) for one in run.state.running] == [("plan", "architect")]
    assert run.play().phase is ProjectPhase.SUCCEEDED
    assert phases(run.state) == {"x": "Succeeded", "y": "Succeeded"}


def test_a_bad_plan_goes_back_with_its_error_and_at_most_max_attempts_times() -> None:
    run = simulate(answer=lambda *_: TaskResult(outcome=Outcome.SUCCEEDED, text="I would rather not"))
    state = run.play()
    assert len(run.of(PlanRejected)) == 3
    dispatched = [event for event in run.events if isinstance(event, Dispatched)]
    assert [event.attempt for event in dispatched] == [1, 2, 3]
    assert "not JSON" in dispatched[1].feedback
    assert state.phase is ProjectPhase.FAILED
    assert state.ended is not None
    assert state.ended.reason.startswith("planning failed: no valid plan: The answer is not JSON")


def test_a_run_that_nobody_can_plan_ends_with_that_reason() -> None:
    members = tuple(member for member in build_team().spec.members if member.name != "architect")
    state = simulate(team=build_team(members=members)).play()
    assert state.ended == RunEnded(
        phase=ProjectPhase.FAILED, reason="the team has no supervisor to plan and the project states no tasks"
    )


def test_a_waiting_task_takes_no_room_from_others() -> None:
    run = simulate(
        task("secret", privacy="Restricted", member="developer"), task("open"), team=build_team(maxInFlight=1)
    )
    run.turn()
    assert [one.name for one in run.state.running] == ["open"]


def test_before_it_started_and_after_it_ended_nothing_is_decided() -> None:
    run = simulate(task("a"))
    assert run.play().ended
    assert decide(run.state, run.now) == ()
    run.take(EngineStarted(engine="another"))
    assert run.turn() == ()


def test_ready_tasks_are_assigned_in_the_order_of_the_plan() -> None:
    run = simulate(task("zebra"), task("ant"))
    run.turn(allowance=0)
    commands = decide(run.state, run.now)
    assert [command.task.name for command in commands if isinstance(command, Assign)] == ["zebra", "ant"]


def test_failing_for_good_says_so_once() -> None:
    run = simulate(task("a"), answer=answers(Outcome.CHECK_FAILED))
    run.play()
    assert len(run.of(TaskFailed)) == 1


def test_a_retry_that_names_a_skipped_task_repeats_what_it_waits_for() -> None:
    run = simulate(task("a"), task("b", "a"), task("c", "b"), task("z"), answer=answers(Outcome.POISONED))
    run.play()
    run.take(RetryRequested(tasks=("b",), token="t"))
    run.answer = succeed
    run.play()
    assert phases(run.state) == {"a": "Succeeded", "b": "Succeeded", "c": "Succeeded", "z": "Failed"}


def test_a_run_cancelled_before_its_plan_goes_on_when_it_is_retried() -> None:
    for asked in ((), ("a",)):
        run = simulate(task("a"))
        run.take(CancelRequested(reason="too early"), RunEnded(phase=ProjectPhase.CANCELLED))
        run.take(RetryRequested(tasks=asked, token="t"))
        assert run.play().phase is ProjectPhase.SUCCEEDED


def test_a_run_whose_last_result_was_quicker_than_its_cancel_has_succeeded() -> None:
    run = simulate(task("a"))
    run.turn()
    run.take(CancelRequested(reason="enough"))
    run.finish("a")
    run.turn()
    assert run.state.phase is ProjectPhase.SUCCEEDED


def test_a_plan_is_not_judged_while_the_team_is_away() -> None:
    plan = TaskResult(outcome=Outcome.SUCCEEDED, text='{"tasks": [{"name": "a", "instructions": "do a"}]}')
    run = simulate(answer=lambda *_: plan)
    run.turn()
    run.finish("plan")
    team, run.candidates = run.candidates, ()
    assert run.turn() == ()
    run.candidates = team
    run.turn()
    assert run.state.planned


def test_a_supervisor_without_a_strong_model_plans_as_well_as_it_can() -> None:
    boss = Member(name="boss", tier=Tier.STRATEGIC, models=("local",), prompt="p")
    run = simulate(team=build_team(members=(boss,)))
    run.turn()
    [dispatched] = run.of(Dispatched)
    assert isinstance(dispatched, Dispatched)
    assert dispatched.reason == "free, capability 5 < 8 but the best there is, cleared"


def test_a_stated_complexity_is_waited_for_and_one_by_default_is_not() -> None:
    run = simulate(task("stated", member="writer", complexity=8), task("default", tier="Support"))
    run.turn()
    assert phases(run.state) == {"stated": "Waiting", "default": "Running"}


def test_what_was_taken_back_counts_as_no_attempt() -> None:
    run = simulate(task("a"), team=build_team(max_attempts=1), answer=answers(Outcome.WITHDRAWN, Outcome.SUCCEEDED))
    assert run.play().phase is ProjectPhase.SUCCEEDED
