"""The Prefer header (RFC 7240): whether a caller waits for the plan, and how long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LONGEST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the caller prefers; what is malformed or unknown counts as not said, as RFC 7240 asks."""

    respond_async: bool = False
    wait_s: int | None = None

    def seconds_to_wait(self, otherwise_s: float, most_s: float) -> float:
        """How long to wait before the answer is 202; `otherwise_s` where the caller says nothing."""
        if self.wait_s is not None:
            return min(float(self.wait_s), most_s)
        return 0.0 if self.respond_async else min(otherwise_s, most_s)

    def applied(self, waited_s: float, *, at_once: bool) -> dict[str, str]:
        """The Preference-Applied header: what of this the answer followed; nothing asked, nothing said."""
        said = ["respond-async"] if self.respond_async and at_once else []
        if self.wait_s is not None:
            said.append(f"wait={int(waited_s)}")
        return {"Preference-Applied": ", ".join(said)} if said else {}


def preferences(headers: Iterable[str]) -> Preferences:
    """Read the values of all Prefer headers of a request; of a preference given twice the first counts."""
    found: dict[str, str] = {}
    for name, value in _each(",".join(headers)):
        found.setdefault(name, value)
    wait = found.get("wait", "")
    known = wait.isascii() and wait.isdecimal() and len(wait) <= _LONGEST_DIGITS
    return Preferences(respond_async="respond-async" in found, wait_s=int(wait) if known else None)


def _each(text: str) -> Iterator[tuple[str, str]]:
    """Names and values; parameters after a semicolon belong to no preference that is known here."""
    for part in text.split(","):
        name, _, value = part.split(";")[0].partition("=")
        yield name.strip().lower(), value.strip().strip('"')
