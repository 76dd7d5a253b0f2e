"""Reads keys of a config.json object that may hold anything; collects every fault instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.base import Fault
from models.profile import MAX_LAYERS

MAX_BLOCKS = MAX_LAYERS - 2
MAX_WIDTH = 1 << 20
MAX_HEADS = 1 << 14
MAX_VOCABULARY = 1 << 26
MAX_POSITIONS = 1 << 30
MAX_EXPERTS = 1 << 14
MAX_PIXELS = 1 << 15
MAX_CLASSES = 1 << 24
_ABSENT = object()


def shown(value: Any) -> int | float | bool | str | None:
    """A value short enough to be quoted in an answer, else None."""
    if isinstance(value, str):
        return value if len(value) <= 60 and value.isascii() and value.isprintable() else None
    if isinstance(value, bool | float):
        return value
    return value if isinstance(value, int) and abs(value) < 10**18 else None


def escaped(key: str) -> str:
    """A key as a reference token of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


class ConfigReader:
    """Typed access to the keys of one config object.

    A faulty key yields a small stand-in value, so that reading goes on and finds the other faults too;
    what was built from stand-ins is thrown away, because the caller refuses when `faults` is not empty.
    """

    def __init__(self, config: Mapping[str, Any], pointer: str, outer: Mapping[str, Any] | None = None) -> None:
        self._config = config
        self._outer = outer or {}
        self.pointer = pointer
        self.faults: list[Fault] = []

    def fault(self, key: str, code: str, message: str, limit: Any = None) -> None:
        """Report what is wrong with a key."""
        actual = shown(self._config.get(key))
        self.faults.append(Fault(f"{self.pointer}/{escaped(key)}", code, f"config key {key}: {message}", actual, limit))

    def raw(self, key: str, *, inherit: bool = False) -> Any:
        """The value as it is, else None; with `inherit` the enclosing config's where the key is absent."""
        value = self._config.get(key, _ABSENT)
        if value is _ABSENT and inherit:
            value = self._outer.get(key, _ABSENT)
        return None if value is _ABSENT else value

    def count(self, *keys: str, default: int, maximum: int, minimum: int = 1) -> int:
        """A whole number; the first key that is present counts, null is a fault."""
        found = self._optional(keys, maximum, minimum)
        if found is _ABSENT:
            return default
        if found is None:
            self.fault(self._present(keys), "wrong_type", "must be a whole number, not null")
            return minimum
        return int(found)

    def optional_count(self, *keys: str, default: int | None, maximum: int, minimum: int = 1) -> int | None:
        """A whole number or null; `default` only where no key is present."""
        found = self._optional(keys, maximum, minimum)
        return default if found is _ABSENT else found

    def flag(self, key: str, *, default: bool, inherit: bool = False) -> bool:
        """True or false; null means the default."""
        value = self.raw(key, inherit=inherit)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fault(key, "wrong_type", "must be true or false")
            return default
        return value

    def word(self, key: str, *, default: str, known: Mapping[str, Any]) -> str:
        """One of the known words; null means the default."""
        value = self.raw(key)
        if value is None:
            return default
        if not isinstance(value, str) or value not in known:
            self.fault(key, "unsupported", f"must be one of {', '.join(sorted(known))}", sorted(known))
            return default
        return value

    def probability(self, key: str, *, default: float) -> float:
        """A number from 0 up to 1; null means 0 (no dropout)."""
        value = self._config.get(key, default)
        if value is None:
            return 0.0
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            self.fault(key, "out_of_range", "must be a number from 0 to 1")
            return 0.0
        return float(value)

    def pixels(self, key: str, *, default: int) -> tuple[int, int]:
        """A side length, or [height, width]."""
        value = self._config.get(key, default)
        sides = value if isinstance(value, list) and len(value) == 2 else [value, value]
        if not all(isinstance(side, int) and not isinstance(side, bool) and 1 <= side <= MAX_PIXELS for side in sides):
            self.fault(key, "out_of_range", f"must be a side or [height, width], each from 1 to {MAX_PIXELS}")
            return (1, 1)
        return (sides[0], sides[1])

    def sound(self, *keys: str) -> bool:
        """Whether no fault was found in these keys, so that rules across them can be checked."""
        faulty = {fault.pointer for fault in self.faults}
        return faulty.isdisjoint(f"{self.pointer}/{escaped(key)}" for key in keys)

    def refuse_true(self, key: str, reason: str) -> None:
        """Report a switch that changes the architecture into one that is not covered."""
        if self.flag(key, default=False):
            self.fault(key, "unsupported", reason)

    def _present(self, keys: tuple[str, ...]) -> str:
        return next((key for key in keys if key in self._config), keys[0])

    def _optional(self, keys: tuple[str, ...], maximum: int, minimum: int) -> Any:
        key = self._present(keys)
        value = self._config.get(key, _ABSENT)
        if value is _ABSENT or value is None:
            return value
        if isinstance(value, bool) or not isinstance(value, int):
            self.fault(key, "wrong_type", "must be a whole number")
            return minimum
        if not minimum <= value <= maximum:
            limit = minimum if value < minimum else maximum
            self.fault(key, "out_of_range", f"must be from {minimum} to {maximum}", limit)
            return minimum
        return value
