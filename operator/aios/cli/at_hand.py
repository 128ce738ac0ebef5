"""Which models this machine could run now: a key in the environment, an Ollama daemon, llama.cpp, else scripts.

Looks only; nothing is called and nothing is spent. That a key is there is said, never what it is.
"""

import socket
from collections.abc import Callable, Mapping
from importlib.util import find_spec

from aios.cli.init import Models

KEY = "ANTHROPIC_API_KEY"
OLLAMA = ("127.0.0.1", 11434)
"""Where a daemon listens unless told otherwise (Ollama's documentation, "FAQ")."""
LLAMA_CPP = "xllamacpp"
PATIENCE = 0.2


def listens(address: tuple[str, int]) -> bool:
    """Whether anything takes connections there."""
    try:
        with socket.create_connection(address, timeout=PATIENCE):
            return True
    except OSError:
        return False


def installed(module: str) -> bool:
    """Whether it could be imported."""
    return find_spec(module) is not None


def models_at_hand(
    environment: Mapping[str, str],
    *,
    listens: Callable[[tuple[str, int]], bool] = listens,
    installed: Callable[[str], bool] = installed,
) -> Models:
    """The best of what is there."""
    if environment.get(KEY, "").strip():
        return Models.CLAUDE
    if listens(OLLAMA):
        return Models.OLLAMA
    return Models.LOCAL if installed(LLAMA_CPP) else Models.SCRIPTED
