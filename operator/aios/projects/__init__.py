"""What a project does next: a pure core that decides from journalled events, and the engine that acts on it."""
