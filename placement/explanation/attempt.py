"""What was tried where no plan was found in time, and how near the nearest of the placements tried came."""

from __future__ import annotations

from models.infeasibility import Attempt, Combination, Relaxation, Violation
from placement.constraints import exceeds, limit_violations, placing_violations, structural_violations
from placement.evaluation import Figures, figures_of, traverse
from placement.explanation import quantities as say
from placement.explanation.changes import Change, unchanged
from placement.explanation.knobs import Knob, knobs_of
from placement.problem import Placement, Problem
from placement.search import Search
from placement.simulation import replay


def attempt_of(search: Search, phases: dict[str, float], bound: float | None) -> Attempt:
    """Phases, the bound reached, and the nearest miss among the plans of simple rules and those met on the way."""
    nearest = _nearest(search)
    spent = ", ".join(f"{name} {say.seconds(seconds)}" for name, seconds in phases.items() if name != "total")
    said = f"No plan was found in {say.seconds(phases.get('total', 0.0))} ({spent}); whether one exists is not known."
    if bound is not None:
        said += f" Proven: none has an objective better than {bound:.6g}."
    if nearest is not None:
        said += f" The nearest placement tried would be a plan under this: {nearest.message}."
    return Attempt(message=said, phases=phases, bound=bound, nearest=nearest)


def _nearest(search: Search) -> Combination | None:
    """The least to relax, by the sum of relative excesses, for one of the placements to be a plan."""
    problem, best = search.problem, None
    knobs = [knob for knob in knobs_of(problem) if knob.to is not None and not knob.steps]
    for placement in dict.fromkeys(search.candidates):
        figures = _figures(problem, placement)
        if figures is None or placing_violations(problem, placement):
            continue
        broken = limit_violations(problem, placement, figures)
        if any(violation.constraint == "max_stages" for violation in broken):
            continue
        excess = sum(_excess(violation) for violation in broken)
        if broken and (best is None or excess < best[0]):
            best = excess, _relaxed(problem, placement, figures, knobs)
    return None if best is None else best[1]


def _figures(problem: Problem, placement: Placement) -> Figures | None:
    if structural_violations(problem, placement):
        return None
    traversal = traverse(problem, placement)
    seen = replay(problem, placement) if problem.replays else None
    if traversal is None or (problem.replays and seen is None):
        return None
    return figures_of(problem, placement, traversal, None if seen is None else seen.latency_s)


def _excess(violation: Violation) -> float:
    required, available = violation.required or 0.0, violation.available or 0.0
    return abs(required - available) / max(min(required, available), 1e-12)


def _relaxed(problem: Problem, placement: Placement, figures: Figures, knobs: list[Knob]) -> Combination:
    """Every limit that the placement breaks, moved to what it needs."""
    change, parts = unchanged(problem.request), []
    for knob in knobs:
        needed = _needed(problem, placement, figures, knob)
        assert knob.to is not None
        if needed is None or knob.available is None:
            continue
        own: Change = knob.to(change.request, needed)
        change = change.then(own)
        words = knob.value_words
        parts.append(
            Relaxation(
                constraint=knob.constraint,
                subject=knob.subject,
                message=f"{knob.words}: {words(needed)} instead of {words(knob.available)}",
                required=needed,
                available=knob.available,
                verified=True,
                patch=own.patch,
            )
        )
    return Combination(parts=tuple(parts), message="; and ".join(part.message for part in parts), patch=change.patch)


def _needed(problem: Problem, placement: Placement, figures: Figures, knob: Knob) -> float | None:
    """What the placement needs of a limit that it breaks; None where it keeps it."""
    if knob.used is not None:
        needed = knob.used(problem, placement, figures)
        return needed if exceeds(needed, knob.available or 0.0, 0.0) else None
    rate = problem.repetitions / figures.cycle_s if figures.cycle_s > 0 else None
    reached = {"max_latency_s": figures.latency_s, "max_energy_j": figures.energy_j, "min_throughput_per_s": rate}
    needed_or_none = reached[knob.constraint]
    if needed_or_none is None or knob.available is None:
        return None
    sign = -1.0 if knob.constraint == "min_throughput_per_s" else 1.0
    return needed_or_none if sign * (needed_or_none - knob.available) > 0 else None
