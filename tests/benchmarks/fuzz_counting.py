"""A pytest plugin: the Hypothesis tests share a stated number of cases, and all cases that ran are counted.

AIOS_TEST_BENCH_CASES says how many in all; the plugin writes JSON, test id to cases that ran, into the file
AIOS_TEST_BENCH_COUNTS. A test whose own settings ask for less gets its share too; one with few possible cases ends
when it has seen them all.
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

CASES = "AIOS_TEST_BENCH_CASES"
COUNTS = "AIOS_TEST_BENCH_COUNTS"
_counts: Counter[str] = Counter()


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    machines = [item for item in items if _is_machine(item)]
    functions = [item for item in items if hasattr(getattr(item, "obj", None), "hypothesis")]
    share = max(1, -(-int(os.environ[CASES]) // max(1, len(machines) + len(functions))))
    for item in machines:
        _raise_machine(getattr(item, "cls", None), item.nodeid, share)
    for item in functions:
        _raise(item, share)


def _is_machine(item: pytest.Item) -> bool:
    return hasattr(getattr(getattr(item, "cls", None), "runTest", None), "_hypothesis_state_machine_class")


def pytest_sessionfinish() -> None:
    Path(os.environ[COUNTS]).write_text(json.dumps(_counts))


def _raise(item: pytest.Item, wanted: int) -> None:
    # Hypothesis has no public way to change the number of cases of a test that states its own; should this stop
    # working, the counts show it.
    function: Any = getattr(item, "obj", None)
    function.hypothesis.inner_test = _counted(function.hypothesis.inner_test, item.nodeid)
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
