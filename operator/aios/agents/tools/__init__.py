"""What an agent may do besides thinking. Each tool says whether it reads, changes the working copy, or acts outside."""
