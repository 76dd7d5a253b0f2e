"""From measurements to figures: medians, shares proven, gaps, and how they develop over time."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.contestants import BACKENDS, RULES
from benchmarks.measuring import Measurement
from benchmarks.traces import PROVEN

AGREEMENT = 1e-6
"""Relative difference up to which two proven optima count as the same."""

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Cell:
    """One contestant on one instance of one family, over its seeds. Times in s."""

    family: str
    instance: str
    contestant: str
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
        return largest(run.solve_s for run in self.runs)

    @property
    def median_request_s(self) -> float | None:
        """Of JSON in, plan, JSON out."""
        return median(run.request_s for run in self.runs)

    @property
    def median_cpu_s(self) -> float | None:
        """Processor time of the request."""
        return median(run.cpu_s for run in self.runs)

    @property
    def widest_gap(self) -> float | None:
        """Of the runs without proof; None where all are proven or no plan (or bound) is known."""
        return largest(run.gap for run in self.runs if not run.proven)

    @property
    def peak_bytes(self) -> float | None:
        """Largest over the runs."""
        return largest(run.peak_bytes for run in self.runs)


@dataclass(frozen=True, slots=True)
class Milestone:
    """When runs reached something: median seconds over those that did, and how many did."""

    seconds: float | None
    reached: int
    runs: int


def median(values: Iterable[float | None]) -> float | None:
    """The median of what is known; None of nothing."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def largest(values: Iterable[float | None]) -> float | None:
    """The largest of what is known; None of nothing."""
    return max((value for value in values if value is not None), default=None)


def cells(runs: list[Measurement]) -> list[Cell]:
    """The runs by family, instance and contestant, in the order in which these first occur."""
    grouped: dict[Key, list[Measurement]] = {}
    for run in runs:
        grouped.setdefault((run.family, run.instance, run.contestant), []).append(run)
    return [Cell(*key, tuple(group)) for key, group in grouped.items()]


def planners(found: list[Cell]) -> list[Cell]:
    """The cells of contestants that can prove something."""
    return [cell for cell in found if cell.contestant in BACKENDS and cell.contestant not in RULES]


def milestones(cell: Cell) -> dict[str, Milestone]:
    """First plan, 5 %, 1 %, proof. A proof counts where the answer itself says so."""
    traced = [run for run in cell.runs if run.trace.entries]

    def at(times: list[float | None]) -> Milestone:
        return Milestone(median(times), sum(time is not None for time in times), len(times))

    return {
        "first plan": at([run.trace.first_incumbent_s for run in traced]),
        "5 %": at([run.trace.seconds_to(0.05) for run in traced]),
        "1 %": at([run.trace.seconds_to(0.01) for run in traced]),
        "proof": at([run.trace.seconds_to(PROVEN) if run.proven else None for run in traced]),
    }


def disagreements(runs: list[Measurement]) -> list[str]:
    """Instances on which two contestants both claim a proof, of different values; there should be none."""
    found = []
    first: dict[tuple[str, str, int], Measurement] = {}
    for run in runs:
        if not run.proven or run.objective is None:
            continue
        known = first.setdefault((run.family, run.instance, run.seed), run)
        assert known.objective is not None
        if abs(run.objective - known.objective) > 2 * AGREEMENT * abs(known.objective):
            found.append(
                f"{run.family} {run.instance} seed {run.seed}: {known.contestant} proves {known.objective!r}, "
                f"{run.contestant} {run.objective!r}"
            )
    return found


def refuted_bounds(runs: list[Measurement]) -> Iterator[str]:
    """Runs that streamed a bound above the one that they answered; there should be none, as a bound holds for good."""
    for run in runs:
        if run.trace.refuted:
            yield (
                f"{run.family} {run.instance} seed {run.seed} {run.contestant}: {run.trace.refuted} streamed "
                "bounds lie above the one answered"
            )
