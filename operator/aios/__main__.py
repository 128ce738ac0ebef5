"""The command `aios`, also as `python -m aios`: how a supervisor starts its workers, whatever PATH says.

It loads the command line within reach of its own handler, so that an early Ctrl-C leaves no trace, too.
"""

import sys


def main() -> int:
    """Run one command with the process's arguments; returns its exit code."""
    try:
        from aios.cli.main import main as run

        return run()
    except KeyboardInterrupt:
        return 128 + 2  # SIGINT, before anybody was there to say so


if __name__ == "__main__":
    sys.exit(main())
