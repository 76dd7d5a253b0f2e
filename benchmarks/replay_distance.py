"""How far the answer of 1f1b, and the bounds on replays, lie from the best replay of all placements.

    python -m benchmarks.replay_distance [instances per size and warm-up]

Every placement of a small instance is replayed. Per size and warm-up: how often the answer is the best replay and is
proven, its worst distance, and, relative to the best replay: the replay of the plan that is best by formula, and the
least bound over all placements, by the last stage alone ("before") and by the pace of every stage and hop ("now").
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.instances import Recipe, request_body
from models.plan import Status
from models.request import PlanRequest
from placement.backends.brute_force import placements
from placement.constraints import limits_of
from placement.cost_model import compile_problem
from placement.evaluation import Traversal, busy_s, formula_latency_s, stage_seconds, traverse
from placement.feasibility import replayed_figures
from placement.problem import Placement, Problem
from placement.replay_bound import replay_bound_s
from placement.solver import plan

SIZES = ((8, 4), (9, 4), (10, 4))
RECIPE = Recipe(workload="training", schedule="1f1b", activation_share=0.05)

HEADING = """\
| size | warm-up | instances | exactly best | proven | worst answer | best by formula, median (worst) | before | now |
|---|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Distance:
    """One instance, relative to the best replay of all placements."""

    answer: float
    proven: bool
    best_by_formula: float
    last_stage_bound: float
    pace_bound: float


def main() -> None:
    """Print one table row per size and warm-up."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    sys.stdout.write(HEADING)
    for layers, nodes in SIZES:
        for warmup in ("classic", "deep"):
            row = _row(f"{layers}x{nodes}", warmup, [distance(layers, nodes, seed, warmup) for seed in range(count)])
            sys.stdout.write(f"{row}\n")
            sys.stdout.flush()


def _row(size: str, warmup: str, found: list[Distance]) -> str:
    best = sum(one.answer <= 1 + 1e-9 for one in found)
    formula = [one.best_by_formula for one in found]
    cells = [
        size, warmup, len(found), best, sum(one.proven for one in found), f"{max(one.answer for one in found):.3f}",
        f"{median(formula):.3f} ({max(formula):.3f})", f"{median(one.last_stage_bound for one in found):.3f}",
        f"{median(one.pace_bound for one in found):.3f}",
    ]  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


def distance(layers: int, nodes: int, seed: int, warmup: str) -> Distance:
    """The distances of one instance."""
    body = request_body(RECIPE, layers, nodes, seed)
    body["workload"]["warmup"] = warmup
    request = PlanRequest.model_validate(body)
    problem = compile_problem(request)
    seen = list(_replayed(problem))
    best = min(latency for _, _, latency in seen)
    answer = plan(request)
    if answer.latency_s is None:
        raise RuntimeError(f"no plan for {layers}x{nodes}, seed {seed}")
    by_formula = min(seen, key=lambda one: formula_latency_s(problem, one[1]))[2]
    return Distance(
        answer=answer.latency_s / best,
        proven=answer.status is Status.OPTIMAL,
        best_by_formula=by_formula / best,
        last_stage_bound=min(_last_stage_bound_s(problem, p, t) for p, t, _ in seen) / best,
        pace_bound=min(replay_bound_s(problem, p, t) for p, t, _ in seen) / best,
    )


def _replayed(problem: Problem) -> Iterator[tuple[Placement, Traversal, float]]:
    """Every feasible placement with its replayed latency."""
    for placement in placements(problem):
        figures, traversal = replayed_figures(problem, placement, limits_of(problem)), traverse(problem, placement)
        if traversal is not None and figures is not None:
            yield placement, traversal, figures.latency_s


def _last_stage_bound_s(problem: Problem, placement: Placement, traversal: Traversal) -> float:
    """U + max(F + B + (M - 1) (f + b of the last stage), M max_r (f_r + b_r))."""
    count = problem.repetitions
    last = sum(stage_seconds(problem, placement[-1], name) for name in ("forward", "backward"))
    through = traversal.forward_s + traversal.backward_s + (count - 1) * last
    return traversal.update_s + max(through, count * max(busy_s(traversal).values()))


if __name__ == "__main__":
    main()
