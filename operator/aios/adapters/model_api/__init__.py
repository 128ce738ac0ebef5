"""What adapters of model providers share: one call is one bounded HTTP request, every failure says what is known.

Knows no provider's protocol. Refuses what the vendors' libraries do by themselves and nobody asked for: retries,
redirects to another host, headers and addresses taken from the environment.
"""
