"""Ours against others on the same instances: how much longer they take, and how much worse their plans are."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.contestants import AUTO, OURS, RULES, TEXTBOOK
from benchmarks.measuring import Measurement, weighted_value
from benchmarks.summary import cells, median

Instance = tuple[str, str, int]
"""Family, instance, seed."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Solver seconds of another contestant over ours, on the same seeds: median, and the least of any seed."""

    family: str
    instance: str
    contestant: str
    ours: str
    median: float
    least: float
    proven: int
    ours_proven: int
    seeds: int

    @property
    def is_floor(self) -> bool:
        """Whether the true ratio is larger still: theirs ran into its limit, ours proved all."""
        return self.proven < self.seeds and self.ours_proven == self.seeds

    @property
    def is_comparable(self) -> bool:
        """Whether the ratio says anything: ours proved all."""
        return self.ours_proven == self.seeds

    @property
    def is_slower(self) -> bool:
        """Whether ours took longer on some seed."""
        return self.least < 1


@dataclass(frozen=True, slots=True)
class Quality:
    """How many times worse another's plans are: over the proven optimum, or over our bound where nothing is proven.

    Median and worst are over the seeds where it has a plan that keeps every rule; `seconds` are over our seconds.
    """

    family: str
    instance: str
    contestant: str
    median: float | None
    worst: float | None
    feasible: int
    seeds: int
    by_bound: int
    """Seeds of these where the optimum is unknown, so that the true figure may be lower."""
    seconds: float | None


def instance_of(run: Measurement) -> Instance:
    """What a run can be compared on."""
    return run.family, run.instance, run.seed


def time_ratios(runs: list[Measurement], ours: str = AUTO) -> Iterator[Ratio]:
    """Each textbook formulation over ours, on the seeds that both ran."""
    own_runs = {instance_of(run): run for run in runs if run.contestant == ours}
    for cell in cells(runs):
        if cell.contestant not in TEXTBOOK:
            continue
        pairs = [(run, own_runs[instance_of(run)]) for run in cell.runs if instance_of(run) in own_runs]
        quotients = [a.solve_s / b.solve_s for a, b in pairs if a.solve_s is not None and b.solve_s]
        if quotients:
            yield Ratio(
                cell.family,
                cell.instance,
                cell.contestant,
                ours,
                statistics.median(quotients),
                min(quotients),
                sum(a.proven for a, _ in pairs),
                sum(b.proven for _, b in pairs),
                len(pairs),
            )


def qualities(runs: list[Measurement]) -> Iterator[Quality]:
    """Every rule, simple rule of the answer's baselines, and textbook formulation, against the yardstick.

    Lexicographic objectives are left out: their last term alone ranks nothing.
    """
    known = yardsticks(runs)
    own = {instance_of(run): run.solve_s for run in runs if run.contestant == AUTO}
    for cell in cells(runs):
        if cell.contestant in (*RULES, *TEXTBOOK):
            pairs = [(run, known[instance_of(run)]) for run in cell.runs
                     if instance_of(run) in known and run.objective_kind != "lexicographic"]  # fmt: skip
            values = [_value(a, b) for a, b in pairs]
            seconds = [a.solve_s / ours_s for a, _ in pairs
                       if a.solve_s is not None and (ours_s := own.get(instance_of(a)))]  # fmt: skip
            yield _quality(cell.family, cell.instance, cell.contestant,
                           list(zip(values, (b for _, b in pairs), strict=True)), median(seconds))  # fmt: skip
        elif cell.contestant == AUTO:
            answers = [known[instance_of(run)] for run in cell.runs
                       if instance_of(run) in known and run.objective_kind != "lexicographic"]  # fmt: skip
            for rule in dict.fromkeys(name for run in answers for name, _ in run.baselines):
                best = [(_best(run, rule), run) for run in answers]
                yield _quality(cell.family, cell.instance, rule, best, None)


def _value(run: Measurement, optimum: Measurement) -> float | None:
    """The run's objective; the evaluator gives none to weighted ones, whose single optima it does not know."""
    is_rule = run.contestant in RULES
    return weighted_value(run, optimum) if is_rule and run.objective_kind == "weighted" else run.objective


def yardsticks(runs: list[Measurement]) -> dict[Instance, Measurement]:
    """Per instance the run to compare with: a proven one, else ours with the best bound."""
    found: dict[Instance, Measurement] = {}
    for run in runs:
        if run.contestant not in (*OURS, *TEXTBOOK) or run.objective is None or run.bound is None:
            continue
        known = found.get(instance_of(run))
        if known is None or (run.proven, -(run.gap or 0.0)) > (known.proven, -(known.gap or 0.0)):
            found[instance_of(run)] = run
    return found


def _best(run: Measurement, rule: str) -> float | None:
    """A simple rule's objective; of several placements by one rule, the best."""
    values = [value for name, value in run.baselines if name == rule and value is not None]
    choose = max if run.objective_kind == "throughput" else min
    return choose(values, default=None)


def _quality(
    family: str, instance: str, name: str, pairs: list[tuple[float | None, Measurement]], seconds: float | None
) -> Quality:
    worse = [factor for value, run in pairs if value is not None and (factor := times_worse(run, value)) is not None]
    return Quality(
        family,
        instance,
        name,
        median(worse),
        max(worse, default=None),
        sum(value is not None for value, _ in pairs),
        len(pairs),
        sum(value is not None and not run.proven for value, run in pairs),
        seconds,
    )


def times_worse(yardstick: Measurement, value: float) -> float | None:
    """Value over the optimum (or the bound): 2 is twice as slow, twice as much, or half as many per second."""
    best = yardstick.objective if yardstick.proven else yardstick.bound
    if best is None:
        return None
    better, worse = (value, best) if yardstick.objective_kind == "throughput" else (best, value)
    return worse / better if better > 0 else None
