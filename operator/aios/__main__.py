"""`python -m aios` is `aios`: how a supervisor starts its workers, whatever PATH says."""

import sys

from aios.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
