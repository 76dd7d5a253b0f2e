"""Where link rates come from: a scripted trace, or files that `placement measure link` wrote."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from models import Link, PlanRequest

Ends = tuple[str, str]
"""Sender and receiver."""
Rates = Mapping[Ends, float]
"""Bits per second of directed links."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What links carry at one moment."""

    at_s: float
    rates: Rates


@dataclass(frozen=True, slots=True)
class Shift:
    """From a moment on, a link carries so many times its usual rate, both ways, until the next shift of it."""

    at_s: float
    link: Ends
    factor: float


WIFI = ("phone", "edge")
SCRIPT = (
    Shift(30, WIFI, 0.1),
    Shift(33, WIFI, 1.0),  # gone before anybody should have moved anything
    Shift(60, WIFI, 0.23),  # another placement is better, but hardly
    Shift(120, WIFI, 0.05),  # worth moving for
    Shift(240, WIFI, 1.0),  # and back
)
SCRIPT_LASTS_S = 300


def rates_in(request: PlanRequest) -> dict[Ends, float]:
    """The rates of a request's links, direction by direction."""
    found = {}
    for link in request.cluster.links:
        found.update(rates_of(link))
    return found


def rates_of(link: Link) -> dict[Ends, float]:
    """The rates of a link, direction by direction."""
    there, back = (link.source, link.target), (link.target, link.source)
    rates = {there: link.bandwidth_bits_per_s}
    if link.bidirectional:
        rates[back] = link.reverse_bandwidth_bits_per_s or link.bandwidth_bits_per_s
    return rates


def with_rates(request: PlanRequest, rates: Rates) -> PlanRequest:
    """The same request over links that carry this much; links of which nothing is said stay as they are."""
    links = []
    for link in request.cluster.links:
        there, back = (link.source, link.target), (link.target, link.source)
        known = {ends: rates.get(ends, rate) for ends, rate in rates_of(link).items()}
        changed = {"bandwidth_bits_per_s": known[there]}
        if back in known:
            changed["reverse_bandwidth_bits_per_s"] = known[back]
        links.append(link.model_copy(update=changed))
    return request.model_copy(update={"cluster": request.cluster.model_copy(update={"links": tuple(links)})})


def scripted(request: PlanRequest, noise: float = 0.08, seed: int = 1) -> Iterator[Reading]:
    """A reading a second: the request's rates, shifted by the script, each off by up to `noise` of itself."""
    chance = random.Random(seed)  # noqa: S311 - noise, not a secret
    usual = rates_in(request)
    for second in range(SCRIPT_LASTS_S):
        factors = {frozenset(shift.link): shift.factor for shift in SCRIPT if shift.at_s <= second}
        rates = {
            ends: rate * factors.get(frozenset(ends), 1.0) * chance.uniform(1 - noise, 1 + noise)
            for ends, rate in usual.items()
        }
        yield Reading(float(second), rates)


def measured(
    folder: Path,
    every_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Reading]:
    """What the files in a folder say, read every so often, without end.

    Each `*.json` is what `placement measure link --out FILE` writes, or an entry of `cluster.links`. Whoever measures
    writes the file anew; one that is half written, or says nothing, is left out this time.
    """
    begin_s = clock()
    while True:
        rates: dict[Ends, float] = {}
        for file in sorted(folder.glob("*.json")):
            try:
                said = json.loads(file.read_text())
                rates.update(rates_of(Link.model_validate(said.get("link", said))))
            except (OSError, ValueError, AttributeError):
                continue
        yield Reading(clock() - begin_s, rates)
        sleep(every_s)
