"""What should be: spec in, our nouns out, and the difference to what is. Pure."""
