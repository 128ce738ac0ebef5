"""Claude, by Anthropic's Messages API and its own library, whose name this folder shares: imports are absolute."""
