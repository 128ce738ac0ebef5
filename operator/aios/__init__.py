"""AIOS: declarative agent teams. YAML in Git becomes running AI agents."""

__version__ = "0.1.0"
