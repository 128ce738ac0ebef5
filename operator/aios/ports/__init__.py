"""What AIOS needs of the world, one Protocol a file. Promises under crash and concurrency stand in the docstrings.

Every promise is tested by one contract suite that each adapter and each embedded twin passes unchanged; a promise
that only one of them can keep is not here.
"""
