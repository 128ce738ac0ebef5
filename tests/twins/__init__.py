"""Twins that behave as badly as a port allows: for every test that wants to know whether a caller can bear it."""
