"""Why a connection failed, where TLS is the reason: in words that say what to state, whatever client it was.

The clients wrap OpenSSL's errors each in its own way, or lose them: a server without TLS, or one that refuses our
certificate, often just ends the connection. What can only be guessed is said as a guess, and only before the first
answer, so that an outage is not blamed on TLS.
"""

import errno
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from aios.adapters.tls import Trust
from aios.errors import ServiceUnavailableError, TlsRefusedError

_OURS = re.compile(r"ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE|ACCESS_DENIED)")
"""The other side's reasons to refuse a client's certificate, or the lack of one, as OpenSSL names its alerts."""
_NO_TLS = re.compile(r"WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE")
_OTHER_HOST = {62, 64}
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL's x509_vfy.h."""
_OUT_OF_DATE = {9, 10}
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""
_ENDED = re.compile(r"disconnected|Bad status line")
"""What httpx and aiohttp say when what came was no HTTP."""


@dataclass(frozen=True, slots=True)
class Way:
    """To one server: its name and address without credentials, what its URL says of TLS, and the variable that states
    it."""

    server: str
    trust: Trust
    variable: str

    def failure(
        self, error: BaseException, said: str, *, answered: bool = False, advice: str = ""
    ) -> ServiceUnavailableError:
        """What to raise: TlsRefusedError where that is the reason. `said` is what the error says, where nobody knows
        better; `answered`: the server has answered before, so that it is not TLS; `advice` follows what is said."""
        refusal = _refusal(error, self.variable) if self.trust.encrypted else ""
        if refusal:
            return TlsRefusedError(f"{self.server}: {refusal}")
        more = "" if answered else _suspicion(error, self.trust, self.variable)
        told = "connection refused" if _nobody_listens(error) else said
        return ServiceUnavailableError(f"{self.server}: {told}{advice}{more}")


def _nobody_listens(error: BaseException) -> bool:
    """At none of the host's addresses; of several asyncio and anyio tell in their own ways."""
    found = [cause for cause in _causes(error) if isinstance(cause, OSError)]
    each = f"[Errno {errno.ECONNREFUSED}]"
    return any(
        cause.errno == errno.ECONNREFUSED or (str(cause).startswith("Multiple exceptions: ") and each in str(cause))
        for cause in found
    )


def _refusal(error: BaseException, variable: str) -> str:
    # aiohttp has subclasses of these errors that lack what they say of the certificate, around those that have it.
    kept = (cause for cause in _causes(error) if isinstance(cause, ssl.SSLError) and hasattr(cause, "reason"))
    found = next(kept, None)
    if isinstance(found, ssl.SSLCertVerificationError):
        return _untrusted(found, variable)
    reason = (found.reason or "") if found else ""
    if _OURS.search(reason):
        return f"it asks for a certificate of ours that it trusts ({reason}): state certfile and keyfile in {variable}"
    if _NO_TLS.search(reason):
        return f"it does not speak TLS on this port: name its port with TLS in {variable}, or the scheme without"
    return ""


def _untrusted(error: ssl.SSLCertVerificationError, variable: str) -> str:
    why = error.verify_message.rstrip(".")
    if error.verify_code in _OTHER_HOST:
        return f"its certificate is not for this host ({why}): name in {variable} a host that the certificate names"
    if error.verify_code in _OUT_OF_DATE:
        return f"its certificate is out of date ({why}): renew it, or set the clocks"
    return (
        f"its certificate is not trusted ({why}): name the authority that signed it in {variable}, as "
        "?cafile=/path/ca.pem, or add it to this machine's trust store"
    )


def _suspicion(error: BaseException, trust: Trust, variable: str) -> str:
    causes = list(_causes(error))
    ended = any(isinstance(cause, ConnectionResetError | EOFError) for cause in causes) or _ENDED.search(str(error))
    if ended and trust.encrypted:
        return f"; if it asks for a certificate of ours, state one that it trusts as certfile and keyfile in {variable}"
    if ended:
        return f"; if it expects TLS there, the URL starts with {trust.encrypted_scheme}://"
    if trust.encrypted and any(isinstance(cause, TimeoutError) for cause in causes):
        return f"; if it does not speak TLS on this port, name the one where it does in {variable}"
    return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it came from, each once; clients keep them in attributes of their own, too."""
    seen: set[int] = set()
    found = [error]
    while found:
        one = found.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        kept = (getattr(one, name, None) for name in ("__cause__", "__context__", "reason", "source"))
        several = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        found += [cause for cause in (*kept, *one.args, *several) if isinstance(cause, BaseException)]
