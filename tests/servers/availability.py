"""What happens to a test whose server cannot be had here: it is skipped and says how to get it.

A machine that promises to have everything sets `AIOS_TEST_REQUIRE_ALL=1`; there the same gap is a failure.
"""

import os
from typing import NoReturn

import pytest


class ServerUnavailableError(Exception):
    """A server is neither given, nor cached, nor buildable; the message says how to get it."""


def require_all() -> bool:
    return os.environ.get("AIOS_TEST_REQUIRE_ALL") == "1"


def skip_or_fail(error: ServerUnavailableError) -> NoReturn:
    if require_all():
        pytest.fail(f"{error} (AIOS_TEST_REQUIRE_ALL=1 forbids to skip)", pytrace=False)
    pytest.skip(str(error))
