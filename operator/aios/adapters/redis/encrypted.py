"""A connection to Redis under our own TLS context: the library takes files only, and adds them to the machine's trust
store where every other service here trusts them alone."""

import ssl
from typing import Any

from redis.asyncio.connection import SSLConnection


class EncryptedConnection(SSLConnection):
    """Certificate and host name are verified as the context says."""

    def __init__(self, *, tls_context: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)
        self.ssl_context.context = tls_context
