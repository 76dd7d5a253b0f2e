"""One setting after another: measure, plan, run every plan, measure layers, run every plan once more, measure layers.

Plans are chosen by what was measured first. Each round is predicted from layer times measured just before and just
after it, for the machine's pace changes by tens of per cent within a minute. The order of the plans changes from
round to round, so that a machine that slows down favours none of them. A run that fails is written down and the others
go on. A setting that no time is left for is dropped, and said to be.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.validation.candidates import Candidate, Choice, choose, foreseen
from benchmarks.validation.inputs import Layers, LayerSeconds, Measured, request_of
from benchmarks.validation.record import PlanRun, Ran, Round, SettingRun
from benchmarks.validation.settings import Setting
from benchmarks.validation.statistics import median
from models.plan import Status

ROUNDS = 2
MOST_ITERATIONS = 3
"""Measured per round and plan, beside one warm-up."""
STARTING_S = 0.5
"""Reckoned for sending a job out and building its stages, per plan and round."""
LEAST_S = 25.0
"""With less, a setting is dropped: measuring takes most of it, and two plans the rest."""
REMEASURE_SHARE = 0.15
"""Of a setting's time, kept for measuring layers again after each round."""
PASSES = ("backward", "decode", "update")
"""Of `LayerSeconds`, in its order, that a workload may lack."""


class Bench(Protocol):
    """Where settings run: the emulated nodes and links, or what stands in for them in a test."""

    def shape(self, setting: Setting) -> None:
        """Give the nodes their shares and the links their rates."""

    def measure(self, setting: Setting) -> Measured:
        """Seconds of every layer on every node, and what every directed link does."""

    def layers(self, setting: Setting) -> Layers:
        """The layers alone, once more."""

    def run(self, setting: Setting, candidate: Candidate, iterations: int) -> Ran:
        """Run a plan: one iteration that does not count, then as many as are said. Raises RuntimeError."""

    def revive(self) -> None:
        """Make the bench usable again after a run that failed."""


@dataclass
class Stopwatch:
    """Time left for everything."""

    clock: Callable[[], float]
    deadline_s: float

    def left_s(self) -> float:
        """Seconds until the deadline, negative behind it."""
        return self.deadline_s - self.clock()


def run_settings(
    bench: Bench, settings: Sequence[Setting], watch: Stopwatch, seed: int, tell: Callable[[str], None]
) -> Iterator[SettingRun | str]:
    """Every setting's outcome in turn; the name of a setting instead where no time was left for it."""
    for index, setting in enumerate(settings):
        share_s = watch.left_s() / (len(settings) - index)
        if watch.left_s() < LEAST_S:
            yield setting.name
            continue
        tell(f"{setting.name}: {setting.title()}")
        yield run_setting(bench, setting, Stopwatch(watch.clock, watch.clock() + share_s), seed + index, tell)


def run_setting(bench: Bench, setting: Setting, watch: Stopwatch, seed: int, tell: Callable[[str], None]) -> SettingRun:
    """One setting within its time; what fails is in the record."""
    begin = watch.clock()
    shares = {node.id: node.share for node in setting.nodes}
    measured: Measured | None = None
    try:
        bench.shape(setting)
        measured = bench.measure(setting)
        choice = choose(request_of(setting, measured), seed)
    except (RuntimeError, OSError, ValueError) as error:
        tell(f"  failed: {error}")
        _revive(bench, tell)
        took_s = watch.clock() - begin
        return SettingRun(setting.name, setting.title(), shares, measured, (), took_s, error=str(error))
    course = _Course(bench, setting, measured, watch, tell, list(choice.notes))
    plans = course.run(choice, seed)
    return SettingRun(
        setting.name,
        setting.title(),
        shares,
        measured,
        plans,
        watch.clock() - begin,
        proven=choice.status is Status.OPTIMAL,
        drift=course.drift,
        notes=tuple(course.notes),
    )


def iterations_per_round(candidates: Sequence[Candidate], left_s: float) -> int:
    """As many as fit, at most `MOST_ITERATIONS`; 0 where not even one does."""
    once_s = sum(candidate.forecast.latency_s for candidate in candidates)
    for count in range(MOST_ITERATIONS, 0, -1):
        if ROUNDS * ((count + 1) * once_s + STARTING_S * len(candidates)) <= left_s:
            return count
    return 0


