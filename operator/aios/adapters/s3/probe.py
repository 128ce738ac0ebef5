"""What `aios doctor` asks an object store."""

import statistics
import time

from aios.adapters.s3.address import S3Address
from aios.adapters.s3.dialect import find_dialect
from aios.adapters.s3.refusals import refused, skew_seconds
from aios.adapters.s3.transport import Answer, S3Transport
from aios.errors import EnvironmentProblemError, NotFoundError
from aios.ports.probe import Probe

SKEW_SECONDS = 300
"""More, and servers refuse what we sign (they allow 15 minutes)."""


async def probe(url: str, bucket: str = "aios-journal") -> Probe:
    """Conditional writes are tried in `bucket`, if it is there. Raises ServiceUnavailableError."""
    address = S3Address.parse(url)
    transport = S3Transport(address)
    try:
        answers, taken = await _ask(transport)
        details, problems = await _conditional_writes(transport, f"{address.prefix}{bucket}")
    finally:
        await transport.close()
    product, _, version = answers[0].headers.get("Server", "S3").partition("/")
    return Probe(
        service=product.split(" ")[0],
        version=version,
        milliseconds=statistics.median(taken),
        details=(*address.trust.told(), *details),
        problems=(*problems, *_skew(answers[-1])),
    )


async def _ask(transport: S3Transport) -> tuple[list[Answer], list[float]]:
    answers, taken = [], []
    for _ in range(5):
        started = time.perf_counter()
        answers.append(await transport.send("GET", "/"))
        taken.append((time.perf_counter() - started) * 1000)
    if answers[-1].status != 200:
        raise refused(answers[-1], transport.address, transport.address.access_key, "the list of buckets")
    return answers, taken


async def _conditional_writes(transport: S3Transport, bucket: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        dialect = await find_dialect(transport, bucket)
    except NotFoundError:
        return (f"conditional writes: not tried, bucket {bucket} does not exist yet",), ()
    except EnvironmentProblemError as error:
        return (), (str(error),)
    return (f"conditional writes: yes, {dialect} etags",), ()


def _skew(answer: Answer) -> tuple[str, ...]:
    skew = skew_seconds(answer.headers)
    return (f"its clock differs from this machine's by {skew:.0f} s: set both",) if skew > SKEW_SECONDS else ()
