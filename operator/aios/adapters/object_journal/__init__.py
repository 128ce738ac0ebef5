"""The Journal on any object store: one create-only object an append."""
