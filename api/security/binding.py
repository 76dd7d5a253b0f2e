"""Before the socket opens: whether the address fits the keys."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from datetime import UTC, datetime

from api.security.addresses import address_in
from api.security.keys import usable
from api.settings import RequireKeys, Settings
from api.store.keys import KeyRow


class OpenToAll(Exception):
    """The service would answer everybody who reaches the address; the message says what an operator can do."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host or 'every address'} can be reached by other machines, and there is no API key. Either create one "
            "(placement keys create LABEL), or set PLACEMENT_REQUIRE_KEYS=always and create one later, or serve on "
            "127.0.0.1, or set PLACEMENT_REQUIRE_KEYS=never if every machine that reaches this address is trusted."
        )


def check(host: str, settings: Settings, keys: Iterable[KeyRow]) -> None:
    """Raise `OpenToAll` when `host` is reached by others and nothing says who may ask.

    A service that was started in another way is as safe: without a key it answers nobody from outside (`Guard`). This
    check only says so at once.
    """
    now = datetime.now(UTC)
    if settings.require_keys is RequireKeys.AUTO and not is_loopback(host) and not any(usable(k, now) for k in keys):
        raise OpenToAll(host)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address; a name must lead to such addresses only."""
    if not host:
        return False
    address = address_in(host)
    if address is not None:
        return address.is_loopback
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return False
    return all((address := address_in(each)) is not None and address.is_loopback for each in found)
