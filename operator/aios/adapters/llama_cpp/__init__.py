"""A model in this process: llama.cpp on a GGUF file, for a machine that has nothing else. It never reaches a network.

What it says is held to a JSON schema while it is written, so that even a very small model makes tool calls and plans
that are well formed. Whether they are wise is another matter.
"""
