"""Which addresses are this machine's own, and by which names a service without keys may be called."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from functools import lru_cache


@lru_cache(maxsize=64)
def address_in(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that `host` is; None when it is a name or a path."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def reached_at(server: tuple[str, int | None] | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address at which a connection came in, from the ASGI scope's `server`.

    Servers fill in the address of the connection's own socket, also when they listen on 0.0.0.0. None for a Unix
    socket, which the file system guards, and for a name, which comes from callers within the process only.
    """
    return address_in(server[0]) if server else None


def own_name(host_header: str, allowed: Collection[str]) -> bool:
    """The Host header is an address, localhost or an allowed name: a page that pointed its own name here shows that."""
    host = host_header.lower()
    if host.startswith("["):
        host = host.partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    host = host.strip("[].")
    return host == "localhost" or host.endswith(".localhost") or host in allowed or address_in(host) is not None
