"""`python -m tests.faults.battery`: the long battery, in rounds, and what one poisoned task costs the others; the last
line says how it ended. `size` says how to ask for other numbers. A round that goes wrong keeps its folder and names
the command that repeats it."""

import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.faults.battery.rounds import fight_all
from tests.faults.battery.size import long_size
from tests.faults.battery.slowdown import slowdowns


def main() -> int:
    """Returns the exit code: 0 when nothing that must not be has been."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the servers are stopped too
    folder, size = Path(tempfile.mkdtemp(prefix="aios-battery-")), long_size()
    total = fight_all(size, folder)
    held = _tell(folder / "poison", broker=size.broker) and not total.wrong
    if held:
        shutil.rmtree(folder)
    print(total)
    return 0 if held else 1


def _tell(folder: Path, *, broker: bool) -> bool:
    """Whether poison was given up in time, and all beside it was done."""
    try:
        for line in slowdowns(folder, broker=broker):
            print(line, flush=True)
    except AssertionError as error:
        print(f"poison, left in {folder}: {error}", flush=True)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
