"""A circle is found wherever it is, and only if there is one."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from aios.spec.graph import find_cycle

NODES = st.integers(0, 12).map(str)


def test_circle_is_named_from_its_start_to_its_start() -> None:
    assert find_cycle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ("b", "c", "b")
    assert find_cycle({"a": ["a"]}) == ("a", "a")
    assert find_cycle({"a": ["b", "c"], "b": ["c"], "c": []}) == ()


def test_chain_longer_than_the_stack_is_no_circle() -> None:
    chain = {str(n): [str(n + 1)] for n in range(5_000)}

    assert find_cycle(chain) == ()


@given(st.dictionaries(NODES, st.lists(NODES, max_size=5), max_size=12))
def test_found_circle_follows_dependencies_and_none_means_a_start_order_exists(graph: dict[str, list[str]]) -> None:
    cycle = find_cycle(graph)

    if cycle:
        assert cycle[0] == cycle[-1] and len(set(cycle[:-1])) == len(cycle) - 1
        assert all(after in graph[before] for before, after in pairwise(cycle))
    else:
        remaining = dict(graph)
        while remaining:
            ready = [name for name, before in remaining.items() if not set(before) & set(remaining)]
            assert ready
            for name in ready:
                del remaining[name]
