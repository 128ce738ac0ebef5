"""How quick and how frugal this is, beside the usual alternatives doing the same work in the same run.

`python -m tests.benchmarks [NAME...] [--quick] [-o json]`. Nothing here passes or fails by time: figures are for
people to judge, on a machine that they know. Only wrong results and benchmarks that break fail.
"""
