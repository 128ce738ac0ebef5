"""Whom a team's pods trust: whom the operator trusts. They do not see its disk, so the authority goes along with the
URLs, as one file. What a `certfile=` names does not: it says who the operator is, and nobody else is given that.
"""

from collections.abc import Mapping

from aios.adapters.kubernetes.pod_services import AUTHORITY, AUTHORITY_FILE
from aios.adapters.tls import Trust, with_cafile
from aios.errors import EnvironmentProblemError


def with_authority(variables: Mapping[str, str]) -> dict[str, str]:
    """URLs by variable, for a Secret: with the certificates of the file that their `cafile=` names here, and with
    the path where pods find those. Without any `cafile=` they are as they were.

    Raises EnvironmentProblemError when a file cannot be read, for a `certfile`, or for several authorities: in one
    file all of them would be trusted by every URL.
    """
    stated = {name: Trust.from_url(url) for name, url in variables.items()}
    ours = sorted(name for name, trust in stated.items() if trust.certfile)
    if ours:
        raise EnvironmentProblemError(
            f"{', '.join(ours)}: certfile is the operator's own certificate and pods are not given it: state "
            "URLs there that need none"
        )
    found = {name: trust.authorities() for name, trust in stated.items() if trust.cafile}
    if not found:
        return dict(variables)
    if len(set(found.values())) > 1:
        raise EnvironmentProblemError(
            f"{', '.join(sorted(found))} name different authorities by cafile, and pods have one file of them: name "
            "the same file in all, with every authority in it"
        )
    moved = {name: with_cafile(url, AUTHORITY_FILE) for name, url in variables.items()}
    return {**moved, AUTHORITY: next(iter(found.values()))}
