"""The worker that takes attempts, the graph that works on them, and the tools it works with."""
