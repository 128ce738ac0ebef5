"""Which member and which model may, can and should do a task, with every reason. Pure."""
