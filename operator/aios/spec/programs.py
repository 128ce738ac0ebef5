"""How a program is named where commands are stated: by its name alone, which is looked up on the worker's PATH.

A whole command line in its place, or a path, would pass as a name that no machine has, and every attempt would fail.
"""

import json
import re
import shlex
from collections.abc import Sequence

NO_NAME = "[[:space:]/]"
"""What no program's name has in it, as an API server's expressions (RE2) write it."""
_BLANK = re.compile(r"[ \t\n\v\f\r]")


def check_fault(run: Sequence[str]) -> str:
    """What is wrong with the program of a check, and what to write; empty if nothing is."""
    program, *rest = run
    if _BLANK.search(program):
        return (
            f"a program's name has no blanks; each argument stands alone: write {_written([*_words(program), *rest])}"
        )
    if "/" in program:
        name = program.rpartition("/")[2] or "sh"
        script = _written(["sh", program, *rest])
        return f"a program is named, not its path: write {_written([name, *rest])}, or {script} if it is a script"
    return ""


def allow_fault(name: str) -> str:
    """What is wrong with a program that a member may run, and what to write; empty if nothing is."""
    if _BLANK.search(name):
        words = _words(name)
        instead = f"write {json.dumps(words[0])}; with which arguments is the task's to say" if words else "name one"
        return f"a program's name has no blanks: {instead}"
    if "/" in name:
        meant = name.rpartition("/")[2] or "sh"
        return f'a program is named, not its path: write {json.dumps(meant)}, or "sh" to run a script of the workspace'
    return ""


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quotation that does not end
        return line.split()


def _written(command: Sequence[str]) -> str:
    """As YAML takes it, whatever is in the words."""
    return json.dumps(list(command), ensure_ascii=False)
