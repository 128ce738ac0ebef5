"""Real servers for tests: found, built once, started on loopback, ended by process id."""
