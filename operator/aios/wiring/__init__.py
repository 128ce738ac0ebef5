"""Where adapters meet use cases: one file a process. Nothing below knows which twin it was given."""