@dataclass
class _Course:
    """The rounds of one setting."""

    bench: Bench
    setting: Setting
    measured: Measured
    watch: Stopwatch
    tell: Callable[[str], None]
    notes: list[str]
    drift: float | None = None

    def run(self, choice: Choice, seed: int) -> tuple[PlanRun, ...]:
        """All plans in every round, each round in an order of its own."""
        dice = random.Random(seed)  # noqa: S311 - a repeatable order, no secret
        candidates, count = self._fitting(choice)
        rounds: dict[str, list[Round]] = {candidate.name: [] for candidate in candidates}
        errors: dict[str, list[str]] = {candidate.name: [] for candidate in candidates}
        before = self.measured.layers
        for _ in range(ROUNDS):
            dice.shuffle(candidates)
            ran = self._round(candidates, count, errors)
            after = self._layers_anew() or before
            request = request_of(self.setting, dataclasses.replace(self.measured, layers=between(before, after)))
            for candidate in candidates:
                if candidate.name in ran:
                    forecast = foreseen(request, candidate.stages)
                    rounds[candidate.name].append(Round(forecast, ran[candidate.name]))
            before = after
        done = tuple(
            PlanRun(each, tuple(rounds[each.name]), tuple(errors[each.name]))
            for each in choice.candidates
            if each.name in rounds
        )
        for plan in done:
            self.tell("  " + told(plan))
        return done

    def _round(self, candidates: Sequence[Candidate], count: int, errors: dict[str, list[str]]) -> dict[str, Ran]:
        """Every plan once, by name; those that failed, or that no time was left for, say so in `errors`."""
        ran = {}
        for candidate in candidates:
            if self.watch.left_s() < 2 * candidate.forecast.latency_s:
                errors[candidate.name].append("no time was left for it")
                continue
            try:
                ran[candidate.name] = self.bench.run(self.setting, candidate, count)
            except (RuntimeError, OSError, ValueError) as error:
                errors[candidate.name].append(str(error))
                _revive(self.bench, self.tell)
        return ran

    def _fitting(self, choice: Choice) -> tuple[list[Candidate], int]:
        """The plans that there is time for, the slowest left out first, and how many iterations of each per round."""
        candidates = list(choice.candidates)
        left_s = self.watch.left_s() * (1 - REMEASURE_SHARE)
        count = iterations_per_round(candidates, left_s)
        while count == 0 and len(candidates) > 2:
            slowest = max(candidates[1:], key=lambda candidate: candidate.forecast.latency_s)
            candidates.remove(slowest)
            predicted = f"{slowest.forecast.latency_s:.2f} s predicted"
            self.notes.append(f"{slowest.name} was left out for want of time ({predicted})")
            count = iterations_per_round(candidates, left_s)
        return candidates, max(1, count)

    def _layers_anew(self) -> Layers | None:
        """The layers timed once more; None where that fails."""
        try:
            layers = self.bench.layers(self.setting)
        except (RuntimeError, OSError, ValueError) as error:
            self.notes.append(f"measuring again failed: {error}")
            _revive(self.bench, self.tell)
            return None
        self.drift = _drift(self.measured.layers, layers)
        return layers


def between(before: Layers, after: Layers) -> Layers:
    """The mean of two measurements: what held halfway, if the machine's pace changed evenly."""
    return {
        node: tuple(
            LayerSeconds((a.forward + b.forward) / 2, *(_mean(getattr(a, name), getattr(b, name)) for name in PASSES))
            for a, b in zip(layers, after[node], strict=True)
        )
        for node, layers in before.items()
    }


def _mean(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else (a + b) / 2


def told(plan: PlanRun) -> str:
    """A plan on one line, as its setting ends."""
    where = " ".join(f"{cut.node}:{cut.first_layer}-{cut.stop_layer}" for cut in plan.candidate.stages)
    if not plan.rounds:
        return f"{plan.name:22} failed: {'; '.join(plan.errors)}  {where}"
    spread = max(plan.seconds) / min(plan.seconds) - 1
    return (
        f"{plan.name:22} predicted {plan.predicted_s:.3f} s, measured {plan.measured_s:.3f} s "
        f"({plan.error:+.1%}, spread {spread:.1%})  {where}"
    )


def _drift(before: Layers, after: Layers) -> float:
    """Layer times later / earlier, median over layers and nodes."""
    return median(
        [
            late.forward / early.forward
            for node, layers in before.items()
            for early, late in zip(layers, after[node], strict=True)
            if early.forward > 0
        ]
    )


def _revive(bench: Bench, tell: Callable[[str], None]) -> None:
    try:
        bench.revive()
    except (RuntimeError, OSError) as error:
        tell(f"  the nodes could not be started again: {error}")
