"""A project's files: immutable blobs, manifests that name them, and one HEAD moved by compare-and-swap.

Agents never share a folder. Each works on a copy of a manifest and commits; what others committed meanwhile is kept,
and two changes of one file are a conflict that names it, never a lost update.
"""
