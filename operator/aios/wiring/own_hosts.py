"""Which hosts are yours by their name alone: private addresses, and names that no stranger can register.

It answers for what may read Restricted data, so whatever it does not know is somebody else's: public addresses and
names however written, and the blocks that only wrap a public address (IPv4 in IPv6, 6to4, Teredo, NAT64).
"""

import ipaddress
import socket

SUFFIXES = (".svc", ".cluster.local", ".local", ".internal", ".lan", ".home.arpa", ".localhost")
"""Kubernetes Services and local names. Reserved by RFC 6762 (.local), RFC 8375 (.home.arpa), RFC 6761 (.localhost) and
ICANN (.internal, 2024); .svc and .lan are delegated to nobody."""
NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
        *("::1/128", "fc00::/7", "fe80::/10"),
    )
)
"""Loopback, private and link-local. Not `is_private`: in some releases of Python that holds of ::ffff:8.8.8.8, too."""


def is_own(host: str) -> bool:
    """Whether `host`, as `ModelSpec.host` gives it (lower case, plain ASCII, no brackets), can only be a machine of
    yours."""
    address = _address(host)
    if address is not None:
        return any(address in network for network in NETWORKS)
    if "." not in host:
        # A Service of Compose, or of the own namespace. An address would have a colon.
        return bool(host) and ":" not in host
    return host.removesuffix(".").endswith(SUFFIXES)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """None for a name. 134744072 and 0x8080808 look like names and are what resolvers take for 8.8.8.8."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
