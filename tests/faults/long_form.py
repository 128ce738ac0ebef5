"""What waits for leases to expire, a minute each: skipped where somebody waits, run where nothing may be skipped."""

import os

import pytest

from tests.servers.availability import require_all

ASKED_FOR = bool(os.environ.get("AIOS_TEST_FAULTS")) or require_all()
LONG = pytest.mark.skipif(not ASKED_FOR, reason="a minute of waiting for leases: make faults")
