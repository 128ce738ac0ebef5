"""Dependencies between tasks: finds the circle that would make them wait for each other for ever."""

from collections.abc import Mapping, Sequence


def find_cycle(dependencies: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """A circle as ("a", "b", "a"), where a depends on b; empty when there is none.

    Names that are no key are not followed. Iterative: a chain may be longer than Python's stack.
    """
    finished: set[str] = set()
    for start in dependencies:
        path: list[str] = []
        todo: list[tuple[str, bool]] = [(start, False)]
        while todo:
            name, leaving = todo.pop()
            if leaving:
                finished.add(path.pop())
            elif name in path:
                return (*path[path.index(name) :], name)
            elif name not in finished and name in dependencies:
                path.append(name)
                todo.append((name, True))
                todo.extend((before, False) for before in reversed(dependencies[name]))
    return ()
