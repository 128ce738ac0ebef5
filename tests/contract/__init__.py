"""What every adapter and every embedded twin of a port must keep, one suite a port.

`implementations.py` lists who is tested; an adapter joins by one line there.
"""
