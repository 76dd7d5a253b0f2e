"""Plan a request under variants: the facade of POST /plan:compare."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from models.base import InvalidInput
from models.comparison import CompareRequest, Comparison, Difference, Kept
from models.plan import Plan, Status, Termination
from models.request import PlanRequest
from placement.cost_model import compile_problem
from placement.explanation.comparison import all_proven, difference_of, kept_of, outcome_of, pasted
from placement.explanation.privacy_view import privacy_view, steps_of
from placement.search import Progress
from placement.solver import evaluate, plan
from placement.unfinished import unfinished_plan


def compare(
    request: CompareRequest,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    clock: Callable[[], float] = time.monotonic,
    threads: int = 2,
) -> Comparison:
    """The request and each of its variants planned, one after the other, and how they differ.

    `request.solver.time_limit_s` holds for all: each gets an equal share of what is left. Once cancelled, what is left
    ends at once. Raises InvalidInput for variants that no answer fits (a model that cannot be derived).
    """
    begin = clock()
    steps = [] if request.privacy_sweep is None else steps_of(compile_problem(request.request), request.privacy_sweep)
    each = _Each(
        until=begin + request.request.solver.time_limit_s,
        left=1 + len(request.variants) + len(steps),
        on_progress=on_progress,
        cancelled=cancelled,
        clock=clock,
        threads=threads,
    )
    _check(request)
    base = each.plan("base", request.request)
    variants = [
        _variant(each, variant.name, base, own)
        for variant, own in zip(request.variants, request.variant_requests, strict=True)
    ]
    privacy = privacy_view(steps, lambda own: each.plan("privacy", own)) if steps else None
    seconds = {"total": clock() - begin}
    comparison = Comparison(
        id="comparison-" + hashlib.sha256(_canonical(request)).hexdigest()[:16],
        status=Status.OPTIMAL,
        termination=Termination.OPTIMAL,
        base=outcome_of("base", base),
        variants=tuple(variants),
        privacy=privacy,
        solver=base.solver.model_copy(update={"seconds": seconds, "sizes": {"plans": each.planned}}),
        notes=base.notes,
    )
    if all_proven(comparison):
        return comparison
    stopped = Termination.CANCELLED if cancelled is not None and cancelled() else each.stopped_by
    return comparison.model_copy(update={"status": Status.FEASIBLE, "termination": stopped})


def unfinished_comparison(request: CompareRequest, termination: Termination, *, threads: int = 2) -> Comparison:
    """The comparison of a search that was ended from outside: the base as far as simple rules know it, no variant."""
    base = unfinished_plan(request.request, None, termination, threads=threads)
    return Comparison(
        id="unfinished",
        status=base.status,
        termination=termination,
        base=outcome_of("base", base),
        solver=base.solver,
        notes=(*base.notes, "ended from outside: no variant was compared"),
    )


def _canonical(request: CompareRequest) -> bytes:
    return b"".join(part.model_dump_json().encode() for part in (request, *request.variant_requests))


def _check(request: CompareRequest) -> None:
    """Faults that only show once a variant's layers are known, at the variant's place; all of them at once."""
    faults = []
    for index, own in enumerate(request.variant_requests):
        try:
            compile_problem(own)
        except InvalidInput as error:
            own_model = request.variants[index].model is not None
            faults += [
                fault.below(f"/variants/{index}{'' if own_model and fault.pointer.startswith('/model') else '/patch'}")
                for fault in error.faults
            ]
    try:
        compile_problem(request.request)
    except InvalidInput as error:
        faults += [fault.below("/request") for fault in error.faults]
    if faults:
        raise InvalidInput(faults)


def _variant(each: _Each, name: str, base: Plan, request: PlanRequest) -> Difference:
    own = each.plan(name, request)
    kept: Kept | None = None
    if base.stages:
        found = pasted(base, request)
        if isinstance(found, Kept):
            kept = found
        else:
            try:
                kept = kept_of(evaluate(found))
            except InvalidInput as error:
                kept = kept_of(error)
    return difference_of(name, base, own, kept)


@dataclass
class _Each:
    """Plans one request after the other, each within its share of the time that is left."""

    until: float
    left: int
    on_progress: Callable[[Progress], None] | None
    cancelled: Callable[[], bool] | None
    clock: Callable[[], float]
    threads: int
    planned: int = 0
    stopped_by: Termination = Termination.TIME_LIMIT
    """Why the latest plan that is not proven is not."""

    def plan(self, name: str, request: PlanRequest) -> Plan:
        """The plan of one of the requests."""
        share = max(1e-3, (self.until - self.clock()) / max(1, self.left))
        self.left -= 1
        self.planned += 1
        limit_s = min(share, request.solver.time_limit_s)
        solver = request.solver.model_copy(update={"time_limit_s": limit_s})

        def told(progress: Progress) -> None:
            if self.on_progress is not None:
                self.on_progress(replace(progress, phase=f"{name}: {progress.phase}"))

        found = plan(
            request.model_copy(update={"solver": solver, "explain": None}),
            on_progress=told,
            cancelled=self.cancelled,
            clock=self.clock,
            threads=self.threads,
        )
        if found.termination not in {Termination.OPTIMAL, Termination.INFEASIBLE, None}:
            self.stopped_by = found.termination
        return found
