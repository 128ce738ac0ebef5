"""The agent as a LangGraph graph: recall -> think -> (act -> think)* -> check -> finish.

Imported only when the first task runs: LangGraph takes a second and 70 MB. The graph's state is a step number and
a mark in the attempt's stream; what was said and done is never state, it stands in the stream.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langsmith import tracing_context

from aios.agents.attempt import Attempt
from aios.agents.checkpoints import SHELF, SessionsSaver, Shelf
from aios.ports.clock import Clock
from aios.ports.sessions import Sessions


class State(TypedDict):
    """The model call the attempt is at, from 0, and the record it stood at then."""

    step: int
    mark: str


@dataclass(frozen=True, slots=True)
class Context:
    """What a run of the graph is about."""

    attempt: Attempt


async def _recall(state: State, runtime: Runtime[Context]) -> State:
    await runtime.context.attempt.recall()
    return _state(state["step"], runtime)


async def _think(state: State, runtime: Runtime[Context]) -> State:
    await runtime.context.attempt.think(state["step"])
    return _state(state["step"], runtime)


async def _act(state: State, runtime: Runtime[Context]) -> State:
    await runtime.context.attempt.act(state["step"])
    return _state(state["step"] + 1, runtime)


async def _check(state: State, runtime: Runtime[Context]) -> State:
    await runtime.context.attempt.check(state["step"])
    return _state(state["step"], runtime)


async def _finish(state: State, runtime: Runtime[Context]) -> State:
    await runtime.context.attempt.finish()
    return _state(state["step"], runtime)


def _state(step: int, runtime: Runtime[Context]) -> State:
    return {"step": step, "mark": runtime.context.attempt.log.mark}


def _after_think(state: State, runtime: Runtime[Context]) -> Literal["act", "check"]:
    return "act" if runtime.context.attempt.wants_tools(state["step"]) else "check"


def _after_act(state: State, runtime: Runtime[Context]) -> Literal["think", "finish"]:
    return "think" if state["step"] < runtime.context.attempt.max_steps else "finish"


_SAVER = SessionsSaver()


@cache
def compiled() -> CompiledStateGraph[State, Context, State, State]:
    """The graph, compiled once a process; it holds nothing of any attempt."""
    graph = StateGraph(State, context_schema=Context)
    graph.add_node("recall", _recall)
    graph.add_node("think", _think)
    graph.add_node("act", _act)
    graph.add_node("check", _check)
    graph.add_node("finish", _finish)
    graph.add_edge(START, "recall")
    graph.add_edge("recall", "think")
    graph.add_conditional_edges("think", _after_think)
    graph.add_conditional_edges("act", _after_act)
    graph.add_edge("check", "finish")
    graph.add_edge("finish", END)
    return graph.compile(checkpointer=_SAVER)


async def run(attempt: Attempt, sessions: Sessions, *, clock: Clock, every: float) -> None:
    """Work until the attempt has ended, from its checkpoint if it has one that the stream knows, else from the start.
    It leaves a checkpoint `every` so many seconds.

    Every error of a phase passes through. LangChain's tracing stays off whatever the environment says: it would send
    what agents do to somebody else's cloud.
    """
    thread = attempt.log.stream
    shelf = Shelf(sessions, thread, clock.monotonic, every=every, used=attempt.log.claims > 1, kept=clock.monotonic())
    config: RunnableConfig = {
        "configurable": {"thread_id": thread, SHELF: shelf},
        "recursion_limit": 2 * attempt.max_steps + 10,
    }
    with tracing_context(enabled=False):
        resumable = await _resumable(attempt, config)
        while attempt.log.ended is None:
            if not resumable:
                await shelf.clear()
            start: Any = None if resumable else State(step=0, mark="")
            await compiled().ainvoke(start, config, context=Context(attempt), durability="async")
            # A checkpoint that called the attempt finished before the stream did: the stream wins.
            resumable = False
    await shelf.clear()


async def _resumable(attempt: Attempt, config: RunnableConfig) -> bool:
    found = await _SAVER.aget_tuple(config)
    return found is not None and attempt.log.holds(found.checkpoint["channel_values"].get("mark"))
