"""The command line: parse, call one use case, print. Data on stdout, talk on stderr."""
