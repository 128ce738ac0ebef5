"""Memories as points of a vector store, the same in the laptop's Qdrant and on a server. Pure; Qdrant's types only."""
