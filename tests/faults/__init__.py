"""Processes are killed at every moment there is; the work must end as if nothing had happened."""
