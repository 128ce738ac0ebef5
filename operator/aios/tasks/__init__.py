"""What moves through the system: tasks, their results, and every record the journal may hold. Pure."""
