"""From noisy readings to changes: a band around the rate last acted upon, and a time for which it must be left."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field

from examples.orchestrator.readings import Ends, Rates, Reading


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """When a link counts as changed."""

    leave: float = 0.25
    """A rate r has left its band when it is beyond a factor 1 + leave of the rate last acted upon, up or down..."""
    back: float = 0.10
    """...and is back only within a factor 1 + back: a rate at the edge of the band does not flutter (hysteresis)."""
    hold_s: float = 5.0
    """A change is one that lasts so long (debounce)."""


@dataclass(slots=True)
class _Away:
    since_s: float
    rates: list[float] = field(default_factory=list)


class Watch:
    """Knows the rates that were acted upon, and says when they hold no longer."""

    def __init__(self, rates: Rates, sensitivity: Sensitivity) -> None:
        self._sensitivity = sensitivity
        self._away: dict[Ends, _Away] = {}
        self.rates = dict(rates)

    def changed(self, reading: Reading) -> dict[Ends, float]:
        """Links whose rate has changed for good, with the median since then; empty: nothing to do."""
        found = {}
        for ends, rate in reading.rates.items():
            away = self._seen(ends, rate, reading.at_s)
            if away is not None and reading.at_s - away.since_s >= self._sensitivity.hold_s:
                found[ends] = statistics.median(away.rates)
        for ends, rate in found.items():
            self.rates[ends] = rate
            del self._away[ends]
        return found

    def _seen(self, ends: Ends, rate: float, at_s: float) -> _Away | None:
        known = self.rates.setdefault(ends, rate)
        distance = abs(math.log(rate / known)) if rate > 0 else math.inf
        if distance <= math.log1p(self._sensitivity.back):
            self._away.pop(ends, None)
        elif ends in self._away or distance > math.log1p(self._sensitivity.leave):
            self._away.setdefault(ends, _Away(at_s)).rates.append(rate)
        return self._away.get(ends)
