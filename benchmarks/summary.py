"""From measurements to figures: medians, shares proven, gaps, and ratios on the same instances."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.measuring import Measurement

AGREEMENT = 1e-6
"""Relative difference up to which two proven optima count as the same."""
TARGET_S = 3.0
"""Seconds within which 32 layers on 8 nodes should be proven."""
TARGET_FAMILIES = ("latency", "energy", "weighted", "gpipe")
TARGET_INSTANCE = "32x8"
TARGET_BACKENDS = ("milp", "cp_sat")
RATIOS = (("reference_milp", "milp"), ("reference_cp_sat", "cp_sat"))
"""Textbook formulation against ours, by the same solver."""

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Cell:
    """One backend on one instance of one family, over its seeds. Times in s."""

    family: str
    instance: str
    backend: str
    runs: tuple[Measurement, ...]

    @property
    def proven(self) -> int:
        """Runs that ended with a proof."""
        return sum(run.proven for run in self.runs)

    @property
    def failed(self) -> int:
        """Runs without an answer."""
        return sum(run.error is not None for run in self.runs)

    @property
    def median_solve_s(self) -> float | None:
        """Of the solver alone."""
        return median(run.solve_s for run in self.runs)

    @property
    def slowest_solve_s(self) -> float | None:
        """The same, the slowest run."""
        return max((run.solve_s for run in self.runs if run.solve_s is not None), default=None)

    @property
    def median_request_s(self) -> float | None:
        """Of JSON in, plan, JSON out."""
        return median(run.request_s for run in self.runs)

    @property
    def slowest_request_s(self) -> float | None:
        """The same, the slowest run."""
        return max((run.request_s for run in self.runs if run.request_s is not None), default=None)

    @property
    def median_cpu_s(self) -> float | None:
        """Processor time of the request."""
        return median(run.cpu_s for run in self.runs)

    @property
    def most_cpu_s(self) -> float | None:
        """The same, the most of any run."""
        return max((run.cpu_s for run in self.runs if run.cpu_s is not None), default=None)

    @property
    def widest_gap(self) -> float | None:
        """Of the runs without proof; None where all are proven or no plan (or bound) is known."""
        return max((run.gap for run in self.runs if not run.proven and run.gap is not None), default=None)

    @property
    def peak_bytes(self) -> int | None:
        """Largest over the runs."""
        return max((run.peak_bytes for run in self.runs if run.peak_bytes is not None), default=None)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Solver seconds of a textbook formulation over ours, on the same seeds."""

    family: str
    instance: str
    reference: str
    ours: str
    median: float
    reference_proven: int
    ours_proven: int
    seeds: int

    @property
    def is_floor(self) -> bool:
        """Whether the true ratio is larger still: the textbook ran into its limit, ours proved all."""
        return self.reference_proven < self.seeds and self.ours_proven == self.seeds

    @property
    def is_comparable(self) -> bool:
        """Whether the ratio says anything: ours proved all."""
        return self.ours_proven == self.seeds


@dataclass(frozen=True, slots=True)
class Worse:
    """How much worse than the proven optimum a simple rule is. `median` is over the seeds where it breaks no limit."""

    family: str
    rule: str
    feasible: int
    seeds: int
    median: float | None


def median(values: Iterable[float | None]) -> float | None:
    """The median of what is known; None of nothing."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def cells(runs: list[Measurement]) -> list[Cell]:
    """The runs by family, instance and backend, in the order in which these first occur."""
    grouped: dict[Key, list[Measurement]] = {}
    for run in runs:
        grouped.setdefault((run.family, run.instance, run.backend), []).append(run)
    return [Cell(*key, tuple(group)) for key, group in grouped.items()]


def ratios(runs: list[Measurement]) -> Iterator[Ratio]:
    """Each textbook formulation over ours, on the seeds that both ran."""
    by_key = {(cell.family, cell.instance, cell.backend): cell for cell in cells(runs)}
    for family, instance in dict.fromkeys((run.family, run.instance) for run in runs):
        for reference, ours in RATIOS:
            theirs, own = by_key.get((family, instance, reference)), by_key.get((family, instance, ours))
            if theirs is None or own is None:
                continue
            own_by_seed = {run.seed: run for run in own.runs}
            pairs = [(run, own_by_seed[run.seed]) for run in theirs.runs if run.seed in own_by_seed]
            quotients = [a.solve_s / b.solve_s for a, b in pairs if a.solve_s is not None and b.solve_s]
            if quotients:
                yield Ratio(
                    family,
                    instance,
                    reference,
                    ours,
                    statistics.median(quotients),
                    sum(a.proven for a, _ in pairs),
                    sum(b.proven for _, b in pairs),
                    len(pairs),
                )


def simple_rules(runs: list[Measurement]) -> Iterator[Worse]:
    """Every simple rule against the proven optimum, per family over all its instances and seeds."""
    optima: dict[tuple[str, str, int], Measurement] = {}
    for run in runs:
        if run.proven:
            optima.setdefault((run.family, run.instance, run.seed), run)
    for family in dict.fromkeys(run.family for run in runs):
        excess: dict[str, list[float | None]] = {}
        for run in (optimum for key, optimum in optima.items() if key[0] == family):
            for rule, objective in run.baselines:
                excess.setdefault(rule, []).append(None if objective is None else _excess(run, objective))
        for rule, values in excess.items():
            feasible = sum(value is not None for value in values)
            yield Worse(family, rule, feasible, len(values), median(values))


def _excess(run: Measurement, objective: float) -> float:
    """Relative to the better of the two: 1 is twice as slow, as much, or half as many per second."""
    assert run.objective is not None  # a proven plan has a value
    better, worse = run.objective, objective
    if run.objective_kind == "throughput":
        better, worse = worse, better
    return worse / better - 1 if better > 0 else 0.0


def disagreements(runs: list[Measurement]) -> list[str]:
    """Instances on which two backends both claim a proof, of different values; there should be none."""
    found = []
    first: dict[tuple[str, str, int], Measurement] = {}
    for run in runs:
        if not run.proven or run.objective is None:
            continue
        known = first.setdefault((run.family, run.instance, run.seed), run)
        assert known.objective is not None
        if abs(run.objective - known.objective) > 2 * AGREEMENT * abs(known.objective):
            found.append(
                f"{run.family} {run.instance} seed {run.seed}: {known.backend} proves {known.objective!r}, "
                f"{run.backend} {run.objective!r}"
            )
    return found


def target(runs: list[Measurement]) -> list[Cell]:
    """The cells of the target: 32 layers on 8 nodes, four objectives, both solvers."""
    return [
        cell
        for cell in cells(runs)
        if cell.family in TARGET_FAMILIES and cell.instance == TARGET_INSTANCE and cell.backend in TARGET_BACKENDS
    ]
