"""How a program is named where commands are stated: by its name alone, which is looked up on the worker's PATH.

A whole command line in its place, or a path, would pass as a name that no machine has, and every attempt would fail.
"""

import json
import re
import shlex
from collections.abc import Sequence

NO_NAME = "[[:space:]/]"
"""What no program's name has in it, as an API server's expressions (RE2) write it."""
_SHELL_SIGNS = "&|;<>$`*?~"
_SHELL_BUILTINS = frozenset({"cd", "export", "source", ".", "set", "ulimit", "umask", "eval", "exec"})
_BLANK = re.compile(r"[ \t\n\v\f\r]")


def check_fault(run: Sequence[str]) -> str:
    """What is wrong with the program of a check, and what to write; empty if nothing is."""
    program, *rest = run
    if _BLANK.search(program):
        return f"a program's name has no blanks; {_instead_of_line(program, rest)}"
    if "/" in program:
        name = program.rpartition("/")[2] or "sh"
        script = _written(["sh", program, *rest])
        return f"a program is named, not its path: write {_written([name, *rest])}, or {script} if it is a script"
    return ""


def allow_fault(name: str) -> str:
    """What is wrong with a program that a member may run, and what to write; empty if nothing is."""
    if _BLANK.search(name):
        words = _words(name)
        if not words:
            return "a program's name has no blanks: name one"
        wanted = "sh" if _needs_shell(name, words[0]) else words[0]
        return f"a program's name has no blanks: write {json.dumps(wanted)}; with which arguments is the task's to say"
    if "/" in name:
        meant = name.rpartition("/")[2] or "sh"
        return f'a program is named, not its path: write {json.dumps(meant)}, or "sh" to run a script of the workspace'
    return ""


def _instead_of_line(line: str, rest: Sequence[str]) -> str:
    words = _words(line)
    if not words:
        return "name one"
    if _needs_shell(line, words[0]):
        whole = f"{line} {shlex.join(rest)}".strip()
        return f"a line for a shell needs one: write {_written(['sh', '-c', whole])}"
    return f"each argument stands alone: write {_written([*words, *rest])}"


def _needs_shell(line: str, first: str) -> bool:
    """Whether a shell would do more with it than start its first word with the others."""
    return "=" in first or first in _SHELL_BUILTINS or any(sign in line for sign in _SHELL_SIGNS)


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quotation that does not end
        return line.split()


def _written(command: Sequence[str]) -> str:
    """As YAML takes it, whatever is in the words."""
    return json.dumps(list(command), ensure_ascii=False)
