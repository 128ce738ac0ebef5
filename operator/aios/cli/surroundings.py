"""What the environment says, read for one command, and a word about what in it is not understood."""

import os
import sys

from aios.cli.terminal import paint, say
from aios.settings import Settings, read_settings, unknown_variables

_said: set[str] = set()


def settings() -> Settings:
    """As `read_settings`; each variable that begins like ours and is none is told on stderr, once a process."""
    for sentence in unknown_variables(os.environ):
        if sentence not in _said:
            _said.add(sentence)
            say(f"{paint('warning', 'yellow', stream=sys.stderr)}: {sentence}")
    return read_settings()
