"""What an API key looks like, and what is kept of it: a hash, so that whoever reads the database can use no key."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from api.store.keys import KeyRow

PREFIX = "placement"
"""Keys begin with it, so that scanners find one that was committed by mistake."""
_SHAPE = re.compile(rf"{PREFIX}_(key-[0-9a-f]{{12}})_[0-9a-f]{{64}}")


@dataclass(frozen=True, slots=True)
class MintedKey:
    """A new key. Its text is shown once and kept nowhere."""

    id: str
    text: str = field(repr=False)
    key_hash: str


def mint() -> MintedKey:
    """A key of 256 random bits."""
    key_id = f"key-{secrets.token_hex(6)}"
    text = f"{PREFIX}_{key_id}_{secrets.token_hex(32)}"
    return MintedKey(key_id, text, hash_of(text))


def hash_of(text: str) -> str:
    """SHA-256: nobody guesses 256 random bits, so a slow hash would protect nothing and cost every request."""
    return hashlib.sha256(text.encode()).hexdigest()


def id_in(text: str) -> str | None:
    """The id in what was shown as a key; None when it cannot be one."""
    shape = _SHAPE.fullmatch(text)
    return shape[1] if shape else None


def usable(key: KeyRow, now: datetime) -> bool:
    """Neither revoked nor expired."""
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


def opens(key: KeyRow, text: str, now: datetime) -> bool:
    """`text` is this key, and the key is usable; compared in a time that tells nothing of the hash."""
    return hmac.compare_digest(key.key_hash, hash_of(text)) and usable(key, now)
