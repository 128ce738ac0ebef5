"""Any order of events that respects causality, with duplicates, late answers, pauses and restarts, ends the same."""

import random
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aios.naming import digest
from aios.projects.state import RunState
from aios.spec.project import TaskSpec
from aios.spec.vocabulary import ProjectPhase, TaskPhase
from aios.tasks.result import Outcome, Spend, TaskResult
from aios.tasks.run_events import AttemptEnded, CancelRequested, Dispatched, EngineStarted, Resumed, Suspended
from tests.projects.building import build_team, task
from tests.projects.simulation import Answer, Simulation, simulate

OUTCOMES = (*[Outcome.SUCCEEDED] * 6, *(one for one in Outcome if one is not Outcome.SUCCEEDED))


@st.composite
def plans(draw: st.DrawFn) -> tuple[TaskSpec, ...]:
    """A DAG: each task depends on some of those before it."""
    number = draw(st.integers(1, 8))
    return tuple(
        task(f"t{index}", *draw(st.lists(st.sampled_from([f"t{i}" for i in range(index)]), unique=True)))
        if index
        else task("t0")
        for index in range(number)
    )


def by_table(seed: int) -> Answer:
    """Each attempt has one predetermined end, whoever looks and whenever."""

    def answer(name: str, attempt: int) -> TaskResult:
        outcome = OUTCOMES[int(digest([seed, name, attempt])[:8], 16) % len(OUTCOMES)]
        return TaskResult(outcome=outcome, message=f"{name} {attempt} {outcome}", spend=Spend(calls=attempt))

    return answer


def ending(run: Simulation) -> Mapping[str, object]:
    """What must not depend on the order of things."""
    return {
        "phase": run.state.phase,
        "tasks": {name: (one.phase, one.attempt, one.member, one.model) for name, one in run.state.tasks.items()},
        "spend": run.state.spend,
    }


def timeless(state: RunState) -> RunState:
    """Without when its latest event came."""
    return replace(state, now=0.0)


class AnyOrder(RuleBasedStateMachine):
    """Random workers against one run; in the end it is compared with the orderly one."""

    run: Simulation
    orderly: Mapping[str, object]

    @initialize(tasks=plans(), seed=st.integers(0, 1_000_000), width=st.integers(1, 4))
    def begin(self, tasks: tuple[TaskSpec, ...], seed: int, width: int) -> None:
        team = build_team(maxInFlight=width)
        first = simulate(*tasks, answer=by_table(seed), team=team)
        first.play()
        self.orderly = ending(first)
        self.run = simulate(*tasks, answer=by_table(seed), team=team)

    @rule(allowance=st.integers(0, 5))
    def engine_turns(self, allowance: int) -> None:
        self.run.turn(allowance)
        settled = self.run.state
        assert self.run.turn(0) == ()
        assert self.run.state == settled

    @precondition(lambda self: self.run.state.running)
    @rule(data=st.data())
    def a_worker_ends(self, data: st.DataObject) -> None:
        self.run.finish(data.draw(st.sampled_from([one.name for one in self.run.state.running])))

    @rule(data=st.data())
    def something_comes_twice(self, data: st.DataObject) -> None:
        event = data.draw(st.sampled_from(self.run.events))
        if not isinstance(event, Suspended | Resumed):  # wishes: repeating an old one is a new wish
            before = self.run.state
            self.run.take(event)
            assert timeless(self.run.state) == timeless(before) or isinstance(event, EngineStarted)

    @rule(name=st.integers(0, 7), attempt=st.integers(0, 4))
    def an_answer_nobody_waits_for(self, name: int, attempt: int) -> None:
        current = self.run.state.tasks.get(f"t{name}")
        if current and (current.phase is not TaskPhase.RUNNING or current.attempt != attempt):
            before = self.run.state
            self.run.take(AttemptEnded(task=f"t{name}", attempt=attempt, result=TaskResult(outcome=Outcome.SUCCEEDED)))
            assert timeless(self.run.state) == timeless(before)

    @rule()
    def time_passes(self) -> None:
        if not self.run.state.suspended:
            self.run.pass_time()

    @rule()
    def it_is_paused_or_resumed(self) -> None:
        self.run.take(Resumed() if self.run.state.suspended else Suspended())

    @rule()
    def another_engine_takes_over(self) -> None:
        self.run.state = self.run.folded()
        self.run.take(EngineStarted(engine="next"))

    @invariant()
    def the_events_are_the_state(self) -> None:
        assert self.run.folded() == self.run.state

    @invariant()
    def bounds_hold(self) -> None:
        state = self.run.state
        assert len(state.running) <= state.max_in_flight
        assert all(one.tries <= state.max_attempts for one in state.tasks.values())
        for one in state.running:
            assert all(state.tasks[name].phase is TaskPhase.SUCCEEDED for name in one.spec.depends_on)
        attempts = [(event.task.name, event.attempt) for event in self.run.events if isinstance(event, Dispatched)]
        once = dict.fromkeys(attempts)
        assert list(once) == sorted(once, key=lambda pair: list(once).index(pair))

    def teardown(self) -> None:
        if not hasattr(self, "run"):
            return
        if self.run.state.suspended:
            self.run.take(Resumed())
        self.run.play()
        assert self.run.state.ended
        assert ending(self.run) == self.orderly


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAnyOrder = AnyOrder.TestCase


@given(plans(), st.integers(0, 1_000_000), st.integers(0, 40), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_a_cancelled_run_always_ends_and_starts_nothing_more(
    tasks: tuple[TaskSpec, ...], seed: int, after: int, chance: random.Random
) -> None:
    run = simulate(*tasks, answer=by_table(seed))
    for _ in range(after):
        run.turn()
        if run.state.running and chance.random() < 0.7:
            run.finish(chance.choice(run.state.running).name)
        else:
            run.pass_time()
        if run.state.ended:
            return
    run.take(CancelRequested(reason="enough"))
    started = len(run.of(Dispatched))
    run.play()
    all_done = run.state.planned and run.state.succeeded == len(run.state.tasks)
    assert run.state.phase is (ProjectPhase.SUCCEEDED if all_done else ProjectPhase.CANCELLED)
    assert len(run.of(Dispatched)) == started
    assert all(one.phase.ended for one in run.state.tasks.values())
