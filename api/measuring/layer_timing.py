"""Times the passes of layers: warm-up, then rounds until the medians are known well enough or time is up."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import quantiles
from typing import Any

from api.measuring.layer_passes import LayerWork, PassedLayer, PassName, Timer, passed_layer
from api.measuring.transformer import SplitTransformer

LayerSamples = dict[PassName, list[float]]
"""Seconds of every timed pass of one layer; a pass that the layer does not have is absent."""


@dataclass(frozen=True, slots=True)
class Effort:
    """When to stop: after `budget_s`, or once every median is known to within `tolerance`."""

    budget_s: float = 60.0
    """From the first timed round on. The rounds of `minimum_rounds` are run whatever they take."""
    tolerance: float = 0.02
    """Largest standard error of a median, relative to it."""
    warm_up_rounds: int = 2
    minimum_rounds: int = 5
    maximum_rounds: int = 200


def wall_clock(work: Callable[[], Any]) -> tuple[Any, float]:
    """The timer of a node that nobody slows down."""
    started_s = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started_s


def time_layers(
    model: SplitTransformer,
    layers: Sequence[int],
    work: LayerWork,
    *,
    timer: Timer[Any] = wall_clock,
    effort: Effort | None = None,
) -> dict[int, LayerSamples]:
    """Seconds per pass of the given layers, which are all held in memory at once, as a stage holds them.

    A round goes forward through all of them, then backward from the last to the first, then updates (or decodes); so
    what a layer finds in the processor's caches is what a stage of these layers would find there.
    `timer` runs a pass and says how long it took, on whatever clock and under whatever throttle the caller has.
    """
    return time_passes([passed_layer(model, index, work) for index in layers], timer, effort or Effort())


def time_passes(built: Sequence[PassedLayer], timer: Timer[Any], effort: Effort) -> dict[int, LayerSamples]:
    """The same for layers that have been built."""
    for _ in range(effort.warm_up_rounds):
        _round(built, timer)
    samples: dict[int, LayerSamples] = {layer.index: defaultdict(list) for layer in built}
    end_s = time.monotonic() + effort.budget_s
    for number in range(1, effort.maximum_rounds + 1):
        for index, name, seconds in _round(built, timer):
            samples[index][name].append(seconds)
        if number >= effort.minimum_rounds and (time.monotonic() >= end_s or _settled(samples, effort.tolerance)):
            break
    return {index: dict(of_layer) for index, of_layer in samples.items()}


def _round(built: Sequence[PassedLayer], timer: Timer[Any]) -> list[tuple[int, PassName, float]]:
    taken = []
    for name in (PassName.FORWARD, PassName.DECODE, PassName.BACKWARD, PassName.UPDATE):
        in_order = reversed(built) if name is PassName.BACKWARD else built
        taken += [(layer.index, name, layer.run(name, timer)) for layer in in_order if name in layer.passes()]
    return taken


def _settled(samples: dict[int, LayerSamples], tolerance: float) -> bool:
    return all(median_error(values) <= tolerance for of_layer in samples.values() for values in of_layer.values())


def median_error(values: Sequence[float]) -> float:
    """Relative standard error of the median, 0.93 (q3 - q1) / (sqrt(n) median).

    Of n normal samples with deviation sigma the median scatters by 1.2533 sigma / sqrt(n), and q3 - q1 = 1.349 sigma;
    quartiles are used because a pause of the scheduler does not move them. Reference: M. G. Kendall and A. Stuart,
    The Advanced Theory of Statistics, vol. 1, 10.
    """
    first, middle, third = quantiles(values, n=4, method="inclusive")
    return 0.93 * (third - first) / (sqrt(len(values)) * middle)
