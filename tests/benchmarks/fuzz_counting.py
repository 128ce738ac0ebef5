"""A pytest plugin: every Hypothesis test runs a stated number of cases, and all cases that ran are counted.

AIOS_BENCH_CASES says how many cases a test; the plugin writes JSON, test id to cases that ran, into AIOS_BENCH_COUNTS.
A test whose own settings ask for less is raised, one with a small space of cases ends when it has seen them all.
"""

import functools
import inspect
import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import pytest

CASES = "AIOS_BENCH_CASES"
COUNTS = "AIOS_BENCH_COUNTS"
_counts: Counter[str] = Counter()


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    wanted = int(os.environ[CASES])
    for item in items:
        case = getattr(item, "cls", None)
        if hasattr(getattr(case, "runTest", None), "_hypothesis_state_machine_class"):
            _raise_machine(case, item.nodeid, wanted)
        elif handle := getattr(getattr(item, "obj", None), "hypothesis", None):
            handle.inner_test = _counted(handle.inner_test, item.nodeid)
            _raise(item, wanted)


def pytest_sessionfinish() -> None:
    Path(os.environ[COUNTS]).write_text(json.dumps(_counts))


def _raise(item: pytest.Item, wanted: int) -> None:
    # Hypothesis has no public way to change the number of cases of a test that states its own; should this stop
    # working, the counts show it.
    function: Any = getattr(item, "obj", None)
    before = getattr(function, "_hypothesis_internal_use_settings", hypothesis.settings())
    changed = hypothesis.settings(before, max_examples=wanted, database=None)
    function._hypothesis_internal_use_settings = changed


# Any: the signature is the test's own.
def _counted(test: Callable[..., Any], name: str) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(test):

        @functools.wraps(test)
        async def counting_async(*arguments: Any, **keywords: Any) -> Any:
            _counts[name] += 1
            return await test(*arguments, **keywords)

        return counting_async

    @functools.wraps(test)
    def counting(*arguments: Any, **keywords: Any) -> Any:
        _counts[name] += 1
        return test(*arguments, **keywords)

    return counting


def _raise_machine(case: Any, name: str, wanted: int) -> None:
    """A state machine: one case is one sequence of steps, each on a machine of its own."""
    case.settings = hypothesis.settings(case.settings, max_examples=wanted, database=None)
    machine = case.runTest._hypothesis_state_machine_class
    begin = machine.__init__

    def counting(self: Any) -> None:
        _counts[name] += 1
        begin(self)

    machine.__init__ = counting
