"""Imported by the fork server alone, before any fork: everything that a child would otherwise spend seconds on."""

import aios.adapters.object_journal.journal
import aios.adapters.redis.leases
import aios.adapters.s3.buckets
import tests.faults.battery.child
from aios.agents.worker import preload

__all__ = ["aios", "tests"]

preload()
