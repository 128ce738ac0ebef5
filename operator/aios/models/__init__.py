"""The gate every model call passes, and the record it is answered from when an attempt is resumed."""
