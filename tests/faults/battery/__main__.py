"""`python -m tests.faults.battery`: the long battery, in rounds; its last line says how it ended. `size` says how to
ask for other numbers. A round that goes wrong keeps its folder and names the command that repeats it."""

import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.faults.battery.rounds import fight_all
from tests.faults.battery.size import long_size


def main() -> int:
    """Returns the exit code: 0 when nothing that must not be has been."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the servers are stopped too
    folder = Path(tempfile.mkdtemp(prefix="aios-battery-"))
    total = fight_all(long_size(), folder)
    if not total.wrong:
        shutil.rmtree(folder)
    print(total)
    return 1 if total.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
