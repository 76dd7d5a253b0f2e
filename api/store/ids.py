"""Identifiers of plans: unguessable, and sorting by the time of their making."""

from __future__ import annotations

import secrets
import time

PREFIX = "plan-"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_BITS, _RANDOM_BITS, _LENGTH = 48, 80, 26


def new_plan_id() -> str:
    """`plan-` and a ULID in lower-case Crockford base 32: 48 bits of Unix time in ms, then 80 random bits.

    Ids of one millisecond are in no order among themselves. Source: the ULID specification, github.com/ulid/spec.
    """
    number = (time.time_ns() // 1_000_000 % (1 << _TIME_BITS)) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return PREFIX + "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LENGTH)))
