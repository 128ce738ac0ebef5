"""Running `aios` as a person does: another process, its output as it is printed."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


def command(*words: str | Path) -> list[str]:
    """The argument list that runs `aios WORDS` with this interpreter."""
    return [sys.executable, "-m", "aios", *(str(word) for word in words)]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Without anything of AIOS that the developer's own shell may hold."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AIOS_")}
    return {**clean, "NO_COLOR": "1", "COLUMNS": "120", **(extra or {})}


def aios(*words: str | Path, cwd: Path, stdin: str = "", env: Mapping[str, str] | None = None) -> Ran:
    """Run it to its end."""
    done = subprocess.run(
        command(*words),
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env=environment(env),
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@contextmanager
def running(log: Path, variables: Mapping[str, str], *words: str | Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`aios WORDS` in the background, its output in `log`; killed in the end."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command(*words), cwd=log.parent, stdout=output, stderr=subprocess.STDOUT, env=environment(variables)
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
